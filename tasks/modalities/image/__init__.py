"""Images: how they are read, stored, augmented and fed."""
