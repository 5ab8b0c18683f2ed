"""The steps of training, traced once for every batch size: model input, views, loss, gradients, optimizer.

    batch, as stored ──► model input ──► augment ──► model ──► loss (labels, teacher, weight decay) ──► optimizer
                                             └──► teacher ──┘   its logits are known beforehand where the views repeat

Several steps are one call, since calling costs as much as the step of a small network does. What a call is given, all
examples of a split or those of its batches alone, changes nothing of a step.

The optimizers are Keras' legacy ones: one fused operation a variable, which matters for small models.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.fit import DistillationSettings, Fit
from featherline.tasks.modalities.views import InputViews
from featherline.tasks.networks.framework import KerasModel, Tensor, keras, tf
from featherline.tasks.networks.inputs import input_specs
from featherline.tasks.problems.opening_learning import open_learning
from featherline.tasks.training.distillation.attention import watched
from featherline.tasks.training.distillation.attention_loss import inattention
from featherline.tasks.training.distillation.logits_cache import can_be_cached
from featherline.tasks.training.parameter_groups import GroupedOptimizer, ParameterGroup
from featherline.tasks.training.weight_decay import decay


class Compiled(NamedTuple):
    """What a model is trained with."""

    optimizer: GroupedOptimizer
    train_steps: Any
    """(examples, targets, order, ends, cached logits, rates, seeds) -> (steps,) losses, (steps,) summed qualities."""
    forward: Any
    """Examples as they are stored -> outputs."""
    signature: tuple[Any, Any]
    """Of examples, as they are stored, and targets."""


def compile_training(
    model: KerasModel,
    fit: Fit,
    teacher: KerasModel = None,
    distillation: DistillationSettings | None = None,
    *,
    problem: str = "classification",
    views: InputViews | None = None,
    weights: NDArray[np.float32] | None = None,
    groups: Sequence[ParameterGroup] | None = None,
) -> Compiled:
    """Return the optimizer, the training steps and the forward pass, each traced once for every batch size.

    Of `fit` the optimizer, the loss and the views count; the rates come with each step. `problem` is what is learnt;
    `views` makes model inputs and views of the data, without which examples are seen as they are. `groups` is what
    learns, and at which part of the rate; all that the model lets learn where absent.

    `weights`, (strata,), say how much the loss of an example counts.

    Raises:
        Refused: The views would show nothing.
    """
    views = views or InputViews()
    learning, groups = open_learning(problem), groups or [ParameterGroup(model.trainable_variables)]
    optimizer = GroupedOptimizer(groups, partial(_optimizer, fit))
    views.check(fit, input_specs(model))
    fed = stored_specs(model, views)
    cached = distillation is not None and can_be_cached(fit, distillation, views)
    watching = distillation is not None and distillation.attention > 0
    student_network, teacher_network = watched(model, teacher) if watching else (model, teacher)

    def train_step(stored: Tensor, labels: Tensor, cached_logits: Any, rate: Any, seed: Any) -> tuple[Tensor, Tensor]:  # noqa: ANN401
        view, share = views.augment(views.model_inputs(stored), seed, fit)
        theirs = (
            None
            if distillation is None
            else [cached_logits]
            if cached
            else tf.nest.flatten(teacher_network(view, training=False))
        )
        with tf.GradientTape() as tape:
            logits, *maps = tf.nest.flatten(student_network(view, training=True))
            count = None if weights is None else learning.weights(labels, tf.constant(weights), share)
            loss = learning.loss(labels, logits, smoothing=fit.label_smoothing, share=share, weights=count)
            if distillation is not None and theirs is not None:
                soft = learning.distillation_loss(labels, logits, theirs[0], distillation, weights=count)
                loss = distillation.alpha * soft + (1 - distillation.alpha) * loss
            if distillation is not None and theirs is not None and maps:
                loss += distillation.attention * inattention(theirs[1:], maps)
            if fit.weight_decay:
                loss += decay(optimizer.variables, fit.weight_decay)
            if model.losses:
                loss += tf.add_n(model.losses)
        optimizer.apply(tape.gradient(loss, optimizer.variables), rate)
        return loss, learning.counted(labels, logits)

    def train_steps(  # noqa: PLR0917 - TensorFlow's signatures are by position
        examples: Tensor, targets: Tensor, order: Tensor, ends: Tensor, logits: Tensor, rates: Tensor, seeds: Tensor
    ) -> tuple[Tensor, Tensor]:
        steps = tf.shape(rates)[0]

        def body(step: Tensor, losses: Any, counted: Any) -> tuple[Tensor, Any, Any]:  # noqa: ANN401
            span = slice(ends[step], ends[step + 1])
            batch = order[span]
            stored = tf.nest.map_structure(lambda values: tf.gather(values, batch), examples)
            loss, count = train_step(stored, tf.gather(targets, batch), logits[span], rates[step], seeds[step])
            return step + 1, losses.write(step, loss), counted.write(step, tf.cast(count, tf.float32))

        numbers = (tf.TensorArray(tf.float32, steps) for _ in range(2))
        _, losses, counted = tf.while_loop(lambda step, *_: step < steps, body, (0, *numbers), parallel_iterations=1)
        return losses.stack(), counted.stack()

    def forward(stored: Tensor) -> Tensor:
        return model(views.model_inputs(stored), training=False)

    places, rates, seeds = (
        tf.TensorSpec((None,), tf.int32),
        tf.TensorSpec((None,), tf.float32),
        tf.TensorSpec((None, 2), tf.int32),
    )
    signature = (fed, learning.targets, places, places, tf.TensorSpec((None, None), tf.float32), rates, seeds)
    return Compiled(
        optimizer,
        tf.function(train_steps, input_signature=signature),
        tf.function(forward, input_signature=(fed,)),
        (fed, learning.targets),
    )


def stored_specs(model: KerasModel, views: InputViews) -> Any:  # noqa: ANN401 - of TensorFlow
    """Return what a compiled step is fed for a model, as a signature: a `TensorSpec`, or a dict of several."""
    specs = input_specs(model)
    dtypes = views.dtypes_in_graph(specs)
    if isinstance(specs, dict):
        return {name: tf.TensorSpec(spec.shape, dtypes[name]) for name, spec in specs.items()}
    return tf.TensorSpec(specs.shape, next(iter(dtypes.values())))


def _optimizer(fit: Fit) -> Any:  # noqa: ANN401
    if fit.optimizer == "sgd":
        return keras.optimizers.legacy.SGD(fit.learning_rate, momentum=fit.momentum, nesterov=fit.momentum > 0)
    return keras.optimizers.legacy.Adam(fit.learning_rate)
