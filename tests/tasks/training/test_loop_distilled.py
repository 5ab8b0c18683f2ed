"""Teachers in training: run once or each time, watched, and of a student that is quantized."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from featherline.tasks.contracts.fit import DistillationSettings, Fit
from featherline.tasks.networks.framework import keras, tf
from featherline.tasks.networks.zoo.cnn import cnn
from featherline.tasks.training.data import TrainingData
from featherline.tasks.training.loop import fit_model

FIT = Fit(epochs=2, batch_size=60, learning_rate=5e-3)


class Counted(keras.Model):  # type: ignore[misc]
    """Gives the label's class for images of one colour, and counts how often it is asked."""

    def __init__(self) -> None:
        """Nobody has asked."""
        super().__init__()
        self.asked = tf.Variable(0, trainable=False)

    def call(self, inputs: Any, **options: Any) -> Any:  # noqa: ARG002
        """Return ten logits."""
        self.asked.assign_add(1)
        return tf.reshape(inputs, (-1, 64))[:, :10]


@pytest.mark.parametrize(
    ("changes", "times"),
    [({}, 3), ({"crop": 1}, 20), ({"flip": True}, 20)],
    ids=["still", "crop", "flip"],
)
def test_a_teacher_is_asked_once_where_every_view_is_the_same(
    model: Any, data: TrainingData, changes: dict[str, Any], times: int
) -> None:
    """600 images are three calls of up to 256; with random views each of the 2 x 10 steps asks anew."""
    teacher = Counted()

    fit_model(
        model,
        data,
        FIT.model_copy(update=changes),
        seed=0,
        stage="distill",
        teacher=teacher,
        distillation=DistillationSettings(),
    )

    assert int(teacher.asked) == times


def test_a_teacher_is_asked_once_for_each_view(model: Any, data: TrainingData) -> None:
    """Two views that come again in four epochs are 2 x 10 steps, not 4 x 10."""
    teacher, fit = Counted(), FIT.model_copy(update={"epochs": 4, "crop": 1, "flip": True})

    fit_model(
        model,
        data,
        fit,
        seed=0,
        stage="distill",
        teacher=teacher,
        distillation=DistillationSettings(cached_augmentations=2),
    )

    assert int(teacher.asked) == 20


@pytest.mark.parametrize(("views", "moved"), [(2, {"crop": 1}), (3, {"crop": 1}), (2, {"cutout": 3, "mixup": 0.5})])
def test_cached_logits_are_those_of_the_teacher(
    model: Any, data: TrainingData, views: int, moved: dict[str, Any]
) -> None:
    """With as many views as epochs, or with fewer that come again: the losses of a teacher asked in every step."""
    keras.utils.set_random_seed(1)
    teacher, fit = cnn((8, 8, 1), 10, widths=(8,), dense=0), FIT.model_copy(update={"epochs": 3, **moved})
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())

    remembered, asked = (
        fit_model(each, data, fit, seed=0, stage="distill", teacher=teacher, distillation=distillation)
        for each, distillation in (
            (model, DistillationSettings(cached_augmentations=views)),
            (twin, DistillationSettings(cached_augmentations=views, attention=1e-12)),
        )
    )

    assert remembered.loss == pytest.approx(asked.loss, rel=1e-4)


def test_the_logits_of_before_teach_what_fresh_ones_teach(model: Any, data: TrainingData) -> None:
    """Known beforehand or asked in each step (as attention of next to no weight makes it): the same losses."""
    keras.utils.set_random_seed(1)
    teacher = cnn((8, 8, 1), 10, widths=(8,), dense=0)
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())

    before, fresh = (
        fit_model(each, data, FIT, seed=0, stage="distill", teacher=teacher, distillation=distillation)
        for each, distillation in ((model, DistillationSettings()), (twin, DistillationSettings(attention=1e-12)))
    )

    assert before.loss == pytest.approx(fresh.loss, rel=1e-4)


@pytest.mark.parametrize(
    "distillation",
    [
        DistillationSettings(loss="dkd", beta=2),
        DistillationSettings(loss="dist", alpha=0.6),
        DistillationSettings(attention=100),
    ],
    ids=["dkd", "dist", "attention"],
)
def test_a_quantized_student_is_taught(data: TrainingData, distillation: DistillationSettings) -> None:
    """Every kind of distillation works in quantization-aware training."""
    from featherline.tasks.compression.quantization.in_training.qat import quantized_while_training  # noqa: PLC0415 - TFMOT costs a second

    keras.utils.set_random_seed(0)
    teacher = cnn((8, 8, 1), 10, widths=(16,), dense=0)
    fit_model(teacher, data, FIT, seed=0, stage="teacher")
    student = quantized_while_training(teacher, keep_zeros=False, keep_clusters=False)

    history = fit_model(student, data, FIT, seed=0, stage="quantize qat", teacher=teacher, distillation=distillation)

    assert np.isfinite(history.loss).all()
    assert history.loss[-1] < history.loss[0]
