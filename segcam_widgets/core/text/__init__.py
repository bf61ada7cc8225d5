"""Numbers and names in sentences, one form of each."""
