"""What a step of a lane bought, in one line for people.

prune channel: parameters 274,442 -> 137,402 (-49.9 %), MACs 40.8 M -> 20.3 M (-50.3 %), zeros 0.0 % -> 0.0 %, …
"""

from __future__ import annotations

from tasks.contracts.artifacts import Model


def savings(stage: str, before: Model, after: Model, *, zeros_before: float, zeros_after: float) -> str:
    """Return parameters, MACs, zeros among the weights and validation accuracy before and after a step.

    Args:
        stage: What was done.
        before: The model that the step was given.
        after: The model that it gives.
        zeros_before: Fraction of zeros among the weights that pruning may touch.
        zeros_after: The same of the result.
    """
    return (
        f"{stage}: parameters {before.parameters:,} -> {after.parameters:,}"
        f" ({_change(before.parameters, after.parameters)}),"
        f" MACs {before.macs:,} -> {after.macs:,} ({_change(before.macs, after.macs)}),"
        f" zeros {zeros_before:.1%} -> {zeros_after:.1%},"
        f" validation accuracy {before.validation_accuracy:.4f} -> {after.validation_accuracy:.4f}"
    )


def _change(before: int, after: int) -> str:
    return f"{(after - before) / before:+.1%}"
