"""What makes a model light: pruning, quantization, architecture search, and the dry run of all of them."""
