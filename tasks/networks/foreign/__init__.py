"""Reading a user's own model file without running anything that is in it."""
