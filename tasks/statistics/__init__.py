"""How sure a measured difference is. NumPy only."""
