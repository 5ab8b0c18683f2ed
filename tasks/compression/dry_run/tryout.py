"""The process of a dry run: it builds the network, and sends each candidate through its lane untrained.

    folder/request.json ──► network ──► search space ──► candidates ──► folder/outcomes.jsonl

It works at the lowest priority, beside a training that has begun. What was tried before it died is not tried again.

    python -m featherline.tasks.compression.dry_run.tryout FOLDER
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from pathlib import Path

from featherline.tasks.compression.dry_run.lane import signature, try_lane
from featherline.tasks.compression.dry_run.network import check_network
from featherline.tasks.compression.dry_run.outcome import (
    NETWORK,
    REQUEST,
    SPACE,
    DryRunRequest,
    Outcome,
    failed,
    note,
    noted,
)
from featherline.tasks.contracts.candidate import Candidate
from featherline.tasks.contracts.refusal import OutOfReach, Problem, Refused
from featherline.tasks.litert.convert import convert
from featherline.tasks.networks.framework import KerasModel, keras
from featherline.tasks.networks.macs import count_macs
from featherline.tasks.networks.transfer.network import read_network
from featherline.tasks.networks.zoo.build import build
from featherline.tasks.running.memory import out_of_memory
from featherline.tasks.store.disk import in_chain

NICENESS = 19
"""The training beside it loses nothing to it."""


class _Trials:
    """What is tried; the network is built once."""

    def __init__(self, request: DryRunRequest) -> None:
        self.request = request
        self._tried: dict[str, Outcome] = {}

    @cached_property
    def network(self) -> KerasModel:
        keras.utils.set_random_seed(self.request.seed)
        if self.request.architecture is not None:
            return build(self.request.architecture, self.request.input_shape, self.request.outputs)
        file, head = str(self.request.file), self.request.head
        return read_network(file, head, self.request.input_shape, self.request.outputs).model

    def each(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """Yield every trial's name and what does it."""
        yield NETWORK, self._network
        if self.request.searched is not None:
            yield SPACE, self._space
        for candidate in self.request.candidates:
            yield candidate.name, partial(self._lane, candidate)

    def _network(self) -> None:
        named = self.request.architecture.builder if self.request.architecture else str(self.request.file)
        check_network(self.network, named)
        convert(self.network, "float32")

    def _space(self) -> None:
        assert self.request.searched is not None  # noqa: S101 - `each` asks only then
        count_macs(build(self.request.searched, self.request.input_shape, self.request.outputs))

    def _lane(self, candidate: Candidate) -> None:
        """Try a candidate; one that differs in nothing that counts here ends as the first one did."""
        known = signature(candidate)
        if known not in self._tried:
            self._tried[known] = _outcome(
                candidate.name, lambda: try_lane(candidate, self.network, self.request.outputs, self.request.modalities)
            )
        if said := self._tried[known].said:
            raise Refused(*said)


def main(folder: Path) -> None:
    """Try what is not tried yet, and note how each trial ended."""
    os.nice(NICENESS)
    trials = _Trials(DryRunRequest.model_validate_json((folder / REQUEST).read_bytes()))
    over = {outcome.trial for outcome in noted(folder) if outcome.state != "begun"}
    for name, trial in trials.each():
        if name in over:
            continue
        note(folder, Outcome(trial=name, state="begun"))
        outcome = _outcome(name, trial)
        note(folder, outcome)
        if name == NETWORK and outcome.state == "fails":
            return


def _outcome(name: str, trial: Callable[[], None]) -> Outcome:
    started = time.monotonic()
    try:
        trial()
    except OutOfReach as refusal:  # a full disk, which says nothing of what is tried
        print(f"{name}: {refusal}")
        return Outcome(trial=name, state="unknown", seconds=time.monotonic() - started)
    except Refused as refusal:
        return failed(name, *refusal.problems, seconds=time.monotonic() - started)
    except MemoryError as error:
        print(f"{name}: memory ran out ({error})")
        return Outcome(trial=name, state="unknown", seconds=time.monotonic() - started)
    except Exception as error:  # noqa: BLE001 - a library can fail in any way: that is what is being found out
        if out_of_memory(error) is not None or in_chain(error) is not None:
            print(f"{name}: memory or disk ran out ({error})")
            return Outcome(trial=name, state="unknown", seconds=time.monotonic() - started)
        return failed(name, _crash(name, error), seconds=time.monotonic() - started)
    return Outcome(trial=name, state="works", seconds=time.monotonic() - started)


def _crash(name: str, error: Exception) -> Problem:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or ["no message"]
    place = error.__traceback__
    while place is not None and place.tb_next is not None and "tasks" in place.tb_next.tb_frame.f_code.co_filename:
        place = place.tb_next
    function = place.tb_frame.f_code.co_name if place else "?"
    return Problem(
        f"{name} does not work with fresh weights",
        "a network that goes through each technique and the converter before it is trained",
        f"{type(error).__name__} in {function}: {lines[-1][:300]}",
        "change the layers that it names, or leave this technique out",
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
