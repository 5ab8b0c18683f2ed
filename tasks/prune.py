"""Prune: remove the channels that matter least, so that the model gets physically smaller, or set weights to zero.

    train ──► model ──► [prune] ──► model, same depth, fewer channels     (channel)
                                └─► model, same shape, many zeros         (magnitude, 2:4)

Channels joined by a residual sum leave together. Latency falls in steps of eight channels, not with MACs; zeros save
download size alone. The float baseline (or `teacher`) teaches the fine-tuning where `knowledge` is given, which goes on
from its last checkpoint when it was killed.

    python -m tasks prune --request request.json --result result.json --store var/store
"""

from __future__ import annotations

import math
from contextlib import ExitStack
from typing import Any

from tasks.context import Context
from tasks.contracts.dataset import Dataset
from tasks.contracts.fit import Fit
from tasks.contracts.lane import PruneInputs, PruneOutputs, PruneParams
from tasks.contracts.model import TrainingHistory
from tasks.framework import keras
from tasks.model_files import load_model
from tasks.pruning.rounds import prune_in_rounds
from tasks.pruning.zeros import sparsity
from tasks.savings import savings
from tasks.teachers import read_teacher
from tasks.training.checkpoint import checkpoint_of
from tasks.training.data import load_training_data
from tasks.training.describe import describe
from tasks.training.loop import fit_model


def prune(inputs: PruneInputs, params: PruneParams, context: Context) -> PruneOutputs:
    """Make the model smaller or sparse, and fine-tune it.

    Raises:
        Refused: The model cannot be followed or ranked, the target is out of reach, or the fine-tuning diverges.
        AssertionError: The pruned model is not what was asked: it differs from the masked original, or lacks zeros.
    """
    keras.utils.set_random_seed(context.seed)
    whole = load_model(context.store, inputs.model)
    dataset = context.store.read(inputs.data, Dataset)
    fit, knowledge, stage = params.fit, params.knowledge, _stage(params)
    data = load_training_data(context.store, dataset, train_fraction=fit.train_fraction, seed=context.seed)
    teacher = whole
    if knowledge and params.teacher:
        teacher = read_teacher(params.teacher, data)
    elif knowledge and inputs.teacher:
        teacher = load_model(context.store, inputs.teacher)
    with ExitStack() as stack:

        def learn(model: Any, fit: Fit, *, part: str = "", **more: Any) -> TrainingHistory:  # noqa: ANN401
            checkpoint = stack.enter_context(checkpoint_of("prune", inputs, params, context, part))
            taught = {"teacher": teacher, "knowledge": knowledge} if knowledge else {}
            return fit_model(model, data, fit, seed=context.seed, stage=stage, checkpoint=checkpoint, **taught, **more)

        if params.method == "channel":
            pattern = inputs.model.sparsity
            model, history = prune_in_rounds(whole, params, data, learn, seed=context.seed, stage=stage)
        else:
            from tasks.pruning.sparse import sparse_while_training, stripped  # noqa: PLC0415 - TFMOT costs 1.2 s

            pattern = "2:4" if params.method == "2:4" else "magnitude"
            steps = fit.epochs * math.ceil(len(data.train_labels) / fit.batch_size)
            wrapped, callbacks = sparse_while_training(whole, pattern, params.sparsity, steps)
            # To the end and with the last weights: those of the best epoch may have been dense still.
            to_the_end = fit.model_copy(update={"patience": None})
            history = learn(wrapped, to_the_end, callbacks=callbacks, keep_best=False)
            model = stripped(wrapped, pattern, params.sparsity)
        result = describe(
            context.store, model, data, before=inputs.model, stage=stage, history=history, sparsity=pattern
        )
    print(savings(stage, inputs.model, result, zeros_before=sparsity(whole), zeros_after=sparsity(model)))
    return PruneOutputs(model=result)


def _stage(params: PruneParams) -> str:
    """Return what is done, for people."""
    if params.method == "channel":
        targets = (f"{'' if measure == 'macs' else f'{measure} '}{kept:g}" for measure, kept in params.targets.items())
        words = f"prune channel {params.criterion} {' '.join(targets)}"
        return words if params.rounds == 1 else f"{words} in {params.rounds} rounds"
    return "prune 2:4" if params.method == "2:4" else f"prune magnitude {params.sparsity:g}"
