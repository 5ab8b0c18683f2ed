"""The training loop of every step that trains: epochs of compiled steps, measured after each, one line an epoch.

    order and views by the seed ──► training steps ──► validation ──► history, checkpoint ──► patience? ──► next epoch

Shuffling and views depend on the seed and the round alone, which is the epoch where views do not repeat, so a
training that goes on from a checkpoint sees what it would have seen.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.fit import DistillationSettings, Fit
from featherline.tasks.contracts.model import TrainingHistory
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.networks.framework import KerasModel, keras
from featherline.tasks.problems.scored import quality_value
from featherline.tasks.store.artifacts import Store
from featherline.tasks.training.batches import epoch_order, even_batches
from featherline.tasks.training.calls import Feed
from featherline.tasks.training.checkpoint import Checkpoint, TrainingState
from featherline.tasks.training.data import TrainingData
from featherline.tasks.training.distillation.logits_cache import LogitsCache, can_be_cached, view_seed
from featherline.tasks.training.epoch import Epoch, run_epoch, unknown_logits
from featherline.tasks.training.history import empty_history, is_best, longer, out_of_patience, progress_line
from featherline.tasks.training.parameter_groups import GroupedOptimizer
from featherline.tasks.training.phases import Phases
from featherline.tasks.training.schedules import learning_rates
from featherline.tasks.training.thawing import Thawing
from featherline.tasks.training.training_step import Compiled, compile_training


def fit_model(
    model: KerasModel,
    data: TrainingData,
    fit: Fit,
    *,
    seed: int,
    stage: str,
    teacher: KerasModel = None,
    distillation: DistillationSettings | None = None,
    callbacks: Sequence[Any] = (),
    checkpoint: Checkpoint | None = None,
    say: Callable[[str], None] = print,
    compiled: Compiled | None = None,
    store: Store | None = None,
    thawing: Thawing | None = None,
) -> TrainingHistory:
    """Train a model in place.

    Args:
        model: Gives its outputs, (n, ...).
        data: What it learns from, and what it is measured on after each epoch.
        fit: The parameters. With 0 epochs nothing is done.
        seed: Of the order of the examples and of their random views.
        stage: What the progress lines and the history are called.
        teacher: Gives logits too; sees the same view of each example. Needs `distillation`, and the other way round.
        distillation: How much the teacher counts.
        callbacks: tf_keras callbacks, such as TFMOT's `UpdatePruningStep`.
        checkpoint: Where an earlier, killed training of this very work may have left its state.
        say: Gets a line an epoch.
        compiled: What `compile_training` gave for this model and loss, when it is trained on: nothing is traced again,
            and the optimizer goes on from where it was.
        store: Where the teacher's logits are shared with other trainings.
        thawing: What learns in which epoch, where not all does from the first one on; with it none is `compiled`. The
            end of the last thaw is where patience begins.

    Returns:
        The curves, a number an epoch; fewer than `fit.epochs` where patience ended it.

    Raises:
        Refused: The loss is not finite.
        ValueError: One of teacher and distillation is missing.
    """
    if (teacher is None) != (distillation is None):
        raise ValueError("distillation needs a teacher and its distillation, both")
    history = empty_history(stage, data.problem.quality)
    best: list[NDArray[Any]] = []
    if fit.epochs == 0:
        return history
    count = len(data.train.targets)
    batches, strata = math.ceil(count / fit.batch_size), data.problem.strata(data.train.targets)
    rates = learning_rates(fit, fit.epochs * batches)
    state = checkpoint.load() if checkpoint else None
    phases = Phases(
        thawing,
        compiled,
        lambda groups: compile_training(
            model,
            fit,
            teacher,
            distillation,
            problem=data.problem.name,
            views=data.views,
            weights=data.strata_weights(fit),
            groups=groups,
        ),
    )
    compiled = phases.at(max(len(state.history.loss) - 1, 0) if state else 0)
    train, validation = (Feed(part, data.views, compiled.signature) for part in (data.train, data.validation))
    cache = (
        LogitsCache(teacher, data, fit, seed=seed, store=store)
        if distillation and can_be_cached(fit, distillation, data.views)
        else None
    )
    rounds = distillation.cached_augmentations if distillation and distillation.cached_augmentations else fit.epochs
    if state and _restored(model, compiled.optimizer, state):
        history, best = state.history, state.best
        print(f"{stage}: goes on after epoch {len(history.loss)} of {fit.epochs}")
    listeners = _listeners(callbacks, model, compiled.optimizer, fit.epochs, batches)
    while len(history.loss) < fit.epochs and not out_of_patience(history, fit.patience, since=phases.last):
        epoch, started = len(history.loss), time.monotonic()
        compiled = phases.at(epoch)
        round_ = epoch % rounds
        steps = slice(epoch * batches, (epoch + 1) * batches)
        dealt = even_batches(epoch_order(strata, seed, round_, balanced=fit.sampling == "balanced"), batches)
        logits_of = cache.of(round_, dealt) if cache else unknown_logits(dealt)
        seeds = np.stack([view_seed(seed, round_ * batches + number) for number in range(batches)])
        listeners.on_epoch_begin(epoch)
        taken = Epoch(dealt, logits_of, rates[steps], seeds)
        loss, quality = run_epoch(compiled, train, taken, data.problem, listeners)
        listeners.on_epoch_end(epoch)
        logits = np.concatenate([compiled.forward(block).numpy() for block in validation.blocks()])
        history = longer(
            history,
            loss=loss,
            quality=quality,
            validation_loss=data.problem.mean_loss(logits, data.validation.targets),
            validation_quality=quality_value(data.problem, logits, data.validation.targets),
            learning_rate=float(rates[steps.start]),
            seconds=time.monotonic() - started,
        )
        if not math.isfinite(loss + history.validation_loss[-1]):
            raise _diverged(stage, epoch, fit)
        if fit.keep == "best" and is_best(history):
            best = model.get_weights()
        say(progress_line(history, fit.epochs))
        if checkpoint and checkpoint.due and len(history.loss) < fit.epochs:
            checkpoint.save(TrainingState(history, model.get_weights(), compiled.optimizer.get_weights(), best))
    listeners.on_train_end()
    if callbacks:
        del model.optimizer
    if best:
        model.set_weights(best)
    return history


def _listeners(
    callbacks: Sequence[Any], model: KerasModel, optimizer: GroupedOptimizer, epochs: int, batches: int
) -> Any:  # noqa: ANN401 - of tf_keras
    """Return the callbacks as one, told that training begins, and give the model what they ask of a compiled one."""
    if callbacks:
        model.optimizer = optimizer.of_keras
    params = {"epochs": epochs, "steps": batches, "verbose": 0}
    listeners = keras.callbacks.CallbackList(list(callbacks), add_history=False, model=model, **params)
    listeners.on_train_begin()
    return listeners


def _restored(model: KerasModel, optimizer: GroupedOptimizer, state: TrainingState) -> bool:
    """Put a state into a network and its optimizer, and return True, unless it is one of another network."""
    optimizer.create()
    held = (model.get_weights(), optimizer.get_weights(), model.get_weights() if state.best else [])
    kept = (state.weights, state.optimizer, state.best)
    if [[part.shape for part in parts] for parts in held] != [[part.shape for part in parts] for parts in kept]:
        print("the checkpoint is of another network: training starts anew")
        return False
    model.set_weights(state.weights)
    optimizer.set_weights(state.optimizer)
    return True


def _diverged(stage: str, epoch: int, fit: Fit) -> Exception:
    return refuse(
        f"{stage}: training diverged",
        expected="a finite loss",
        got=f"a loss that is no finite number in epoch {epoch + 1}",
        fix=f"lower its learning rate (now {fit.learning_rate:g}): train.learning_rate, or fit.learning_rate in the "
        "section of the candidate's step; or correct examples that are not finite",
    )
