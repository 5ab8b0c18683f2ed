"""Which step prunes: the section of the recipe that its parameters are written in, and who refuses."""

from __future__ import annotations

from typing import Literal

Section = Literal["prune", "trim"]
