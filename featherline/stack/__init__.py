"""The embedded stack: real servers of a laptop, on loopback, without root and without Docker."""
