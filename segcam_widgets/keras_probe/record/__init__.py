"""A model as a flat list of steps, whatever kind of model it is."""
