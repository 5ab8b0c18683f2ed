"""Candidates as the release gate and the choice see them: numbers, comparisons and rules."""
