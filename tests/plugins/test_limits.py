"""What a step may use."""

from __future__ import annotations

import pytest

from featherline.airflow.limits import resources
from featherline.airflow.steps import STEPS, Resources
from featherline.tasks.contracts.refusal import Refused


def test_a_second_try_has_twice_the_memory():
    """And a third no more than that."""
    first, second, third = (resources("train", number).memory_mib for number in (1, 2, 3))

    assert (second, third) == (2 * first, 2 * first)


def test_the_deployment_wins_over_the_table(monkeypatch: pytest.MonkeyPatch):
    """For the resources that it names; the others stay."""
    monkeypatch.setenv("AIRFLOW__FEATHERLINE__RESOURCES", '{"export": {"memory_mib": 512, "gpu": true}}')

    table = STEPS["export"].resources
    assert resources("export") == Resources(512, table.cpus, table.disk_gib, gpu=True)
    assert resources("train") == STEPS["train"].resources


MISTAKES = {
    "no JSON": ("{", "the limits of the steps cannot be read"),
    "no object": ("[]", "the limits of the steps cannot be read"),
    "a step without an object": ('{"train": 5}', "the limits of the steps cannot be read"),
    "no step": ('{"trian": {}}', "the limits of the steps have no trian"),
    "no resource": ('{"train": {"memory": 5}}', "the limits of the steps have no train.memory"),
    "text": ('{"train": {"memory_mib": "5"}}', "the limits of the steps cannot take train.memory_mib"),
    "below zero": ('{"train": {"cpus": -1}}', "the limits of the steps cannot take train.cpus"),
    "a truth as a number": ('{"train": {"cpus": true}}', "the limits of the steps cannot take train.cpus"),
    "a number as a truth": ('{"train": {"gpu": 1}}', "the limits of the steps cannot take train.gpu"),
}


@pytest.mark.parametrize(("text", "what"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named(monkeypatch: pytest.MonkeyPatch, text: str, what: str):
    """Also for a step that is not the one asked for."""
    monkeypatch.setenv("AIRFLOW__FEATHERLINE__RESOURCES", text)

    with pytest.raises(Refused) as refusal:
        resources("plan")

    assert refusal.value.problems[0].what == what
