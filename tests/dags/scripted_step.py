"""Steps that give the smallest answers that the contracts allow, for the flow around them.

    python -m featherline.tasks STEP

It checks its inputs and parameters as the real shell does, and keeps each request as `<step>.<label>.json`. `prune`
refuses the candidates in BREAKS, and `search` the worker 1; a step in REFUSES is refused. ROUNDS is the recipe's own
number of rounds, and ASKED the folder of the requests. With UNCHANGED, `resolve` finds that nothing is left to do,
unless it is asked to run all the same.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from featherline.tasks.contracts.reading import contract_of
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.contracts.request import Exit, StepRequest, StepResult, Variable

DIGEST = "1" * 64
"""Digits alone: what reads text as a number trips over it."""


def reference(kind: str) -> dict[str, Any]:
    """Return a reference to nothing."""
    return {"uri": f"artifacts/{DIGEST}", "sha256": DIGEST, "bytes": 1000, "kind": kind}


DATA, VERDICT, PAGE, MEASUREMENT = (reference(kind) for kind in ("dataset", "verdict", "page", "measurement"))
MODEL = {"file": reference("model"), "parameters": 10, "macs": 100, "validation_quality": 0.97}
CAT = {"name": "cat", "samples": 10, "quality": 0.96}
EIGHT_BYTES = {"shape": [8], "dtype": "int8"}
FILE = {
    "file": reference("tflite"),
    "scheme": "int8",
    "golden": reference("golden"),
    "validation_quality": 0.96,
    "validation_slices": [CAT],
    "ends": {"inputs": {"image": EIGHT_BYTES}, "outputs": {"output": EIGHT_BYTES}},
    "source": MODEL,
}
RELEASE = {"name": "digits", "version": "v1", "uri": "releases/v1", "model_sha256": DIGEST, "manifest_sha256": DIGEST}
REGISTRATION = {
    "registry": "store",
    "name": "digits",
    "version": "1",
    "alias": "challenger",
    "model_sha256": DIGEST,
}
RANKING = [{"name": "sturdy", "verdict": "pass", "on_front": True, "reason": "the only one"}]
PARAMETERS = {
    name: {}
    for name in ("validate_data", "dry_run", "train", "validate_model", "search", "choose", "export", "evaluate")
}
PARAMETERS |= {name: {} for name in ("validate_metrics", "select", "register", "promote")}
PARAMETERS |= {"preprocess": {"source": "digits"}, "plan": {"candidates": {}}, "report": {"title": "digits"}}
PARAMETERS |= {"publish": {"name": "digits"}}
ROUNDS = int(os.environ.get("FEATHERLINE_TEST_ROUNDS", "1"))
PARAMETERS |= {"propose": {"auto": {"rounds": ROUNDS}} if ROUNDS > 1 else {}}
BREAKS = os.environ.get("FEATHERLINE_TEST_BREAKS", "fragile").split()
REFUSES = os.environ.get("FEATHERLINE_TEST_REFUSES", "").split()
PARAMETERS |= {"search": {"space": {"builder": "cnn", "choices": {"width": [8]}}, "trials": 1}}

WORK = {"prune": {"method": "channel"}, "quantize": {"scheme": "int8", "qat": True}}
"""Of a lane: nothing is asked of `distill` and `trim`."""

ANSWERS: dict[str, dict[str, Any]] = {
    "resolve": {
        "recipe": reference("recipe"),
        "params": PARAMETERS,
        "workers": [0, 1],
        "rounds": ROUNDS,
        "champion": None,
        "approve": "borderline",
        "done_before": False,
    },
    "preprocess": {"data": DATA},
    "validate_data": {"data": DATA, "verdict": VERDICT},
    "dry_run": {"infeasible": []},
    "train": {"model": MODEL, "metrics": {"quality": 0.97, "loss": 0.1, "slices": [CAT], "samples": 10}},
    "validate_model": {"model": MODEL, "verdict": VERDICT},
    "search": {"trials": None},
    "choose": {"architectures": [], "trials": None},
    "plan": {"candidates": [{"name": "fragile"} | WORK, {"name": "sturdy"} | WORK]},
    "propose": {"candidates": [{"name": "second"} | WORK, {"name": "brittle"} | WORK], "why": "scripted"},
    "prune": {"model": MODEL},
    "distill": {"model": MODEL},
    "trim": {"model": MODEL},
    "quantize": {"model": MODEL, "scheme": "float32"},
    "export": {"model": FILE},
    "evaluate": {"measurement": MEASUREMENT, "model": FILE},
    "validate_metrics": {"verdict": VERDICT},
    "select": {
        "winner": "sturdy",
        "model": FILE,
        "measurement": MEASUREMENT,
        "ranking": RANKING,
        "borderline": False,
    },
    "report": {"page": PAGE, "card": PAGE},
    "publish": {"release": RELEASE, "done_before": False},
    "register": {"release": RELEASE, "registration": REGISTRATION, "done_before": False},
    "promote": {"registration": REGISTRATION, "done_before": False},
}


def main(step: str) -> int:
    """Check the question, keep it, and answer."""
    request = StepRequest.model_validate_json(os.environ[Variable.REQUEST])
    candidate = request.candidate or {}
    inputs = contract_of(step, "Inputs").model_validate(request.inputs)
    contract_of(step, "Params").model_validate(candidate.get(step, {}) if candidate else request.params)
    label = str(candidate.get("name", request.label or getattr(inputs, "worker", "")))
    asked = Path(os.environ.get("FEATHERLINE_TEST_ASKED", "asked"))
    asked.mkdir(exist_ok=True)
    (asked / f"{step}.{label}.json").write_bytes(request.to_json())
    if (step, label) == ("search", "1") or (step == "prune" and label in BREAKS):
        print(f"refused\n{refuse(f'{step} {label} is refused', expected='another', got=label, fix='none')}")
        return Exit.REFUSED
    if step in REFUSES:
        print(f"refused\n{refuse(f'{step} is refused', expected='another', got='this', fix='none')}")
        return Exit.REFUSED
    answer = ANSWERS[step]
    if step == "resolve" and os.environ.get("FEATHERLINE_TEST_UNCHANGED") and request.params["unchanged"] == "skip":
        answer = answer | {"unchanged": {"run_id": "before", "release": RELEASE, "version": "1"}}
    outputs = contract_of(step, "Outputs").model_validate(answer).model_dump(mode="json")
    result = StepResult(step=step, run_id="run", status="ran", key=DIGEST, seconds=0.1, outputs=outputs)
    Path(os.environ[Variable.RESULT]).write_bytes(result.to_json())
    return Exit.DONE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
