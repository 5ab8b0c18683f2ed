"""The data gate: what opens it, and each way in which it stays closed."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from featherline.tasks.contracts.dataset import Dataset, Profile
from featherline.tasks.contracts.measurement import Finding, Verdict
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.steps.validate_data import ValidateDataInputs, ValidateDataParams
from featherline.tasks.judging.data.evidence import DataStatistics, channels_table, leaks, splits_table, statistics
from featherline.tasks.running.context import Context
from featherline.tasks.steps.validate_data import find, validate_data
from featherline.tasks.store import accepted
from featherline.tasks.store.artifacts import Store

Digits = tuple[DatasetRef, Dataset]
PARAMS = ValidateDataParams(recipe="digits")


@pytest.fixture
def samples(store: Store, digits: Digits) -> pd.DataFrame:
    """Give the samples table of the digits: 600 train, 100 validation, 100 test, 100 calibration."""
    return pd.read_parquet(io.BytesIO(store.read_bytes(digits[1].samples)))


def failed(findings: tuple[Finding, ...]) -> set[tuple[str, str]]:
    """Return rule and subject of what failed."""
    return {(found.rule, found.subject) for found in findings if not found.passed}


def test_sound_data_open_the_gate(context: Context, digits: Digits):
    """The digits pass; the outputs hold the same data and an open verdict of the data gate."""
    outputs = validate_data(ValidateDataInputs(data=digits[0]), PARAMS, context)

    verdict = context.store.read(outputs.verdict, Verdict)
    assert outputs.data == digits[0]
    assert (verdict.gate, verdict.passed, verdict.docs) == ("data", True, None)
    assert len(verdict.findings) > 30


def test_the_pages_of_great_expectations_hold_no_tag_of_a_class(context: Context, digits: Digits):
    """A class named as a script is shown in the kept pages and in the finding, and runs in neither."""
    name = "<script>alert(1)</script>\x1b[2J"
    classes = (name, *digits[1].vocabulary[1:])
    train = digits[1].splits["train"]
    data = digits[1].model_copy(update={"vocabulary": classes, "splits": digits[1].splits | {"calibration": train}})
    params = PARAMS.model_copy(update={"docs": True, "min_calibration_per_stratum": 1000})

    with pytest.raises(Refused):
        validate_data(ValidateDataInputs(data=context.store.put(data, DatasetRef)), params, context)

    key = f"runs/{context.provenance.run_id}/verdicts/data.json"
    verdict = Verdict.model_validate_json(context.store.blobs.read(key) or b"")
    told = [finding.got for finding in verdict.findings if "alert" in finding.got]
    with zipfile.ZipFile(io.BytesIO(context.store.read_bytes(verdict.docs))) as archive:  # type: ignore[arg-type]
        pages = "".join(archive.read(page).decode() for page in archive.namelist() if page.endswith(".html"))
    assert "<script>alert(1)" not in pages
    assert "&lt;script&gt;alert(1)" in pages
    assert "<script>alert(1)</script>\\x1b[2J" in told[0]


def test_an_open_gate_is_remembered(context: Context, digits: Digits):
    """The ledger holds what a later data set is compared with."""
    validate_data(ValidateDataInputs(data=digits[0]), PARAMS, context)

    entry = accepted.previous(context.store, "digits", "data", "0" * 64)
    assert entry is not None
    assert entry.subject == digits[0].sha256
    assert DataStatistics.model_validate(entry.content) == statistics(digits[1])


def test_a_shut_gate_is_refused_and_not_remembered(context: Context, digits: Digits):
    """With too few images the step refuses, keeps its verdict in the run, and the ledger stays empty."""
    with pytest.raises(Refused) as refusal:
        validate_data(ValidateDataInputs(data=digits[0]), PARAMS.model_copy(update={"min_examples": 601}), context)

    (problem,) = refusal.value.problems
    assert problem.what == "the data gate refuses train: min_examples"
    assert problem.got == "600"
    assert accepted.previous(context.store, "digits", "data", "0" * 64) is None
    kept = context.store.blobs.read("runs/by-hand/verdicts/data.json")
    assert kept is not None
    assert not Verdict.model_validate_json(kept).passed


def test_the_edge_of_enough_images_passes(samples: pd.DataFrame, digits: Digits):
    """600 images keep a rule of 600."""
    findings = find(samples, digits[1], None, PARAMS.model_copy(update={"min_examples": 600}))

    assert failed(findings) == set()


def test_the_same_data_again_have_not_drifted(context: Context, digits: Digits):
    """Judging accepted data again compares them with what came before them, and gives the same verdict."""
    first = validate_data(ValidateDataInputs(data=digits[0]), PARAMS, context)
    second = validate_data(ValidateDataInputs(data=digits[0]), PARAMS, context)

    assert first == second


def test_data_are_compared_with_those_accepted_before(context: Context, digits: Digits):
    """Pixels twice as bright as in the last accepted data close the gate; the message names the former's rule."""
    now = statistics(digits[1])
    before = with_profile(now, "mean", 0.5)
    accepted.accept(context.store, "digits", "data", "0" * 64, before.model_dump(mode="json"))
    accepted.accept(context.store, "another", "data", "1" * 64, now.model_dump(mode="json"))

    with pytest.raises(Refused) as refusal:
        validate_data(ValidateDataInputs(data=digits[0]), PARAMS, context)

    assert [problem.what for problem in refusal.value.problems] == [
        "the data gate refuses mean of train's inputs: input_drift"
    ]
    validate_data(ValidateDataInputs(data=digits[0]), PARAMS.model_copy(update={"recipe": "another"}), context)


