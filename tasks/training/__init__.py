"""Fitting tf_keras classifiers: data, loop, losses, schedules, augmentation, checkpoints, metrics."""
