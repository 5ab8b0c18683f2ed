"""Whether an untrained network fits the budget of its search: counted and estimated, its latency measured.

network ──► MACs, parameters, bytes, RAM ──► inside? ──► latency of its int8 file, where it is bounded ──► inside?
"""

from __future__ import annotations

from collections.abc import Callable

from featherline.tasks.contracts.device import Budget, beyond
from featherline.tasks.contracts.measurement import REPEATABILITY
from featherline.tasks.contracts.request import Exit
from featherline.tasks.contracts.trials import Trial
from featherline.tasks.data.dataset import Examples
from featherline.tasks.litert.conversion import ConverterDied
from featherline.tasks.measuring.int8_probe import RUNS, WARM_UP, int8_file
from featherline.tasks.measuring.latency import median_ms
from featherline.tasks.networks.estimates import int8_bytes, peak_ram_bytes
from featherline.tasks.networks.framework import KerasModel
from featherline.tasks.networks.macs import count_macs

ESTIMATED = ("macs", "size_bytes", "peak_ram_bytes")
"""What is known of an untrained network, by the names of a budget's bounds."""


WORDS = {
    "macs": "MACs",
    "size_bytes": "bytes of int8 file, estimated",
    "peak_ram_bytes": "bytes of RAM, estimated",
    "latency_ms_p50": "ms of latency, measured",
}


class BuildFailed(Exception):  # noqa: N818 - an outcome of a trial
    """A builder could not build what a trial asked for."""


def held_against(
    record: Trial, model: KerasModel, budget: Budget, examples: Callable[[], Examples], seed: int
) -> Trial:
    """Return the record, infeasible where anything is too much. Latency is measured of what keeps the rest.

    Args:
        record: With the sizes of the network.
        model: Built, not trained.
        budget: Of the search.
        examples: Gives what an int8 file is calibrated on and run on; called where latency is measured.
        seed: Of the bootstrap of its latency.
    """
    used = {name: getattr(record, name) for name in ESTIMATED}
    excess = budget.excess(used)
    if budget.latency_ms_p50 and not beyond(excess):
        median, low = int8_latency_ms(model, examples(), seed)
        record = record.model_copy(update={"latency_ms": median})
        # A clock decides only by more than its interval, and by more than two measurements of one file differ.
        late = budget.excess({"latency_ms_p50": low / (1 + REPEATABILITY)})
        if beyond(late):
            used, excess = used | {"latency_ms_p50": median}, excess | late
    record = record.model_copy(update={"excess": max(excess.values(), default=-1.0)})
    too_much = [name for name in used if name in beyond(excess)]
    if not too_much:
        return record
    reasons = (f"{_number(used[name])} {WORDS[name]}; {_number(getattr(budget, name))} allowed" for name in too_much)
    return record.model_copy(update={"state": "infeasible", "reason": "; ".join(reasons)})


def int8_latency_ms(model: KerasModel, examples: Examples, seed: int) -> tuple[float, float]:
    """Return the median time of the model's int8 file on one thread of this machine, and what it is at least."""
    try:
        return median_ms(int8_file(model, examples), warm_up=WARM_UP, runs=RUNS, seed=seed)
    except ConverterDied as died:
        if died.code != Exit.CONVERTER_DIED:
            raise
        raise BuildFailed("the converter died of this network") from died


def sizes(model: KerasModel) -> dict[str, int]:
    """Return what is counted and estimated of a network, by the names of a trial."""
    return {
        "macs": count_macs(model),
        "parameters": model.count_params(),
        "size_bytes": int8_bytes(model),
        "peak_ram_bytes": peak_ram_bytes(model),
    }


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}"
