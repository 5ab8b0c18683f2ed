"""What the data gate looks at, and the rules that it holds against it."""
