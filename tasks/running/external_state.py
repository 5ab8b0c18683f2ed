"""What steps read outside their inputs, reduced to what a cache key can hold.

Which step reads what its contract says (`Params.external_state`). It is looked at before a hit is looked for, and what
was seen is handed to the step with its work, so that it works with what its key holds.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Iterable
from pathlib import Path
from typing import assert_never

from featherline.tasks.contracts.base import digest
from featherline.tasks.contracts.external_state import (
    AcceptedBefore,
    BuilderModule,
    External,
    ExternalState,
    FilesAt,
    LaneSeconds,
    RefusedSteps,
)
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.contracts.request import Provenance
from featherline.tasks.running.lane_seconds import spent_seconds
from featherline.tasks.running.run_records import refusals
from featherline.tasks.store import accepted
from featherline.tasks.store.artifacts import Store
from featherline.tasks.store.fingerprint import fingerprint


def observe(step: str, things: Iterable[External], store: Store, provenance: Provenance) -> ExternalState:
    """Look at what a step reads outside its inputs.

    Raises:
        Refused: The module of a builder cannot be found.
    """
    digests: dict[str, str] = {}
    lane_seconds = None
    for thing in things:
        match thing:
            case FilesAt(name, place):
                digests[name] = fingerprint(place)
            case BuilderModule(name, builder):
                if ":" in builder:
                    digests[name] = _module_digest(step, builder.partition(":")[0])
            case AcceptedBefore(what, recipe, subject):
                entry = accepted.previous(store, recipe, what, subject)
                digests["previous"] = entry.subject if entry else ""
            case LaneSeconds(candidates):
                lane_seconds = round(spent_seconds(store, provenance.run_id, candidates), 1)
            case RefusedSteps():
                refused = [(one.step, one.label, list(one.problems)) for one in refusals(store, provenance.run_id)]
                if refused:
                    digests["refused"] = digest(json.dumps(refused, sort_keys=True).encode())
            case _:
                assert_never(thing)
    return ExternalState(digests, lane_seconds)


def _module_digest(step: str, module: str) -> str:
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        spec = None
    if spec is None or spec.origin is None:
        raise refuse(
            f"{step} cannot find the module {module}",
            expected="a module that the tasks' environment can import",
            got=module,
            fix="install it into the image or the environment, or correct the name of the builder",
        )
    return hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest()
