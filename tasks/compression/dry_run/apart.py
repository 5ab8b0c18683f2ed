"""A dry run in processes of its own: where one dies, the trial that killed it is noted and a new one goes on.

request ──► folder ──► python -m featherline.tasks.compression.dry_run.tryout ──► outcomes
                                   ▲         │ died
                                   └─────────┘
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path

from featherline.tasks.compression.dry_run.outcome import REQUEST, DryRunRequest, Outcome, failed, note, noted
from featherline.tasks.contracts.refusal import Problem
from featherline.tasks.contracts.secrets import Secret
from featherline.tasks.litert.conversion import FAULTS
from featherline.tasks.running.child import Child, Ended

LAST_LINES = 15


def run_apart(request: DryRunRequest, *, needs: Collection[Secret] = (), program: Sequence[str] = ()) -> list[Outcome]:
    """Try everything that is asked, and return how each trial ended.

    Args:
        request: What is tried.
        needs: The secrets that reading the models takes.
        program: What runs in its place.

    Raises:
        RuntimeError: The process ended by itself before it tried anything.
    """
    with tempfile.TemporaryDirectory(prefix="featherline-dry-run-") as name:
        folder = Path(name)
        (folder / REQUEST).write_bytes(request.to_json())
        while True:
            before = len(noted(folder))
            with Child(
                "featherline.tasks.compression.dry_run.tryout", name, log=folder / "log", needs=needs, program=program
            ) as child:
                ended = child.wait()
            if ended.code == 0:
                return [outcome for outcome in noted(folder) if outcome.state != "begun"]
            if len(noted(folder)) == before:
                raise RuntimeError(f"the dry run ended with exit code {ended.code}:\n{_tail(ended)}")
            note(folder, _blamed(noted(folder)[-1].trial, ended))


def _blamed(trial: str, ended: Ended) -> Outcome:
    """Return the outcome of the trial that ended its process."""
    print(f"dry run: {trial} ended its process ({ended.signal_name or f'exit code {ended.code}'}):\n{_tail(ended)}")
    if ended.died_of in FAULTS:
        return failed(
            trial,
            Problem(
                f"{trial} kills the process that tries it",
                "a technique and a converter that live through this network",
                ended.signal_name,
                "leave the technique out, or report the network: the fault is the library's",
            ),
        )
    return Outcome(trial=trial, state="unknown")


def _tail(ended: Ended) -> str:
    return "\n".join(f"  {line}" for line in ended.said.splitlines()[-LAST_LINES:]) or "  (it said nothing)"