def of_one_input(mean: tuple[float, ...], std: tuple[float, ...]) -> DataStatistics:
    """Return statistics of two strata and one input."""
    return DataStatistics(strata=("a", "b"), counts=(1, 1), profiles={"x": Profile(mean=mean, std=std)})


def with_profile(now: DataStatistics, statistic: str, factor: float) -> DataStatistics:
    """Return the statistics, the mean or the spread of the images multiplied."""
    profile = now.profiles["image"]
    values = tuple(value * factor for value in getattr(profile, statistic))
    return now.model_copy(update={"profiles": {"image": profile.model_copy(update={statistic: values})}})


def test_what_an_older_version_accepted_is_still_compared_with():
    """The ledger's entries of before inputs had names are read as of the sole input that there was."""
    old = {"classes": ["a", "b"], "class_counts": [1, 1], "channels": 1, "pixel_mean": [0.5], "pixel_std": [0.2]}

    read = DataStatistics.model_validate(old)

    assert read == DataStatistics(
        strata=("a", "b"), counts=(1, 1), profiles={"image": Profile(mean=(0.5,), std=(0.2,))}
    )


def _leak(samples: pd.DataFrame, split: str = "train") -> pd.DataFrame:
    one = samples.index[samples["split"] == split][0]
    test = samples.index[samples["split"] == "test"][0]
    samples.loc[one, "sha256"] = samples.loc[test, "sha256"]
    return samples


def _repeat(samples: pd.DataFrame) -> pd.DataFrame:
    rows = samples.index[samples["split"] == "validation"][:3]
    samples.loc[rows, "sha256"] = samples.loc[rows[0], "sha256"]
    return samples


