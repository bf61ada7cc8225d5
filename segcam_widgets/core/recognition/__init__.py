"""Which recipe gives the pooled gradients of somebody's own script."""
