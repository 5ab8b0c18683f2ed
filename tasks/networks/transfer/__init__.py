"""A trained network under a new head: where it is cut, what takes the end's place, and which of its layers learn."""
