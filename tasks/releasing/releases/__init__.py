"""Releases: self-contained folders in the store, written whole, signed, and verified before they are trusted."""
