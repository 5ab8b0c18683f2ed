"""Maps of attention: which are watched, and what training for them does."""

from __future__ import annotations

import pytest

from featherline.tasks.contracts.fit import DistillationSettings, Fit
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.zoo.resnet import resnet
from featherline.tasks.training.data import TrainingData
from featherline.tasks.training.distillation.attention import last_maps, watched
from featherline.tasks.training.distillation.attention_loss import inattention
from featherline.tasks.training.loop import fit_model

FIT = Fit(epochs=2, batch_size=60, learning_rate=5e-3)


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
    images = data.validation.inputs

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
