"""The recipes that ship with `auto`: what they plan first, and what they would try next, without any training."""

from __future__ import annotations

from pathlib import Path

import pytest

from featherline.tasks.contracts.model import Model
from featherline.tasks.contracts.recipe import Recipe
from featherline.tasks.contracts.references import ModelFileRef
from featherline.tasks.contracts.steps.plan import PlanInputs
from featherline.tasks.planning.auto.grid import fits_device
from featherline.tasks.planning.auto.sampler import next_points
from featherline.tasks.planning.recipes import read_device, read_recipe
from featherline.tasks.running.context import Context
from featherline.tasks.steps.plan import plan
from featherline.tasks.steps.resolve import params_of_steps
from tests.tasks.planning.auto.conftest import lane

RECIPES = Path("recipes")
SHIPPED = sorted(path.stem for path in RECIPES.glob("*.yaml") if "auto:" in path.read_text())


def baseline() -> Model:
    """Return a model of the size of the digits' float baseline; nothing reads its file."""
    file = ModelFileRef(uri="folder/model", sha256="0" * 64, bytes=1)
    return Model(file=file, parameters=78_000, macs=763_520, validation_quality=0.98)


@pytest.fixture(params=SHIPPED)
def recipe(request: pytest.FixtureRequest) -> Recipe:
    """Give each recipe that proposes lanes."""
    return read_recipe(RECIPES, request.param, {})


def test_a_recipe_that_searches_pipelines_ships():
    """So that a run with `auto` is one word away."""
    assert "digits-auto" in SHIPPED


def test_every_round_of_a_shipped_recipe_has_lanes(recipe: Recipe, context: Context):
    """The presets fill the first round; each later one finds points that were not tried, and that fit the device."""
    auto = recipe.candidates.auto
    assert auto is not None
    budget = read_device(RECIPES, recipe.device).budget
    params = params_of_steps(recipe, budget)["plan"]

    planned = plan(PlanInputs(model=baseline()), params, context).candidates

    tried = [candidate.auto for candidate in planned if candidate.auto is not None]
    assert len(tried) == auto.lanes
    for _ in range(1, auto.rounds):
        history = [lane(point) for point in tried]
        fits = fits_device(auto, baseline(), (), budget)
        found = next_points(auto, (), history, lanes=auto.lanes, seed=0, fits=fits)
        assert len(found) == auto.lanes
        assert not set(found) & set(tried)
        tried += found
