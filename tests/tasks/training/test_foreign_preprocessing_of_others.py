"""What people bring: models with their own preprocessing, order of classes and end. Needs the shared data."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from featherline.tasks.contracts.fit import Fit
from featherline.tasks.contracts.model import Architecture
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.steps.preprocess import PreprocessInputs, PreprocessParams
from featherline.tasks.contracts.steps.train import TrainInputs, TrainOutputs, TrainParams
from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.model_files import load_model
from featherline.tasks.networks.zoo.build import build
from featherline.tasks.running.context import Context
from featherline.tasks.steps.preprocess import preprocess
from featherline.tasks.steps.train import train
from tests.tasks.builders_of_others import put_on_path

ROOT = Path(os.environ.get("FEATHERLINE_TEST_DATA", Path(__file__).parents[4] / "shared" / "data")).parent / "cases"
pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not ROOT.exists(), reason=f"no {ROOT}"),
]


def taken(context: Context, data: PreprocessParams, file: str) -> TrainOutputs:
    """Take a case's file as it is, on a case's data."""
    dataset = preprocess(PreprocessInputs(), data, context).data
    return train(TrainInputs(data=dataset), TrainParams(file=str(ROOT / "models" / file), fit=Fit(epochs=0)), context)


def of(folder: str, **more: object) -> PreprocessParams:
    """Return how a case's data are read."""
    return PreprocessParams.model_validate({"name": folder, "source": str(ROOT / "data" / folder), **more})


@pytest.mark.parametrize(
    ("case", "found"), [("a1_rescaling", "raw"), ("a2_div255", "unit"), ("a3_normalization", "raw")]
)
def test_a_file_reaches_what_it_reached_where_it_was_trained(
    context: Context, capsys: pytest.CaptureFixture[str], case: str, found: str
) -> None:
    """Within a point of its own validation accuracy; what it is fed by is found and said."""
    outputs = taken(context, of("shapes"), f"{case}_nc.keras")

    reference = json.loads((ROOT / "models" / "reference.json").read_text())[case]
    assert outputs.metrics.quality == pytest.approx(reference, abs=0.01)
    assert outputs.model.preprocessing
    assert outputs.model.preprocessing["image"].name == found
    assert f"preprocessing {found}: " in capsys.readouterr().out


def test_classes_in_another_order_are_named(context: Context) -> None:
    """Keras sorts folders as text; what the refusal advises gives every image its right name."""
    with pytest.raises(Refused) as refused:
        taken(context, of("order"), "order.h5")

    (problem,) = refused.value.problems
    assert "in another order" in problem.what
    assert problem.fix == ('set data.classes: ["0", "1", "10", "11", "2", "3", "4", "5", "6", "7", "8", "9"]')
    advised = taken(context, of("order", classes=json.loads(problem.fix.partition(": ")[2])), "order.h5")
    assert advised.metrics.quality == 1.0


def test_a_sigmoid_of_one_unit_is_two_classes(context: Context) -> None:
    """A transfer learning tutorial's model, whose head was never trained, gives a logit for each of two classes."""
    outputs = taken(context, of("two"), "f3_binary_sigmoid.h5")

    assert load_model(context.store, outputs.model).output_shape == (None, 2)
    assert outputs.model.preprocessing
    assert outputs.model.preprocessing["image"].name == "raw"


def test_a_builders_softmax_is_taken_off(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Probabilities of a builder are no logits."""
    put_on_path(monkeypatch, ROOT / "models")
    keras.utils.set_random_seed(0)

    built = build(Architecture(builder="builders:softmax_end"), (32, 32, 3), 5)

    logits = built(np.random.default_rng(0).normal(size=(4, 32, 32, 3)).astype(np.float32)).numpy()
    assert (logits < 0).any()
    assert "builders:softmax_end: the softmax of Dense" in capsys.readouterr().out
