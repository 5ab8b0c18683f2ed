"""Trim: prune a student after its lessons; what `prune` does, in its other place.

    distill ──► student ──► [trim] ──► quantize
    train (or the user's file) ──► teacher of the fine-tuning, where `knowledge` is given

For a searched student, which is built anew and so cannot be pruned before, and for a second cut of another kind: zeros
in a model that `prune` made narrower. The other way round zeros would be lost, and a candidate with it is refused.

    python -m tasks trim --request request.json --result result.json --store var/store
"""

from __future__ import annotations

from tasks.context import Context
from tasks.contracts.lane import PruneInputs, TrimInputs, TrimOutputs, TrimParams
from tasks.prune import prune


def trim(inputs: TrimInputs, params: TrimParams, context: Context) -> TrimOutputs:
    """Make the student smaller or sparse, and fine-tune it.

    Raises:
        Refused: As `prune`.
        AssertionError: As `prune`.
    """
    student = PruneInputs(model=inputs.student, teacher=inputs.teacher, data=inputs.data)
    return TrimOutputs(model=prune(student, params, context).model)
