"""Deletion and insertion, of pixels and of channels."""
