"""Prune: remove the channels that matter least, so that the model gets physically smaller, or set weights to zero.

    train ──► model ──► [prune] ──► model, same depth, fewer channels     (channel)
                                └─► model, same shape, many zeros         (magnitude, 2:4)

Channels joined by a residual sum leave together. Latency falls in steps of eight channels, not with MACs; zeros save
download size alone. The float baseline (or `teacher`) is the teacher of the fine-tuning where `distillation` is
given; a killed one goes on from its last checkpoint.

    python -m featherline.tasks prune --request request.json --result result.json --store var/store
"""

from __future__ import annotations

from featherline.tasks.compression.pruning.fine_tuned import cut_and_fine_tuned
from featherline.tasks.contracts.steps.prune import PruneInputs, PruneOutputs, PruneParams
from featherline.tasks.running.context import Context


def prune(inputs: PruneInputs, params: PruneParams, context: Context) -> PruneOutputs:
    """Make the model smaller or sparse, and fine-tune it.

    Raises:
        Refused: The model cannot be followed or ranked, the target is out of reach, or the fine-tuning diverges.
        AssertionError: The pruned model is not what was asked: it differs from the masked original, or lacks zeros.
    """
    return PruneOutputs(model=cut_and_fine_tuned(inputs, params, context))
