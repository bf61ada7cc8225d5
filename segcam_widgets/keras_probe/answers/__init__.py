"""What the protocol asks, answered for one image."""
