"""One step of training, traced once for every batch size: views, loss, gradients, optimizer.

    batch ──► augment ──► model ──► loss (labels, teacher, weight decay) ──► gradients ──► optimizer
                     └──► teacher ──┘          its logits are known beforehand where the views repeat

The optimizers are Keras' legacy ones: one fused operation a variable, which matters for small models.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from featherline.tasks.contracts.fit import DistillationSettings, Fit
from featherline.tasks.modalities.views import InputViews
from featherline.tasks.networks.framework import KerasModel, Tensor, keras, tf
from featherline.tasks.networks.inputs import input_specs
from featherline.tasks.problems.opening_learning import open_learning
from featherline.tasks.training.distillation.attention import watched
from featherline.tasks.training.distillation.attention_loss import inattention
from featherline.tasks.training.distillation.logits_cache import can_be_cached
from featherline.tasks.training.weight_decay import decay


class Compiled(NamedTuple):
    """What a model is trained with."""

    optimizer: Any
    train_step: Any
    forward: Any


def compile_training(
    model: KerasModel,
    fit: Fit,
    teacher: KerasModel = None,
    distillation: DistillationSettings | None = None,
    *,
    problem: str = "classification",
    views: InputViews | None = None,
) -> Compiled:
    """Return the optimizer, the training step and the forward pass, each traced once for every batch size.

    Of `fit` the optimizer, the loss and the views count; the rates come with each step. `problem` is what is learnt;
    `views` makes those of the data, without which examples are seen as they are.

    Raises:
        Refused: The views would show nothing.
    """
    views = views or InputViews()
    optimizer, learning = _optimizer(fit), open_learning(problem)
    fed = input_specs(model)
    views.check(fit, fed)
    cached = distillation is not None and can_be_cached(fit, distillation, views)
    watching = distillation is not None and distillation.attention > 0
    student_network, teacher_network = watched(model, teacher) if watching else (model, teacher)

    def train_step(inputs: Tensor, labels: Tensor, cached_logits: Any, rate: Any, seed: Any) -> tuple[Tensor, Tensor]:  # noqa: ANN401
        view, share = views.augment(inputs, seed, fit)
        theirs = (
            None
            if distillation is None
            else [cached_logits]
            if cached
            else tf.nest.flatten(teacher_network(view, training=False))
        )
        with tf.GradientTape() as tape:
            logits, *maps = tf.nest.flatten(student_network(view, training=True))
            loss = learning.loss(labels, logits, smoothing=fit.label_smoothing, share=share)
            if distillation is not None and theirs is not None:
                soft = learning.distillation_loss(labels, logits, theirs[0], distillation)
                loss = distillation.alpha * soft + (1 - distillation.alpha) * loss
            if distillation is not None and theirs is not None and maps:
                loss += distillation.attention * inattention(theirs[1:], maps)
            if fit.weight_decay:
                loss += decay(model.trainable_variables, fit.weight_decay)
            if model.losses:
                loss += tf.add_n(model.losses)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.learning_rate.assign(rate)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss, learning.counted(labels, logits)

    def forward(inputs: Tensor) -> Tensor:
        return model(inputs, training=False)

    scalar, pair = tf.TensorSpec((), tf.float32), tf.TensorSpec((2,), tf.int32)
    signature = (fed, learning.targets, tf.TensorSpec((None, None), tf.float32), scalar, pair)
    return Compiled(
        optimizer,
        tf.function(train_step, input_signature=signature),
        tf.function(forward, input_signature=(fed,)),
    )


def _optimizer(fit: Fit) -> Any:  # noqa: ANN401
    if fit.optimizer == "sgd":
        return keras.optimizers.legacy.SGD(fit.learning_rate, momentum=fit.momentum, nesterov=fit.momentum > 0)
    return keras.optimizers.legacy.Adam(fit.learning_rate)
