"""What a person sets: region, layer, class, score, display, images."""
