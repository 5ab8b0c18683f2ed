"""What a model answers: one folder a kind of answer."""
