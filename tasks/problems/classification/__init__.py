"""One class of several: how it is learnt, scored, sliced and told."""
