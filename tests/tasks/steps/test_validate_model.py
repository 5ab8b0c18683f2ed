"""The teacher's gate: floor, history, dead classes; closed on what is missing."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from featherline.tasks.contracts.model import Model
from featherline.tasks.contracts.problems.classification import ACCURACY
from featherline.tasks.contracts.quality import Slice
from featherline.tasks.contracts.references import ModelFileRef
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.steps.train import ValidationMetrics
from featherline.tasks.contracts.steps.validate_model import ValidateModelInputs, ValidateModelParams
from featherline.tasks.judging.verdicts import is_open
from featherline.tasks.running.context import Context
from featherline.tasks.steps.validate_model import find, validate_model

PARAMS = ValidateModelParams(min_quality=0.9, max_drop=0.02, min_slice_quality=0.1, recipe="digits")


def metrics(quality: float = 0.95, recalls: tuple[float | None, ...] = (0.9, 1.0)) -> ValidationMetrics:
    """Return the metrics of a model of two classes."""
    slices = tuple(Slice(name=str(label), samples=50, quality=recall) for label, recall in enumerate(recalls))
    return ValidationMetrics(quality=quality, metric=ACCURACY, loss=0.1, slices=slices, samples=100)


def baseline(context: Context, content: bytes, **values: float) -> ValidateModelInputs:
    """Return a baseline whose file holds `content`."""
    file = context.store.put_bytes(content, ModelFileRef)
    return ValidateModelInputs(
        model=Model(file=file, parameters=1, macs=1, validation_quality=0.9), metrics=metrics(**values)
    )


def broken(found: object) -> list[str]:
    """Return the rules that failed."""
    return [finding.rule for finding in found if not finding.passed]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("given", "before", "rules"),
    [
        (metrics(quality=0.9), None, []),
        (metrics(quality=0.8999), None, ["min_quality"]),
        (metrics(quality=0.95), 0.97, []),
        (metrics(quality=0.9499), 0.97, ["max_drop"]),
        (metrics(recalls=(0.1, 1.0)), None, []),
        (metrics(recalls=(0.0999, 1.0)), None, ["slices_alive"]),
        (metrics(recalls=(None, 1.0)), None, ["slices_alive"]),
        (metrics(quality=0.5, recalls=(0.0, 1.0)), 0.97, ["min_quality", "max_drop", "slices_alive"]),
    ],
)
def test_a_rule_holds_on_its_edge(given: ValidationMetrics, before: float | None, rules: list[str]) -> None:
    """A metric that stands on a rule keeps it; a little less, or nothing at all, breaks it."""
    found = find(given, before, PARAMS)

    assert broken(found) == rules


@pytest.mark.parametrize(
    ("given", "least", "rules", "opens"),
    [
        (metrics(quality=0.55, recalls=(0.55, 0.55)), None, ["better_than_a_guess"], False),
        (metrics(quality=0.95, recalls=(1.0, 0.02)), None, ["better_than_a_guess"], False),
        (metrics(quality=0.65, recalls=(0.65, 0.65)), None, [], True),
        (metrics(quality=0.45, recalls=(0.9,) * 10), None, ["min_quality"], False),
        (metrics(quality=0.55, recalls=(0.55, 0.55)), 0.5, ["better_than_a_guess"], True),
        (metrics(quality=0.45, recalls=(0.45, 0.45)), 0.5, ["min_quality", "better_than_a_guess"], False),
        (metrics(quality=1.0, recalls=(1.0,)), None, ["better_than_a_guess"], False),
    ],
)
def test_a_teacher_that_guesses_is_none(
    given: ValidationMetrics, least: float | None, rules: list[str], opens: bool
) -> None:
    """100 images of two classes: 0.55 is a guess, and so is 0.95 where one class has nearly all images.

    A floor of the recipe's own that a guess reaches is taken for meant, and warned of.
    """
    found = find(given, None, ValidateModelParams(min_quality=least))

    assert broken(found) == rules
    assert is_open("model", found) is opens


def test_a_finding_names_the_class_that_is_dead() -> None:
    """The class without recall is in the finding."""
    found = find(metrics(recalls=(1.0, 0.0)), None, PARAMS)

    assert found[-1].got == "1 of 2: 0.00 % (class 1)"
    assert found[-1].expected.startswith("a recall of at least 10.00 % for every class")


def test_a_file_that_was_taken_as_it_is_cannot_train_longer() -> None:
    """The advice is for what the run did."""
    advice = {
        trained: next(one.fix for one in find(metrics(quality=0.1), None, PARAMS, trained=trained) if not one.passed)
        for trained in (True, False)
    }

    assert advice[True].startswith("train longer")
    assert advice[False].startswith("train the file further (train.epochs above 0)")


def test_an_open_gate_remembers_the_baseline(context: Context) -> None:
    """A second, worse baseline is compared with the first; the first itself is judged as before."""
    first, second = baseline(context, b"first", quality=0.97), baseline(context, b"second", quality=0.94)

    opened = validate_model(first, PARAMS, context)
    with pytest.raises(Refused) as refused:
        validate_model(second, PARAMS, context)
    again = validate_model(first, PARAMS, context)

    assert opened == again
    assert [problem.what for problem in refused.value.problems] == [
        "the model gate refuses the float baseline: max_drop"
    ]


def test_another_recipe_has_its_own_history(context: Context) -> None:
    """A baseline is not compared with one of another recipe."""
    validate_model(baseline(context, b"first", quality=0.99), PARAMS, context)

    other = PARAMS.model_copy(update={"recipe": "other"})

    assert validate_model(baseline(context, b"second", quality=0.91), other, context).model.parameters == 1


def test_a_shut_gate_leaves_its_verdict_in_the_run(context: Context) -> None:
    """The dashboard finds the verdict, and the refusal names its page."""
    with pytest.raises(Refused) as refused:
        validate_model(baseline(context, b"bad", quality=0.1), PARAMS, context)

    data = context.store.blobs.read(f"runs/{context.provenance.run_id}/verdicts/model.json")
    assert data is not None
    assert json.loads(data)["page"]["uri"] in refused.value.problems[0].fix


def test_needs_no_tensorflow() -> None:
    """Importing the gate does not import TensorFlow."""
    code = "import sys, featherline.tasks.steps.validate_model; sys.exit('tensorflow' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], check=False)

    assert done.returncode == 0
