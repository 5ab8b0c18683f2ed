"""From a chosen candidate to a version that others use: releases, signatures, registries."""
