"""The step `train` on a file that was trained for something else: a new head, and layers that do not learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.fit import DistillationSettings, Fit
from featherline.tasks.contracts.model import Architecture
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.steps.export import ExportInputs, ExportParams
from featherline.tasks.contracts.steps.prune import PruneInputs, PruneParams
from featherline.tasks.contracts.steps.quantize import QuantizeInputs, QuantizeParams
from featherline.tasks.contracts.steps.train import TrainInputs, TrainParams
from featherline.tasks.contracts.transfer import Freezing, NewHead, Thaw
from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.model_files import load_model
from featherline.tasks.networks.zoo.build import build
from featherline.tasks.running.context import Context
from featherline.tasks.steps.export import export
from featherline.tasks.steps.prune import prune
from featherline.tasks.steps.quantize import quantize
from featherline.tasks.steps.train import train
from tests.tasks.conftest import SIZES

MOBILENET = Architecture(builder="mobilenet", options={"stem": 8, "widths": [16, 24], "depths": [1, 1], "expansion": 2})
FIT = Fit(epochs=3, batch_size=32, learning_rate=0.01, weight_decay=1e-3)


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a MobileNet-like network that tells digits and mirrored ones apart, twenty answers.

    It was trained on those that the data set `digits` leaves out, as numbers of 0 to 1.
    """
    keras.utils.set_random_seed(3)
    bunch = load_digits()
    rest = np.random.default_rng(0).permutation(len(bunch.target))[sum(SIZES.values()) :]
    plain: NDArray[Any] = bunch.images[rest, ..., np.newaxis] / bunch.images.max()
    images, answers = np.concatenate([plain, plain[:, :, ::-1]]), np.concatenate([bunch.target[rest]] * 2)
    answers[len(rest) :] += 10
    model = build(MOBILENET, (8, 8, 1), 20)
    model.compile(keras.optimizers.legacy.Adam(0.01), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(images, answers, batch_size=64, epochs=10, verbose=0)
    path: Path = tmp_path_factory.mktemp("backbone") / "mine.keras"
    model.save(path)
    return path


def params(
    backbone: Path, *, fit: Fit = FIT, frozen: Any = "backbone", head: NewHead | None = None, **more: Any
) -> TrainParams:
    """Return what trains the backbone under a new head."""
    freezing = Freezing(frozen=frozen, **more)
    return TrainParams(file=str(backbone), head=head or NewHead(), preprocessing="unit", fit=fit, freezing=freezing)


def test_frozen_layers_stay_bit_by_bit(context: Context, digits: tuple[DatasetRef, Dataset], backbone: Path) -> None:
    """Weights and statistics of the backbone are those of the file, weight decay or not; the head has learnt."""
    outputs = train(TrainInputs(data=digits[0]), params(backbone), context)

    before, after = keras.models.load_model(backbone), load_model(context.store, outputs.model)
    kept = [layer for layer in after.layers if layer.weights and layer.name != "head"]
    assert len(kept) == 14
    for layer in kept:
        theirs = before.get_layer(layer.name).get_weights()
        assert all(np.array_equal(a, b) for a, b in zip(theirs, layer.get_weights(), strict=True))
    assert after.output_shape == (None, 10)
    assert outputs.metrics.quality > 0.5
    assert outputs.model.stages == ("train the file under a new head with frozen layers, 3 epochs",)
    assert all(layer.trainable for layer in after.layers)


def test_what_is_not_frozen_learns(context: Context, digits: tuple[DatasetRef, Dataset], backbone: Path) -> None:
    """The first layers by their number; all behind them learn, and their statistics move."""
    outputs = train(TrainInputs(data=digits[0]), params(backbone, frozen=4), context)

    before, after = keras.models.load_model(backbone), load_model(context.store, outputs.model)
    layers = [layer.name for layer in after.layers if layer.weights and layer.name != "head"]
    same = [
        name
        for name in layers
        if all(
            np.array_equal(a, b)
            for a, b in zip(before.get_layer(name).get_weights(), after.get_layer(name).get_weights(), strict=True)
        )
    ]
    assert same == layers[:4]


def test_transfer_beats_training_from_nothing_on_few_examples(
    context: Context, digits: tuple[DatasetRef, Dataset], backbone: Path
) -> None:
    """Of sixty examples, in as many epochs, what the backbone knows is worth more than fresh weights."""
    few = FIT.model_copy(update={"epochs": 15, "train_fraction": 0.1, "batch_size": 16})

    transferred = train(TrainInputs(data=digits[0]), params(backbone, fit=few), context)
    from_nothing = train(
        TrainInputs(data=digits[0]), TrainParams(architecture=MOBILENET, preprocessing="unit", fit=few), context
    )

    assert transferred.metrics.quality > from_nothing.metrics.quality + 0.05


def test_its_descendants_are_those_of_a_plain_model(
    context: Context, digits: tuple[DatasetRef, Dataset], backbone: Path
) -> None:
    """Thawed at a smaller rate, then cut to half of its MACs and trained for integers, it is exported as int8."""
    data, fit = digits[0], FIT.model_copy(update={"epochs": 4})
    given = params(backbone, fit=fit, thaw=(Thaw(after=1, layers=6), Thaw(after=2)), pretrained_rate=0.3)

    whole = train(TrainInputs(data=data), given, context).model
    small = prune(
        PruneInputs(model=whole, data=data),
        PruneParams(method="channel", keep_macs=0.6, fit=FIT, distillation=DistillationSettings()),
        context,
    ).model
    ready = quantize(
        QuantizeInputs(model=small, teacher=whole, data=data),
        QuantizeParams(qat=True, fit=Fit(epochs=1, batch_size=32, learning_rate=1e-3)),
        context,
    ).model
    file = export(ExportInputs(data=data, model=ready, scheme="int8"), ExportParams(golden=2), context).model

    assert whole.stages == ("train the file under a new head with frozen layers, thawed later, 4 epochs",)
    assert small.macs < 0.65 * whole.macs
    assert file.scheme == "int8"
    assert file.validation_quality > 0.6


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"head": NewHead(cut="re_lu_99")}, ("cannot be cut behind re_lu_99", "did you mean re_lu_")),
        ({"frozen": ("convd*", "conv2d")}, ("has no layer convd*", "did you mean conv2d")),
        ({"frozen": 99}, ("has fewer layers than are to be frozen", "set train.frozen: backbone")),
        ({"thaw": (Thaw(after=1, layers=99),)}, ("has fewer frozen layers than are to thaw", "leave layers out")),
        ({"fit": FIT.model_copy(update={"epochs": 0})}, ("has a new head that is never trained", "raise train.epochs")),
    ],
)
def test_what_cannot_be_begun_is_refused(
    context: Context, digits: tuple[DatasetRef, Dataset], backbone: Path, changes: dict[str, Any], said: tuple[str, str]
) -> None:
    """First thing, before an epoch."""
    with pytest.raises(Refused) as refusal:
        train(TrainInputs(data=digits[0]), params(backbone, **changes), context)

    assert said[0] in refusal.value.problems[0].what
    assert refusal.value.problems[0].fix.startswith(said[1])
