"""The parameters that one modality alone has; its data section and its training take them up."""
