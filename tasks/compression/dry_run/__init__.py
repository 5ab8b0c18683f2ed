"""Trying a network and its candidates with fresh weights, in a process of their own."""
