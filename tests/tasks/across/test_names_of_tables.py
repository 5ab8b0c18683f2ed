"""What a recipe may name is what a table of some room has: no name without a meaning, no row that nobody can name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import pytest

from featherline.tasks.compression.pruning.criteria import OF_KERNELS
from featherline.tasks.compression.search.samplers import SAMPLERS
from featherline.tasks.contracts.fit import DistillationLoss
from featherline.tasks.contracts.modalities import DEFAULT_MODALITY
from featherline.tasks.contracts.modalities.image import FormatName, NamedPreprocessing
from featherline.tasks.contracts.model import Scheme
from featherline.tasks.contracts.post_training import RungName
from featherline.tasks.contracts.problems import DEFAULT_PROBLEM
from featherline.tasks.contracts.problems.classification import QualityName
from featherline.tasks.contracts.recipe import ModelSection
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.schemes import SCHEMES
from featherline.tasks.contracts.steps.prune import Criterion
from featherline.tasks.contracts.steps.search import SamplerName
from featherline.tasks.contracts.steps.select import Objective
from featherline.tasks.contracts.steps.validate_metrics import GateRules
from featherline.tasks.judging.candidates.reasons import COST
from featherline.tasks.judging.candidates.rules import bounds_of
from featherline.tasks.modalities.image.formats import FORMATS
from featherline.tasks.modalities.image.preprocessing import NAMED
from featherline.tasks.modalities.opening import MODALITIES
from featherline.tasks.modalities.opening_views import VIEWS
from featherline.tasks.networks.zoo.build import BUILDERS
from featherline.tasks.problems.classification.distillation_losses import DISTILLATION_LOSSES
from featherline.tasks.problems.opening import JUDGED_BY, PROBLEMS, open_problem
from featherline.tasks.problems.opening_learning import LEARNING
from featherline.tasks.problems.protocol import Constant
from featherline.tasks.releasing.registries.opening import REGISTRIES, open_registry
from featherline.tasks.running.context import Context
from featherline.tasks.store.artifacts import Store


def rules() -> set[str]:
    """Return the rules of the gate that a recipe with all of them is judged by."""
    bounds = bounds_of(
        GateRules(min_quality=0.5),
        champion=True,
        constant=Constant(0.1, 0.2, "the most frequent answer"),
        problem=open_problem(DEFAULT_PROBLEM),
    )
    return {bound.name for bound in bounds}


@pytest.mark.parametrize(
    ("table", "names"),
    [
        pytest.param([*OF_KERNELS, "bn_gamma", "taylor", "random"], get_args(Criterion), id="pruning criteria"),
        pytest.param(DISTILLATION_LOSSES, get_args(DistillationLoss), id="distillation losses"),
        pytest.param(SCHEMES, get_args(Scheme), id="quantization schemes"),
        pytest.param(SAMPLERS, get_args(SamplerName), id="search samplers"),
        pytest.param(rules(), GateRules.model_fields, id="gate rules"),
        pytest.param(COST, get_args(Objective), id="objectives"),
        pytest.param([*FORMATS, "auto", "digits"], get_args(FormatName), id="data formats"),
        pytest.param([*NAMED, "auto"], get_args(NamedPreprocessing), id="preprocessings"),
        pytest.param({quality for _, quality in JUDGED_BY}, get_args(QualityName), id="metrics"),
        pytest.param(LEARNING, PROBLEMS, id="problems and how they are learnt"),
    ],
)
def test_a_table_has_the_names_of_its_contract(table: Iterable[str], names: Iterable[str]) -> None:
    """Each of them once, and no other; what is not in a table by its nature is named here."""
    assert sorted(table) == sorted(names)


def test_what_is_open_to_others_names_all_of_its_own() -> None:
    """A builder may be the user's own, so that no contract lists them: the description does, for those who read it."""
    said = ModelSection.model_fields["builder"].description or ""

    assert [name for name in BUILDERS if f"{name}," not in said] == []


def test_tables_name_what_is_there() -> None:
    """What one table says of the rows of another, and what is taken where a recipe names nothing."""
    assert set(VIEWS) <= set(MODALITIES)
    assert set(JUDGED_BY.values()) <= set(PROBLEMS)
    assert {DEFAULT_MODALITY} <= set(MODALITIES)
    assert {DEFAULT_PROBLEM} <= set(PROBLEMS)
    assert set(get_args(RungName)) <= {*get_args(Scheme), "qat"}


def test_every_kind_of_registry_is_in_the_refusal_of_others(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who misspells the address reads what there is."""
    monkeypatch.setenv("FEATHERLINE_REGISTRY", "nowhere")

    with pytest.raises(Refused) as refusal:
        open_registry(Context(store))

    expected = refusal.value.problems[0].expected
    assert [kind for kind in REGISTRIES if (kind if kind == "store" else f"{kind}://") not in expected] == []


def test_every_builder_has_a_file_of_its_own_or_shares_one_with_its_name() -> None:
    """The zoo is found by the names of its files."""
    files = {file.stem for file in (Path(__file__).parents[3] / "tasks" / "networks" / "zoo").glob("*.py")}

    assert set(BUILDERS) <= files
