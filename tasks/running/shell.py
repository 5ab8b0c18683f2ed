"""The shell: how every step is called, by Airflow or by hand.

python -m featherline.tasks STEP --request request.json --result result.json --store var/store

request ──► [execute] ──► record of the run, result, written last ──► exit code
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from pydantic import ValidationError

from featherline.tasks.contracts.reading import contract_of
from featherline.tasks.contracts.refusal import (
    MOST_PROBLEMS,
    OutOfReach,
    Problem,
    Refused,
    Unavailable,
    from_validation,
    refuse,
)
from featherline.tasks.contracts.request import Exit, StepRecord, StepRequest, StepResult, Variable
from featherline.tasks.contracts.safe_text import safe_streams
from featherline.tasks.running.child import die_with_parent
from featherline.tasks.running.context import Context, store_from_environment
from featherline.tasks.running.execute import STEPS, execute
from featherline.tasks.running.memory import out_of_memory
from featherline.tasks.running.run_records import write as write_record
from featherline.tasks.store.disk import in_chain, writing

ORDER_LIMIT_S = 1
"""Two seconds after SIGTERM nothing of a step may be left."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one step as the command line or the environment asks. Returns its exit code."""
    die_with_parent()
    signal.signal(signal.SIGTERM, end_in_order)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    with safe_streams():
        return _main(arguments)


def _main(arguments: Sequence[str] | None) -> int:
    options = _parser().parse_args(arguments)
    started = time.monotonic()
    try:
        request = _read(options.request) if options.request else None
        for name, value in (
            (Variable.STORE, options.store),
            (Variable.REQUEST, request),
            (Variable.RESULT, options.result),
        ):
            if value is not None:
                os.environ[name] = value
        return _run(options.step, started)
    except Exception as error:
        said, code = _ending(options.step, error)
        if said is None:
            raise
        print(said)
        return code


def _ending(step: str, error: Exception) -> tuple[str | None, int]:
    """Return what a failure says and its exit code; None and 1 where it is a crash, which shows its traceback."""
    if isinstance(error, Unavailable):
        return f"unavailable\n{error}", Exit.UNAVAILABLE
    if isinstance(error, Refused):
        return f"refused\n{error}", Exit.REFUSED
    if (memory := out_of_memory(error)) is not None:
        fix = "a smaller batch_size, fewer active tasks ([featherline] max_active_tasks), or more memory"
        return f"out of memory\n{Problem(f'{step} ran out of memory', 'memory for the step', memory, fix)}", (
            Exit.OUT_OF_MEMORY
        )
    if (disk := in_chain(error)) is not None:
        return f"refused\n{disk}", Exit.REFUSED
    return None, 1


def end_in_order(number: int, _: object) -> None:
    """End this process on SIGTERM with its temporary folders removed, and without ado when that takes too long."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(ORDER_LIMIT_S)
    raise SystemExit(128 + number)


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise refuse(
            "the request cannot be read",
            expected="a file with a StepRequest as JSON",
            got=str(error),
            fix="correct --request",
        ) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m featherline.tasks", description="Run one step of Featherline by hand."
    )
    parser.add_argument("step", choices=STEPS, metavar="STEP", help=", ".join(STEPS))
    parser.add_argument("--request", help=f"a StepRequest as JSON (default: the variable {Variable.REQUEST})")
    parser.add_argument("--result", help=f"where to write the StepResult (default: {Variable.RESULT}, else stdout)")
    parser.add_argument("--store", help=f"a folder or s3://bucket/prefix (default: the variable {Variable.STORE})")
    return parser


def _run(step: str, started: float) -> int:
    request = _request()
    label = request.label or _label(step, request)
    context = Context(store_from_environment(), request.seed, request.provenance, label)
    try:
        if contract_of(step, "Params").sweeps_store:
            context.store.blobs.sweep()
        result = execute(step, request, context, started)
    except Unavailable:  # nor would the record be taken
        raise
    except Refused as refusal:
        problems = tuple(asdict(problem.shown()) for problem in refusal.problems[:MOST_PROBLEMS])
        seconds = time.monotonic() - started
        with suppress(OutOfReach):  # the store itself may be what refuses
            write_record(
                context.store,
                context.provenance.run_id,
                StepRecord(step=step, label=label, status="refused", seconds=seconds, problems=problems),
            )
        raise
    write_record(
        context.store, context.provenance.run_id, StepRecord(**result.model_dump(exclude={"run_id", "format"}))
    )
    print(f"{step} {label} {result.status} in {result.seconds:.1f} s".replace("  ", " "))
    _answer(result)
    return Exit.DONE


def _request() -> StepRequest:
    text = os.environ.get(Variable.REQUEST, "{}")
    try:
        return StepRequest.model_validate_json(text)
    except ValidationError as error:
        raise from_validation("the request", error) from None


def _label(step: str, request: StepRequest) -> str:
    if request.candidate is not None:
        return str(request.candidate.get("name", ""))
    return str(request.inputs.get(contract_of(step, "Params").label_input, ""))


def _answer(result: StepResult) -> None:
    path = os.environ.get(Variable.RESULT)
    if path is None:
        print(json.dumps(result.model_dump(mode="json"), indent=2))
        return
    temporary, data = Path(f"{path}.part"), result.to_json()
    try:
        with writing(temporary, len(data)):
            temporary.write_bytes(data)
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
