"""The space as a grid: each lane once, named, with equal parameters where lanes have work in common."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from featherline.tasks.contracts.auto import Auto, PipelinePoint
from featherline.tasks.contracts.fit import DistillationSettings
from featherline.tasks.contracts.model import Architecture
from featherline.tasks.contracts.steps.choose import ChosenArchitecture
from featherline.tasks.planning.auto.grid import candidate, canonical, name_of, points, shared_work

ORDERS = ("prune_first", "distill_first")
SEARCHED = ChosenArchitecture(
    name="searched-0",
    architecture=Architecture(builder="cnn", options={"width": 8}),
    quality=0.9,
    macs=10,
    parameters=10,
    size_bytes=10,
)


def test_every_lane_is_there_once():
    """One parameter of two values, all others of one: two points, whatever else does not matter in them."""
    auto = Auto(keep_macs=(1.0, 0.5), teacher=(False, True), qat=(False,), prune_epochs=(4,))

    assert [(point.keep_macs, point.prune_epochs, point.teacher) for point in points(auto, ())] == [
        (0.5, 4, False),
        (0.5, 4, True),
        (1.0, 0, False),
    ]


def test_a_parameter_without_effect_makes_no_second_lane():
    """A teacher of nothing, and int8 training of a float16 file, are the same lane as without."""
    auto = Auto()
    idle = PipelinePoint(teacher=True, prune_epochs=5, tune_epochs=3)

    assert canonical(idle, auto) == PipelinePoint()
    assert canonical(PipelinePoint(scheme="float16", qat=True, tune_epochs=3), auto) == PipelinePoint(scheme="float16")


def test_a_searched_student_is_distilled_and_not_pruned():
    """Its architecture replaces what pruning would leave."""
    auto = Auto(students=("searched",), distill_epochs=(0, 6), keep_macs=(0.5,), qat=(False,))

    (only,) = points(auto, (SEARCHED,))
    lane = candidate(only, auto, (SEARCHED,))

    assert (lane.searched, lane.prune.method, lane.distill.method) == ("searched-0", "none", "logits")
    assert lane.distill.architecture == SEARCHED.architecture
    assert lane.distill.fit.epochs == 6


def test_a_searched_student_is_pruned_after_distillation():
    """Where the space has that order; before them there is nothing to prune."""
    auto = Auto(students=("searched",), distill_epochs=(6,), keep_macs=(0.5,), qat=(False,), orders=("distill_first",))

    lanes = {point.teacher: candidate(point, auto, (SEARCHED,)) for point in points(auto, (SEARCHED,))}

    lane = lanes[True]
    assert (lane.prune.method, lane.distill.method, lane.trim.method) == ("none", "logits", "channel")
    assert (lane.trim.keep_macs, lane.trim.fit.epochs, lane.trim.distillation) == (0.5, 5, DistillationSettings())
    assert lane.name == "auto-searched-0-distill6-macs0.5-e5-kd-int8"
    assert set(lanes) == {False, True}


def test_an_order_counts_where_there_are_two() -> None:
    """Without pruning, or without distillation on its own, both orders are the same lane."""
    both = Auto(keep_macs=(0.5,), distill_epochs=(0, 4), qat=(False,), teacher=(False,), orders=ORDERS)

    assert [(point.distill_epochs, point.order) for point in points(both, ())] == [
        (0, "prune_first"),
        (4, "prune_first"),
        (4, "distill_first"),
    ]
    assert canonical(PipelinePoint(distill_epochs=4, order="distill_first"), both) == PipelinePoint(distill_epochs=4)


def test_lanes_have_in_common_what_begins_alike() -> None:
    """The first training of one order is no part of the other, unless it is the same one from the same start."""
    first, second = (
        PipelinePoint(keep_macs=0.5, prune_epochs=5, distill_epochs=4, order=order)
        for order in ("prune_first", "distill_first")
    )
    distilled = PipelinePoint(distill_epochs=4)

    assert len(list(shared_work(first))) == len(list(shared_work(second))) == 2
    assert not set(shared_work(first)) & set(shared_work(second))
    assert set(shared_work(distilled)) < set(shared_work(second))
    assert set(shared_work(PipelinePoint(keep_macs=0.5, prune_epochs=5))) < set(shared_work(first))


def test_lanes_that_prune_alike_have_equal_parameters_of_prune():
    """So the second one finds the first one's result under the same cache key."""
    auto = Auto(prune={"criterion": "taylor", "fit": {"batch_size": 64}})
    pruned = PipelinePoint(keep_macs=0.5, prune_epochs=5)
    after = candidate(pruned, auto)
    qat = candidate(pruned.model_copy(update={"qat": True, "tune_epochs": 3}), auto)

    assert after.prune.to_json() == qat.prune.to_json()
    assert (after.prune.criterion, after.prune.fit.batch_size, after.prune.fit.epochs) == ("taylor", 64, 5)
    assert qat.quantize.qat
    assert after.name != qat.name


def test_names_tell_all_lanes_apart():
    """No two points of a space share one, and the longest are short enough for a name all the same."""
    auto = Auto(
        students=("baseline", "searched"),
        keep_macs=(1, 0.375),
        teacher=(True,),
        prune_epochs=(100,),
        schemes=("int8", "weight_only_wi4_afp32"),
        clusters=(None, 16, 128),
        distill_epochs=(0, 100),
        tune_epochs=(10, 20),
        orders=ORDERS,
    )
    every = points(auto, (SEARCHED,))

    assert len({name_of(point) for point in every}) == len(every)
    assert {candidate(point, auto, (SEARCHED,)).name for point in every} == {name_of(point) for point in every}
    assert max(len(name_of(point)) for point in every) == 63


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"keep_macs": (0.0,)}, "fractions above 0"),
        ({"tune_epochs": (0,)}, "tune_epochs of 1 or more"),
        ({"students": ("searched",)}, "distill_epochs above 0"),
        ({"prune": {"keep_macs": 0.5}}, "no prune.keep_macs here: the search sets it"),
        ({"keep_macs": tuple(n / 2000 for n in range(1, 2000))}, "at most 5000 combinations, not 7996"),
    ],
)
def test_a_space_that_cannot_be_is_refused(wrong: dict[str, object], said: str):
    """With the rule that it breaks."""
    with pytest.raises(ValidationError, match=said):
        Auto.model_validate(wrong)


def test_lanes_with_and_without_a_ladder_stand_side_by_side():
    """Those that train for int8 have no float model to climb with, and float16 loses nothing."""
    ladder = {"fallback_ladder": {"rungs": ["static_wmixed_ai8"]}}
    auto = Auto(keep_macs=(1.0,), teacher=(False,), schemes=("int8", "float16"), export=ladder)

    lanes = [candidate(point, auto) for point in points(auto, ())]

    assert {lane.name: lane.export.fallback_ladder is not None for lane in lanes} == {
        "auto-float16": False,
        "auto-int8": True,
        "auto-int8-qat-t3": False,
    }
