"""Proposing whole pipelines: the grid of what a lane may do, orders known to be good, and what was learnt."""
