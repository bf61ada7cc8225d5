"""The current query of a view, answered in the background: the newest wins."""
