"""Teachers in the loop: asked once or each time, watched, and of a student that is quantized."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from featherline.tasks.contracts.fit import DistillationSettings, Fit
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.networks.framework import keras, tf
from featherline.tasks.networks.zoo.cnn import cnn
from featherline.tasks.networks.zoo.resnet import resnet
from featherline.tasks.training.data import TrainingData
from featherline.tasks.training.distillation.attention import last_maps, watched
from featherline.tasks.training.distillation.logit_losses import inattention
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
def test_what_is_remembered_teaches_what_is_asked(
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


def test_the_last_tensor_of_each_size_is_watched() -> None:
    """A ResNet hands on three sizes; each map is what its stage's last sum became."""
    model = resnet((8, 8, 1), 10, depth=8, width=8)

    maps = last_maps(model)

    assert {size: tensor.shape[-1] for size, tensor in maps.items()} == {(8, 8): 8, (4, 4): 16, (2, 2): 32}
    assert all(isinstance(tensor.node.layer, keras.layers.ReLU) for tensor in maps.values())


def test_attention_brings_the_maps_together(data: TrainingData) -> None:
    """Trained for attention alone, a narrower student looks where its teacher looks more than it did."""
    keras.utils.set_random_seed(0)
    teacher, student = (resnet((8, 8, 1), 10, depth=8, width=width) for width in (8, 4))
    student_network, teacher_network = watched(student, teacher)
    images = data.validation_images

    def apart() -> float:
        return float(
            inattention(teacher_network(images, training=False)[1:], student_network(images, training=True)[1:])
        )

    before = apart()
    distillation = DistillationSettings(alpha=0, attention=1000)
    fit = FIT.model_copy(update={"keep": "last"})
    fit_model(student, data, fit, seed=0, stage="distill", teacher=teacher, distillation=distillation)

    assert apart() < 0.8 * before


def test_networks_without_a_common_size_are_refused() -> None:
    """The message says which sizes each has."""
    other = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(4, 3), keras.layers.Flatten()])

    with pytest.raises(Refused) as refused:
        watched(other, resnet((8, 8, 1), 10, depth=8, width=8))

    assert refused.value.problems[0].got == "student 6x6; teacher 8x8, 4x4, 2x2"


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
    """Every kind of distillation works on a network that trains with int8 rounding in the loop."""
    from featherline.tasks.compression.quantization.in_training.qat import quantized_while_training  # noqa: PLC0415 - TFMOT costs a second

    keras.utils.set_random_seed(0)
    teacher = cnn((8, 8, 1), 10, widths=(16,), dense=0)
    fit_model(teacher, data, FIT, seed=0, stage="teacher")
    student = quantized_while_training(teacher, keep_zeros=False, keep_clusters=False)

    history = fit_model(student, data, FIT, seed=0, stage="quantize qat", teacher=teacher, distillation=distillation)

    assert np.isfinite(history.loss).all()
    assert history.loss[-1] < history.loss[0]
