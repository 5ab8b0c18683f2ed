"""What a model reads: one folder a kind of input."""
