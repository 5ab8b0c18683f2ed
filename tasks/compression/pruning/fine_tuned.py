"""A model cut and fine-tuned: what the steps `prune` and `trim` do, each in its place of the lane.

model ──► channels in rounds, or zeros while training ──► fine-tuning ◄── teacher ──► Model, described
"""

from __future__ import annotations

import math
from typing import Literal

from featherline.tasks.compression.pruning.rounds import prune_in_rounds
from featherline.tasks.compression.pruning.section import Section
from featherline.tasks.contracts.model import Model, TrainingHistory
from featherline.tasks.contracts.steps.prune import PruneInputs, PruneParams
from featherline.tasks.contracts.steps.trim import TrimInputs
from featherline.tasks.modalities.feeding import preprocessing_of
from featherline.tasks.networks.framework import KerasModel
from featherline.tasks.networks.model_files import load_model
from featherline.tasks.networks.zeros import sparsity
from featherline.tasks.running.context import Context
from featherline.tasks.training.session import TrainingSession
from featherline.tasks.training.teachers import find_teacher


def cut_and_fine_tuned(inputs: PruneInputs | TrimInputs, params: PruneParams, context: Context) -> Model:
    """Return the model, smaller or sparse.

    Args:
        inputs: Of `prune`, whose model is its own teacher; or of `trim`, whose teacher is the float baseline.
        params: What is cut, and how the rest learns.
        context: Of the step.

    Raises:
        Refused: The model cannot be followed or ranked, the target is out of reach, or the fine-tuning diverges.
        AssertionError: The pruned model is not what was asked: it differs from the masked original, or lacks zeros.
    """
    section: Section
    section, given = ("trim", inputs.student) if isinstance(inputs, TrimInputs) else ("prune", inputs.model)
    stage = _stage(params)
    with TrainingSession(inputs.data, context) as session:
        whole = load_model(context.store, given)
        session.feed(preprocessing_of(given, session.dataset), params.fit.train_fraction)
        if params.distillation:
            session.learn_from(_teacher(inputs, params, session, whole), params.distillation)
        if params.method == "channel":
            pattern = given.sparsity
            model, history, missed = prune_in_rounds(
                whole, params, session.data, session.fit, seed=session.seed, stage=stage, section=section
            )
            stage = f"{stage} ({missed})" if missed else stage
            off_target = (stage,) if missed else ()
        else:
            off_target = ()
            pattern = "2:4" if params.method == "2:4" else "magnitude"
            model, history = _with_zeros(whole, pattern, params, session, stage=stage, section=section)
        return session.result(
            model,
            stage,
            history,
            before=given,
            zeros_before=sparsity(whole),
            sparsity=pattern,
            off_target=(*given.off_target, *off_target),
        )


def _teacher(
    inputs: PruneInputs | TrimInputs, params: PruneParams, session: TrainingSession, whole: KerasModel
) -> KerasModel:
    """Return the teacher that is named, the float baseline, or where the model is the baseline that one, uncut."""
    if params.teacher is None and isinstance(inputs, PruneInputs):
        return whole
    baseline = inputs.teacher if isinstance(inputs, TrimInputs) else inputs.model
    return find_teacher(params, baseline, session.dataset, session.store).seen_from(session.data)


def _with_zeros(
    whole: KerasModel,
    pattern: Literal["magnitude", "2:4"],
    params: PruneParams,
    session: TrainingSession,
    *,
    stage: str,
    section: Section,
) -> tuple[KerasModel, TrainingHistory]:
    """Set weights to zero while the model learns."""
    from featherline.tasks.compression.pruning.sparse import sparse_while_training, strip_pruning  # noqa: PLC0415 - TFMOT costs 1.2 s

    steps = params.fit.epochs * math.ceil(len(session.data.train.targets) / params.fit.batch_size)
    wrapped, callbacks = sparse_while_training(whole, pattern, params.sparsity, steps, section)
    # To the end and with the last weights: those of the best epoch may have been dense still.
    to_the_end = params.fit.model_copy(update={"patience": None, "keep": "last"})
    history = session.fit(wrapped, to_the_end, stage=stage, callbacks=callbacks)
    return strip_pruning(wrapped, pattern, params.sparsity), history


def _stage(params: PruneParams) -> str:
    """Return what is done, for people."""
    if params.method == "channel":
        targets = (f"{'' if measure == 'macs' else f'{measure} '}{kept:g}" for measure, kept in params.targets.items())
        words = f"prune channel {params.criterion} {' '.join(targets)}"
        return words if params.rounds == 1 else f"{words} in {params.rounds} rounds"
    return "prune 2:4" if params.method == "2:4" else f"prune magnitude {params.sparsity:g}"
