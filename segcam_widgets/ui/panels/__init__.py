"""What a person reads beside the picture, one module each."""
