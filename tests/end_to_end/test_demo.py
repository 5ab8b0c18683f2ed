"""The demo, three times: all work, then what the new champion asks for anew, then nothing, which is skipped."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.stack

AFTER_THE_CHAMPION = {"validate_metrics", "select", "report", "publish", "register", "promote", "resolve"}
"""The steps whose input the first run changes by making a champion; none of them needs TensorFlow."""


@pytest.fixture(scope="module")
def told(featherline: Any) -> list[str]:
    """Give what three demos in a row said, after each other on one stack."""
    return [featherline.call("demo") + _summary_of(featherline) for _ in range(3)]


@pytest.fixture(scope="module")
def all_the_same(told: list[str], featherline: Any) -> dict[str, Any]:
    """Give the summary of a run that was told to run though nothing had changed."""
    assert told
    featherline.call("up")
    found: dict[str, Any] = featherline.run("digits", "--unchanged", "run")
    return found


def _summary_of(featherline: Any) -> str:
    return "\n" + (featherline.places.var / "demo" / "summary.json").read_text()


def summary(told: str) -> dict[str, Any]:
    """Read the summary at the end of what a demo said."""
    found: dict[str, Any] = json.loads(told[told.rindex("\n{") :])
    return found


def done(told: str) -> set[str]:
    """Return the steps that a demo reported as done, which is neither a hit nor passed through."""
    return {line.split()[2] for line in told.splitlines() if re.match(r" *[\d.]+ s  \S+.* done ", line)}


def test_the_first_demo_releases_a_light_model(told: list[str]):
    """The baseline is good, the winner small and nearly as good, and registered as champion."""
    first = summary(told[0])

    winner = next(one for one in first["candidates"] if one["name"] == first["selected"])
    assert first["state"] == "success"
    assert first["baseline"]["quality"] >= 0.97
    assert winner["verdict"] == "pass"
    assert first["baseline"]["size_bytes"] / winner["size_bytes"] >= 6
    assert first["baseline"]["quality"] - winner["quality"] <= 0.02
    assert first["registry"] == {"name": "digits", "version": "1", "alias": "champion"}
    assert first["release_uri"].startswith("s3://featherline/releases/digits/")


def test_every_candidate_of_the_demo_is_measured(told: list[str]):
    """At least four, none lost, each with all its figures and the reason of its fate."""
    candidates = summary(told[0])["candidates"]

    measured = [one for one in candidates if one["verdict"] != "infeasible"]
    assert len(measured) >= 4
    assert [one["name"] for one in measured if None in one.values()] == []
    assert all(one["reason"] for one in candidates)


def test_the_report_opens_offline(told: list[str]):
    """It lies beside the summary and asks no other machine for anything."""
    page = Path(summary(told[0])["report"]).read_text()

    assert page.lstrip().lower().startswith("<!doctype html>")
    assert re.findall(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", page) == []
    assert re.findall(r"@import|url\((?!\s*[\"']?(?:data:|#))", page) == []


def test_the_second_demo_repeats_only_what_the_champion_changes(told: list[str]):
    """The first run made a champion, which the gate must now judge against; all else is a hit."""
    second = summary(told[1])

    assert done(told[1]) <= AFTER_THE_CHAMPION | {"approve"}
    assert second["misses"] <= len(AFTER_THE_CHAMPION)
    assert second["selected"] == summary(told[0])["selected"]
    assert second["registry"]["version"] == "1"


UNCHANGING = ("baseline", "selected", "release_uri", "registry", "candidates")


def test_the_third_demo_is_skipped(told: list[str]):
    """Nothing has changed: it says since when, starts no step after the first, and tells the same outcome."""
    second, third = summary(told[1]), summary(told[2])

    skipped = re.findall(r"^ *[\d.]+ s  (\w+).* skipped", told[2], re.MULTILINE)
    assert f"nothing changed since run {second['run_id']}" in told[2]
    assert {"preprocess", "train", "report", "promote"} <= set(skipped)
    assert (third["state"], third["hits"], third["misses"]) == ("success", 1, 0)
    assert third["unchanged_since"] == second["run_id"]
    assert {name: third[name] for name in UNCHANGING} == {name: second[name] for name in UNCHANGING}


def test_run_all_the_same_it_has_no_miss(told: list[str], all_the_same: dict[str, Any]):
    """By the switch every step is asked for again, and not one is done again."""
    second = summary(told[1])

    assert all_the_same["misses"] == 0
    assert all_the_same["hits"] == second["hits"] + second["misses"]
    assert {name: all_the_same[name] for name in UNCHANGING} == {name: second[name] for name in UNCHANGING}


def test_status_lists_the_runs(told: list[str], up: Any):
    """Each with its state; the last demo's winner is known."""
    listed = up.call("status")

    assert all(summary(one)["run_id"] in listed for one in told)
    assert summary(told[2])["selected"] in listed


def test_a_rollback_without_an_earlier_champion_is_refused(told: list[str], up: Any):
    """The first version has nothing before it."""
    assert summary(told[2])["registry"]["version"] == "1"

    assert "rollback finds nothing before version 1 of digits" in up.call("rollback", "digits", code=65)
