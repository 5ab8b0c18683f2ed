"""Searching for architectures: spaces, samplers, the shared study, and what a network costs before it is trained."""
