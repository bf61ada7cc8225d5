"""What every room of the core needs: read-only arrays, checks, frozen mappings, progress, registries."""
