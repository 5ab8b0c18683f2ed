"""A model cut and fine-tuned: what the steps `prune` and `trim` do, each in its place of the lane.

model ──► channels in rounds, or zeros while training ──► fine-tuning ◄── teacher ──► Model, described
"""

from __future__ import annotations

import math
from contextlib import ExitStack
from typing import Any

from featherline.tasks.compression.pruning.rounds import prune_in_rounds
from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.fit import Fit
from featherline.tasks.contracts.model import Model, TrainingHistory
from featherline.tasks.contracts.steps.prune import PruneInputs, PruneParams
from featherline.tasks.contracts.steps.trim import TrimInputs
from featherline.tasks.measuring.stage_effects import savings
from featherline.tasks.modalities.image.preprocessing import preprocessing_of
from featherline.tasks.networks.framework import KerasModel, keras
from featherline.tasks.networks.model_files import load_model
from featherline.tasks.networks.zeros import sparsity
from featherline.tasks.running.context import Context
from featherline.tasks.training.checkpoint import checkpoint_of
from featherline.tasks.training.data import load_training_data
from featherline.tasks.training.describe import describe
from featherline.tasks.training.loop import fit_model
from featherline.tasks.training.teachers import read_teacher, teacher_of_run


def cut_and_fine_tuned(inputs: PruneInputs | TrimInputs, params: PruneParams, context: Context) -> Model:
    """Return the model, smaller or sparse.

    Args:
        inputs: Of `prune`, whose model teaches itself; or of `trim`, whose student the float baseline teaches.
        params: What is cut, and how the rest learns.
        context: Of the step.

    Raises:
        Refused: The model cannot be followed or ranked, the target is out of reach, or the fine-tuning diverges.
        AssertionError: The pruned model is not what was asked: it differs from the masked original, or lacks zeros.
    """
    given = inputs.student if isinstance(inputs, TrimInputs) else inputs.model
    keras.utils.set_random_seed(context.seed)
    whole = load_model(context.store, given)
    dataset = context.store.read(inputs.data, Dataset)
    fit, distillation, stage = params.fit, params.distillation, _stage(params)
    own = preprocessing_of(given, dataset)
    data = load_training_data(context.store, dataset, own, train_fraction=fit.train_fraction, seed=context.seed)
    teacher = whole
    if distillation and params.teacher:
        read = read_teacher(params.teacher, params.teacher_preprocessing, dataset, context.store)
        teacher = read.seen_from(data)
    elif distillation and isinstance(inputs, TrimInputs):
        teacher = teacher_of_run(context.store, inputs.teacher, dataset).seen_from(data)
    with ExitStack() as stack:

        def learn(model: KerasModel, fit: Fit, *, part: str = "", **more: Any) -> TrainingHistory:  # noqa: ANN401
            checkpoint = stack.enter_context(checkpoint_of(context, part))
            taught = {"teacher": teacher, "distillation": distillation} if distillation else {}
            return fit_model(model, data, fit, seed=context.seed, stage=stage, checkpoint=checkpoint, **taught, **more)

        if params.method == "channel":
            pattern = given.sparsity
            model, history, missed = prune_in_rounds(whole, params, data, learn, seed=context.seed, stage=stage)
            stage = f"{stage} ({missed})" if missed else stage
        else:
            from featherline.tasks.compression.pruning.sparse import sparse_while_training, stripped  # noqa: PLC0415 - TFMOT costs 1.2 s

            pattern = "2:4" if params.method == "2:4" else "magnitude"
            steps = fit.epochs * math.ceil(len(data.train_labels) / fit.batch_size)
            wrapped, callbacks = sparse_while_training(whole, pattern, params.sparsity, steps)
            # To the end and with the last weights: those of the best epoch may have been dense still.
            to_the_end = fit.model_copy(update={"patience": None, "keep": "last"})
            history = learn(wrapped, to_the_end, callbacks=callbacks)
            model = stripped(wrapped, pattern, params.sparsity)
        result = describe(context.store, model, data, before=given, stage=stage, history=history, sparsity=pattern)
    print(savings(stage, given, result, zeros_before=sparsity(whole), zeros_after=sparsity(model)))
    return result


def _stage(params: PruneParams) -> str:
    """Return what is done, for people."""
    if params.method == "channel":
        targets = (f"{'' if measure == 'macs' else f'{measure} '}{kept:g}" for measure, kept in params.targets.items())
        words = f"prune channel {params.criterion} {' '.join(targets)}"
        return words if params.rounds == 1 else f"{words} in {params.rounds} rounds"
    return "prune 2:4" if params.method == "2:4" else f"prune magnitude {params.sparsity:g}"
