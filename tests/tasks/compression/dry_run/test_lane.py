"""A candidate's lane, set up on fresh weights."""

from __future__ import annotations

from typing import Any

import pytest

from featherline.tasks.compression.dry_run.lane import signature, try_lane
from featherline.tasks.contracts.candidate import Candidate
from featherline.tasks.contracts.model import Architecture
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.networks.zoo.build import build

SHAPE, CLASSES = (8, 8, 1), 4
MODALITIES = {"image": "image"}
CHANNEL = {"method": "channel", "keep_macs": 0.6}
STUDENT = {"builder": "cnn", "options": {"widths": [8, 16], "dense": 0}}


@pytest.fixture(scope="module")
def networks() -> dict[str, Any]:
    """Give networks of a user, built when they are first asked for."""
    return {}


def network(networks: dict[str, Any], name: str) -> Any:
    """Return a network of the user's own, built once."""
    if name not in networks:
        networks[name] = build(Architecture(builder=f"own_builders:{name}"), SHAPE, CLASSES)
    return networks[name]


LANES: dict[str, dict[str, Any]] = {
    "cut, trained for int8": {"prune": CHANNEL, "quantize": {"scheme": "int8", "qat": True}},
    "zeros kept in clusters": {
        "prune": {"method": "magnitude", "sparsity": 0.5},
        "quantize": {"scheme": "int8", "qat": True, "clusters": 8},
    },
    "trained for int4": {"quantize": {"scheme": "static_wi4_ai8", "qat": True}},
    "int16x8": {"quantize": {"scheme": "int16x8"}},
    "weights alone": {"quantize": {"scheme": "weight_only_wi8_afp32"}},
    "float16": {"quantize": {"scheme": "float16"}},
    "a student": {"distill": {"method": "logits", "architecture": STUDENT}, "quantize": {"scheme": "int8"}},
    "latency": {"prune": {"method": "channel", "keep_latency": 0.6}, "quantize": {"scheme": "dynamic_wi8_afp32"}},
}


@pytest.mark.parametrize(
    "given",
    [
        {"distill": {"method": "logits", "architecture": STUDENT, "preprocessing": "caffe"}},
        {"quantize": {"scheme": "int8", "qat": True, "teacher_preprocessing": {"mean": [1, 2, 3]}}},
    ],
    ids=["a student", "a teacher"],
)
def test_a_preprocessing_for_colours_does_not_wait_for_the_lane(
    networks: dict[str, Any], given: dict[str, Any]
) -> None:
    """On grey images it is refused before anything is trained."""
    with pytest.raises(Refused, match="does not fit the images"):
        try_lane(Candidate.model_validate({"name": "lane", **given}), network(networks, "plain"), CLASSES, MODALITIES)


@pytest.mark.parametrize("name", LANES)
def test_a_lane_that_works_is_let_through(networks: dict[str, Any], name: str) -> None:
    """A network without obstacles goes through each technique and the converter."""
    try_lane(Candidate(name="a", **LANES[name]), network(networks, "plain"), CLASSES, MODALITIES)


BROKEN: list[tuple[str, dict[str, Any], str]] = [
    ("unrounded", {"quantize": {"scheme": "int8", "qat": True}}, "cannot train the layer"),
    ("unrounded", {"quantize": {"scheme": "int8"}}, "integer throughout"),
    ("plain", {"prune": {"method": "channel", "keep_macs": 0.001}}, "prune"),
    ("plain", {"distill": {"method": "logits", "architecture": {"builder": "none_such"}}}, "no such builder"),
    ("plain", {"distill": {"method": "logits", "teacher": "not/there.keras"}}, "there is no model"),
    ("plain", {"prune": CHANNEL | {"distillation": {"alpha": 0.5}, "teacher": "not/there.keras"}}, "there is no model"),
]


@pytest.mark.parametrize(("name", "lane", "what"), BROKEN, ids=range(len(BROKEN)))
def test_what_would_fail_in_the_lane_is_refused(
    networks: dict[str, Any], name: str, lane: dict[str, Any], what: str
) -> None:
    """The refusal is the one that the lane's own step would give."""
    with pytest.raises(Refused) as refusal:
        try_lane(Candidate(name="a", **lane), network(networks, name), CLASSES, MODALITIES)

    assert what in refusal.value.problems[0].what


def test_a_ladder_has_somewhere_to_go(networks: dict[str, Any]) -> None:
    """A scheme that cannot be made is none of the dry run's business where a fallback ladder leaves it."""
    lane = {"quantize": {"scheme": "int8"}, "export": {"fallback_ladder": {"rungs": ["float16"]}}}

    try_lane(Candidate(name="a", **lane), network(networks, "unrounded"), CLASSES, MODALITIES)


def test_candidates_that_learn_for_longer_are_the_same_trial() -> None:
    """The number of epochs changes nothing that a dry run sees; the scheme does."""
    short, long, other = (
        Candidate(name=name, prune=CHANNEL | {"fit": {"epochs": epochs}}, quantize={"scheme": scheme})
        for name, epochs, scheme in (("a", 1, "int8"), ("b", 9, "int8"), ("c", 1, "dynamic_wi8_afp32"))
    )

    assert signature(short) == signature(long) != signature(other)
