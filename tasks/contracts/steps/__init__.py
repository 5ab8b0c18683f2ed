"""The inputs, parameters and outputs of each step: those of `steps/prune.py` are in `contracts/steps/prune.py`."""
