"""Trim: prune a student after distillation; what `prune` does, in its other place.

    distill ──► student ──► [trim] ──► quantize
    train (or the user's file) ──► teacher of the fine-tuning, where `distillation` is given

For a searched student, which is built anew and so cannot be pruned before, and for a second cut of another kind: zeros
in a model that `prune` made narrower. The other way round zeros would be lost, and a candidate with it is refused.

    python -m featherline.tasks trim --request request.json --result result.json --store var/store
"""

from __future__ import annotations

from featherline.tasks.compression.pruning.fine_tuned import cut_and_fine_tuned
from featherline.tasks.contracts.steps.trim import TrimInputs, TrimOutputs, TrimParams
from featherline.tasks.running.context import Context


def trim(inputs: TrimInputs, params: TrimParams, context: Context) -> TrimOutputs:
    """Make the student smaller or sparse, and fine-tune it.

    Raises:
        Refused: As `prune`, by the name of this step and of its own parameters.
        AssertionError: As `prune`.
    """
    return TrimOutputs(model=cut_and_fine_tuned(inputs, params, context))