def _blank(column: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def blank(samples: pd.DataFrame) -> pd.DataFrame:
        return samples.assign(**{column: samples[column].where(samples.index != 5)})

    return blank


def _uncalibrated(samples: pd.DataFrame) -> pd.DataFrame:
    return samples[(samples["split"] != "calibration") | (samples["stratum"] != 3)]


def _untaught(samples: pd.DataFrame) -> pd.DataFrame:
    return samples[~samples["split"].isin(["train", "calibration"]) | (samples["stratum"] != 3)]


@pytest.mark.parametrize(
    ("damage", "broken"),
    [
        (_leak, {("leakage", "train and test")}),
        (lambda table: _leak(table, "calibration"), {("leakage", "train and test")}),
        (lambda table: _leak(table, "validation"), {("leakage", "validation and test")}),
        (_repeat, {("duplicates", "validation")}),
        (_blank("image_mean"), {("not_null", "image_mean"), ("value_range", "image_mean")}),
        (lambda table: table.assign(image_maximum=17), {("value_range", "image_maximum")}),
        (lambda table: table.assign(image_minimum=-1), {("value_range", "image_minimum")}),
        (
            lambda table: table.assign(stratum=table["stratum"].where(table.index != 5, 10)),
            {("known_stratum", "stratum"), ("counted", "train")},
        ),
        (
            lambda table: table.assign(split=table["split"].where(table.index != 5, "extra")),
            {("known_split", "split"), ("counted", "train")},
        ),
        (
            _uncalibrated,
            {
                ("calibration_coverage", "calibration"),
                ("counted", "calibration"),
                ("strata_balance", "calibration"),
            },
        ),
        (
            _untaught,
            {
                ("stratum_taught", "train"),
                ("calibration_coverage", "calibration"),
                *((rule, split) for rule in ("counted", "strata_balance") for split in ("train", "calibration")),
            },
        ),
        (lambda table: table.assign(sha256="not a digest " + table["sha256"]), {("digest", "sha256")}),
        (lambda table: table.assign(extra=1), {("schema", "samples")}),
        (
            lambda table: table.drop(columns="image_std"),
            {("schema", "samples"), ("not_null", "image_std"), ("value_range", "image_std")},
        ),
    ],
    ids=[
        "leakage", "leakage of calibration", "leakage of validation", "duplicates",
        "a NaN", "too bright", "below zero", "an unknown label", "an unknown split",
        "no calibration of a class", "no training of a class", "a bad digest", "an extra column", "a missing column",
    ],
)  # fmt: skip
def test_each_rule_stands_alone(
    samples: pd.DataFrame,
    digits: Digits,
    damage: Callable[[pd.DataFrame], pd.DataFrame],
    broken: set[tuple[str, str]],
):
    """A damage breaks its own rules and no others."""
    findings = find(damage(samples.copy()), digits[1], None, PARAMS)

    assert failed(findings) == broken


def test_an_empty_table_fails_every_rule_of_the_samples(samples: pd.DataFrame, digits: Digits):
    """No rows: nothing passes."""
    findings = find(samples.iloc[:0], digits[1], None, PARAMS)

    assert findings
    assert not any(found.passed for found in findings)


def test_a_split_without_images_is_told(samples: pd.DataFrame, digits: Digits):
    """Without the test split its rules fail, and the gate names it."""
    findings = find(samples[samples["split"] != "test"], digits[1], None, PARAMS)

    assert ("not_empty", "test") in failed(findings)
    assert {subject for _, subject in failed(findings)} == {"test"}


def test_as_many_leaks_as_allowed_pass(samples: pd.DataFrame, digits: Digits):
    """One leaked image keeps a rule of one."""
    findings = find(_leak(samples), digits[1], None, PARAMS.model_copy(update={"max_leaked_examples": 1}))

    assert failed(findings) == set()


def test_a_leak_is_told_by_its_digest(samples: pd.DataFrame, digits: Digits):
    """The fix names the pixels, so that they can be found."""
    damaged = _leak(samples)
    (leak,) = [item for item in leaks(damaged) if item.digests]

    (found,) = [item for item in find(damaged, digits[1], None, PARAMS) if not item.passed]

    assert leak.digests[0][:12] in found.fix
    assert found.got == "1"


def test_classes_that_shift_are_drift(samples: pd.DataFrame, digits: Digits):
    """A histogram with a KL divergence above the bound fails, and one at rest is 0."""
    now = statistics(digits[1])
    counts = (*(1 for _ in range(9)), 591)
    moved = now.model_copy(update={"counts": counts})

    assert failed(find(samples, digits[1], now, PARAMS)) == set()
    assert failed(find(samples, digits[1], moved, PARAMS)) == {("strata_drift", "train")}


@pytest.mark.parametrize("statistic", ["mean", "std"])
def test_pixels_that_shift_are_drift(samples: pd.DataFrame, digits: Digits, statistic: str):
    """A mean or a spread that moved by more than a quarter of the former spread fails."""
    now = statistics(digits[1])
    moved = with_profile(now, statistic, 2)

    broken = failed(find(samples, digits[1], moved, PARAMS))

    subject = "mean of train's inputs" if statistic == "mean" else "spread of train's inputs"
    assert broken == {("input_drift", subject)}


def test_other_classes_cannot_be_compared(samples: pd.DataFrame, digits: Digits):
    """Data of other classes than the accepted ones are refused, with the way out."""
    before = statistics(digits[1]).model_copy(update={"strata": tuple("abcdefghij")})

    findings = find(samples, digits[1], before, PARAMS)

    assert failed(findings) == {("same_kind", "strata and channels")}


def test_the_shift_is_in_standard_deviations():
    """A mean that went from 0.5 to 0.6 with a spread of 0.2 moved by half a standard deviation."""
    before = of_one_input((0.5,), (0.2,))
    now = of_one_input((0.6,), (0.2,))

    table = channels_table(now, before)

    assert table["mean_shift"].tolist() == pytest.approx([0.5])
    assert table["std_shift"].tolist() == [0.0]


def test_a_channel_without_spread_that_moves_is_infinitely_far():
    """A constant channel that changes has moved by infinity; one that does not, by 0."""
    before = of_one_input((0.5, 0.5), (0.0, 0.0))
    now = of_one_input((0.6, 0.5), (0.0, 0.0))

    assert channels_table(now, before)["mean_shift"].tolist() == [np.inf, 0.0]


def test_splits_are_counted_from_the_samples(samples: pd.DataFrame, digits: Digits):
    """Each split has as many images as its manifest says, and none twice but by chance."""
    table = splits_table(samples, digits[1]).set_index("split")

    assert table["examples"].to_dict() == {"train": 600, "validation": 100, "calibration": 100, "test": 100}
    assert table["uncounted"].tolist() == [0, 0, 0, 0]
    assert table["duplicate_fraction"].tolist() == [0.0, 0.0, 0.0, 0.0]


def test_great_expectations_own_pages_are_kept_on_request(context: Context, digits: Digits):
    """With `docs` the verdict leads to a zip."""
    params = PARAMS.model_copy(update={"docs": True})

    outputs = validate_data(ValidateDataInputs(data=digits[0]), params, context)

    docs = context.store.read(outputs.verdict, Verdict).docs
    assert docs is not None
    assert context.store.read_bytes(docs).startswith(b"PK")
