"""Votes: how much each channel pulls on every class at every output pixel."""
