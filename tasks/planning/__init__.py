"""From a recipe to its candidates: reading, checking, expanding, and what can fit a budget at all."""
