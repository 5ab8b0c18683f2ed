"""The command line, and the stack of a laptop behind it."""
