"""What only one kind of problem says."""
