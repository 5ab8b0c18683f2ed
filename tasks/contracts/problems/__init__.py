"""The parameters and words that one kind of problem alone has; `parameters` puts those of all together."""

DEFAULT_PROBLEM = "classification"
"""Of data whose recipe names none."""
