"""Templates become lanes, and what cannot fit is found untrained."""

from __future__ import annotations

import pytest

from featherline.tasks.contracts.candidate import Candidate, CandidateTemplate
from featherline.tasks.contracts.device import Budget
from featherline.tasks.contracts.steps.prune import PruneParams
from featherline.tasks.contracts.steps.quantize import QuantizeParams
from featherline.tasks.contracts.steps.trim import TrimParams
from featherline.tasks.planning.expand import expand, infeasible


def test_a_template_without_search_is_one_candidate():
    """Nothing to expand gives the template itself, under its own name."""
    template = CandidateTemplate(prune={"method": "channel", "keep_macs": 0.5})

    assert list(expand("a", template)) == [
        (
            "a",
            {"prune": {"method": "channel", "keep_macs": 0.5}, "distill": {}, "trim": {}, "quantize": {}, "export": {}},
        )
    ]


def test_two_searched_values_give_every_combination():
    """Two choices of two values are four candidates, named by their values."""
    template = CandidateTemplate(
        prune={"method": "channel", "keep_macs": {"search": [0.5, 0.25]}},
        quantize={"scheme": {"search": ["int8", "dynamic_wi8_afp32"]}},
    )

    found = dict(expand("a", template))

    assert list(found) == [
        "a-keepmacs0.5-schemeint8",
        "a-keepmacs0.5-schemedynamicwi8afp32",
        "a-keepmacs0.25-schemeint8",
        "a-keepmacs0.25-schemedynamicwi8afp32",
    ]
    assert found["a-keepmacs0.25-schemedynamicwi8afp32"]["prune"]["keep_macs"] == 0.25
    assert found["a-keepmacs0.25-schemedynamicwi8afp32"]["quantize"]["scheme"] == "dynamic_wi8_afp32"


def test_expanding_leaves_the_template_as_it_was():
    """Candidates share no dict with the template, so that one cannot change another."""
    template = CandidateTemplate(prune={"keep_macs": {"search": [0.5]}})

    next(expand("a", template))[1]["prune"]["keep_macs"] = 0.1

    assert template.prune == {"keep_macs": {"search": [0.5]}}


INT8 = Candidate(name="int8", quantize=QuantizeParams(scheme="int8"))
FLOAT = Candidate(name="float", quantize=QuantizeParams(scheme="float32"))
PRUNED = Candidate(
    name="pruned", prune=PruneParams(method="channel", keep_macs=0.5), quantize=QuantizeParams(scheme="int8")
)
SIZED = Candidate(
    name="sized", prune=PruneParams(method="channel", keep_size=0.5), quantize=QuantizeParams(scheme="int8")
)
TIMED = Candidate(
    name="timed", prune=PruneParams(method="channel", keep_latency=0.5), quantize=QuantizeParams(scheme="int8")
)
TWICE = Candidate(
    name="twice",
    prune=PruneParams(method="channel", keep_macs=0.5),
    trim=TrimParams(method="channel", keep_macs=0.5, keep_parameters=0.4),
    quantize=QuantizeParams(scheme="int8"),
)
SPARSE = Candidate(name="sparse", trim=TrimParams(method="2:4"), quantize=QuantizeParams(scheme="int8"))


@pytest.mark.parametrize(
    ("candidate", "budget", "fits"),
    [
        (INT8, Budget(), True),
        (INT8, Budget(size_bytes=1000), True),
        (INT8, Budget(size_bytes=999), False),
        (FLOAT, Budget(size_bytes=3999), False),
        (FLOAT, Budget(size_bytes=4000), True),
        (INT8, Budget(macs=9999), False),
        (INT8, Budget(macs=10000), True),
        (PRUNED, Budget(macs=2500), True),
        (PRUNED, Budget(macs=2499), False),
        (PRUNED, Budget(size_bytes=249), False),
        (SIZED, Budget(size_bytes=249), False),
        (SIZED, Budget(macs=1), True),
        (TIMED, Budget(macs=1, size_bytes=1), True),
        (TWICE, Budget(macs=625, size_bytes=50), True),
        (TWICE, Budget(macs=624), False),
        (TWICE, Budget(size_bytes=49), False),
        (SPARSE, Budget(size_bytes=999), False),
    ],
)
def test_the_bound_stands_on_its_edge(candidate: Candidate, budget: Budget, fits: bool):
    """A thousand weights and ten thousand MACs: the budget fits, one less does not (pruned: half; twice: a quarter)."""
    reason = infeasible(candidate, parameters=1000, macs=10000, budget=budget)

    assert (reason is None) is fits


def test_export_parameters_of_a_candidate_can_be_searched():
    """A ladder or a calibration is part of a candidate, and a searched value of it makes candidates of its own."""
    template = CandidateTemplate(export={"calibration": {"method": {"search": ["minmax", "mse"]}}})

    found = dict(expand("a", template))

    assert list(found) == ["a-methodminmax", "a-methodmse"]
    assert found["a-methodmse"]["export"] == {"calibration": {"method": "mse"}}


def test_long_values_are_told_apart_by_their_place():
    """A path would make no name, and two paths may end alike."""
    teachers = ["s3://featherline/artifacts/" + "0" * 64, "s3://featherline/artifacts/" + "1" * 64]
    template = CandidateTemplate(distill={"method": "logits", "teacher": {"search": teachers}})

    found = dict(expand("told", template))

    assert list(found) == ["told-teacher1", "told-teacher2"]
    assert [given["distill"]["teacher"] for given in found.values()] == teachers


def test_a_whole_section_can_be_searched():
    """Each section is a candidate, named by its place where its words are many."""
    sections = [{"method": "channel", "keep_macs": 0.5}, {"method": "magnitude", "sparsity": 0.8}]

    found = dict(expand("a", CandidateTemplate(prune={"search": sections})))

    assert {name: given["prune"] for name, given in found.items()} == {"a-prune1": sections[0], "a-prune2": sections[1]}
