"""Every layer and every class at once."""
