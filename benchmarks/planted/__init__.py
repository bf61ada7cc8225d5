"""Networks whose cause is known by construction: whether the headline of ``sc.diagnose`` is right."""
