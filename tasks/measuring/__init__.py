"""What is measured of an exported file, one quantity a file."""
