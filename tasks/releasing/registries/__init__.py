"""The model registry: numbered versions of a model, and aliases that say which one is the champion.

    release ──► version 1, 2, 3 …      challenger ──► 3      champion ──► 2

Two keep it: the store itself, which needs nothing but the store, and an MLflow server. The deployment says which.
"""
