"""Data sets as steps read them, and the sources that they are made of."""
