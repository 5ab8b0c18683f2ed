"""A search of pipelines against lanes whose figures are formulas."""

from __future__ import annotations

from dataclasses import replace

import pytest

from featherline.tasks.contracts.auto import Auto, Order, PipelinePoint
from featherline.tasks.planning.auto.grid import shared_work
from featherline.tasks.planning.auto.outcomes import Outcome
from featherline.tasks.planning.auto.sampler import next_points
from tests.tasks.planning.auto.conftest import Search, lane
from tests.tasks.planning.auto.test_grid import ORDERS, SEARCHED


def best(outcomes: list[Outcome]) -> float:
    """Return the least size of a lane that keeps the rules."""
    return min(outcome.cost for outcome in outcomes if outcome.good)


@pytest.mark.parametrize("seed", range(5))
def test_three_rounds_find_a_better_pipeline_than_the_presets(auto: Auto, search: Search, seed: int):
    """Smaller, and within the drop that the gate allows."""
    first, *later = search(auto, seed=seed)

    assert best(first) == 35_000
    assert best([outcome for group in later for outcome in group]) < 35_000


def test_the_same_history_and_seed_give_the_same_proposals(auto: Auto, search: Search):
    """So a run that is started again finds its lanes in the cache; another seed looks elsewhere."""
    names = [[[outcome.name for outcome in group] for group in search(auto, seed=seed)] for seed in (3, 3, 4)]

    assert names[0] == names[1]
    assert names[0] != names[2]


def test_a_failed_lane_stops_nothing_and_is_not_tried_again(auto: Auto, search: Search):
    """Every lane that prunes hard fails; the others are proposed all the same, each once."""

    def fragile(point: PipelinePoint) -> Outcome:
        return Outcome(lane(point).name, point) if point.keep_macs < 0.3 else lane(point)

    found = [outcome for group in search(auto.model_copy(update={"rounds": 6}), work=fragile) for outcome in group]
    names = [outcome.name for outcome in found]

    assert any(outcome.failed for outcome in found)
    assert len(names) == len(set(names)) >= 20
    assert best(found) <= 35_000


def test_once_a_lane_could_not_be_pruned_so_far_the_others_like_it_come_last(auto: Auto):
    """Whatever their other parameters are; they are not struck off, as a lane can fail for another reason."""
    small = auto.model_copy(update={"keep_macs": (1, 0.5, 0.2), "lanes": 30})
    whole, half, fifth = (
        PipelinePoint(),
        PipelinePoint(keep_macs=0.5, prune_epochs=10),
        PipelinePoint(keep_macs=0.2, prune_epochs=10),
    )
    fell = Outcome(lane(fifth).name, fifth)

    def asked(*history: Outcome) -> list[float]:
        return [point.keep_macs for point in next_points(small, (), history, lanes=30, seed=0, fits=lambda _: True)]

    assert set(asked(lane(whole), lane(half), fell)[-4:]) == {0.2}
    assert 0.2 in asked(lane(whole), lane(half))[:4]
    assert 0.2 in asked(lane(whole), lane(half), fell, lane(fifth.model_copy(update={"prune_epochs": 5})))[:4]


def test_what_one_student_could_not_lose_says_nothing_of_another(auto: Auto):
    """A fraction of a lean network is not that of a wide one."""
    space = auto.model_copy(update={"students": ("baseline", "searched"), "distill_epochs": (4,), "orders": ORDERS})
    fell = PipelinePoint(student="searched-0", keep_macs=0.5, prune_epochs=10, distill_epochs=4, order="distill_first")
    history = [Outcome("auto-fell", fell), lane(PipelinePoint(student="searched-0", distill_epochs=4))]

    asked = next_points(space, (SEARCHED,), history, lanes=500, seed=0, fits=lambda _: True)

    pruned = [point for point in asked if point.keep_macs <= 0.5]
    assert {point.student for point in pruned[-3:]} == {"searched-0"}
    assert {point.student for point in pruned[:3]} == {"baseline"}


@pytest.mark.parametrize("orders", [("distill_first",), ("prune_first",), ORDERS])
def test_every_set_of_orders_is_searched_to_its_end(search: Search, orders: tuple[Order, ...]):
    """Lanes in which the order has no effect are known to the sampler too, failed or not."""
    small = Auto(keep_macs=(1, 0.5), distill_epochs=(0, 4), teacher=(False,), rounds=3, orders=orders)
    lanes = [outcome for group in search(small) for outcome in group]

    assert {outcome.point.order for outcome in lanes if outcome.point} >= set(orders)
    assert len({outcome.name for outcome in lanes}) == len(lanes) >= 6


def test_a_search_goes_on_when_every_lane_failed(auto: Auto, search: Search):
    """Nothing is learnt but where not to look."""
    rounds = search(auto, work=lambda point: replace(lane(point), failed=True))

    assert [len(group) for group in rounds] == [3, 4, 4]


def test_a_round_trains_nothing_twice_side_by_side(auto: Auto, search: Search):
    """Two lanes of a round share a training only where an earlier lane has done it."""
    done: set[object] = set()
    for group in search(auto.model_copy(update={"rounds": 5})):
        new = [work for outcome in group if outcome.point for work in shared_work(outcome.point) if work not in done]
        assert len(new) == len(set(new))
        done |= set(new)


def test_the_preset_that_waited_comes_first_in_the_next_round(auto: Auto, search: Search):
    """Pruned to half and trained for int8, upon the pruning of the first round."""
    _, second, *_ = search(auto)

    assert second[0].point == PipelinePoint(keep_macs=0.5, prune_epochs=10, qat=True, tune_epochs=3)


def test_a_space_that_is_used_up_gives_nothing(search: Search):
    """Two lanes are all; the third round is empty."""
    small = Auto(keep_macs=(1,), teacher=(False,), lanes=4)

    assert [len(group) for group in search(small)] == [1, 1, 0]


def test_what_cannot_fit_the_device_is_never_proposed(auto: Auto, search: Search):
    """The question is asked of every point."""
    rounds = search(auto, fits=lambda point: point.keep_macs <= 0.2)

    assert {outcome.point.keep_macs for group in rounds for outcome in group if outcome.point} <= {0.2, 0.15, 0.1, 0.05}
    assert all(group for group in rounds)
