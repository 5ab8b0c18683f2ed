"""The parameters that one modality alone has; `parameters` puts those of all together for the other contracts."""

DEFAULT_MODALITY = "image"
"""Of data whose recipe names none, and of documents of versions that knew no other."""
