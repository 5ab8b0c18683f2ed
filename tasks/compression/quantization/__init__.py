"""Quantization in training and after it."""
