"""Waiting for a server that is away: what a wait can mend is tried again for minutes, with longer and longer pauses.

    attempt ──► fails, and may pass ──► 0.5 s, 1 s, 2 s … 15 s ──► attempt ──► after FEATHERLINE_PATIENCE_S: Unavailable

A line says what is waited for, since when, and for how long still. SIGTERM ends a waiting step as any other.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from datetime import datetime
from math import isfinite
from typing import TypeVar

from featherline.tasks.contracts.refusal import Problem, Unavailable, refuse
from featherline.tasks.contracts.request import Variable

T = TypeVar("T")

DEFAULT_S = 300.0
BEFORE_A_PERSON_S = 20.0
"""Of a command that somebody waits for."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 15.0
SAY_EVERY_S = 30.0

_default_s = DEFAULT_S


def be_short() -> None:
    """Wait no longer than a person would, in this process, unless the environment says how long."""
    global _default_s  # noqa: PLW0603 - one process has one patience; its children have their own
    _default_s = BEFORE_A_PERSON_S


def patience_s() -> float:
    """Return for how long a server that is away is waited for, in seconds.

    Raises:
        Refused: FEATHERLINE_PATIENCE_S is no number of seconds.
    """
    text = os.environ.get(Variable.PATIENCE, "").strip()
    if not text:
        return _default_s
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not (isfinite(seconds) and seconds >= 0):
        raise refuse(
            "nobody knows how long to wait for a server",
            expected=f"{Variable.PATIENCE}: a number of seconds, from 0",
            got=text,
            fix=f"correct {Variable.PATIENCE}, or leave it out for {DEFAULT_S:.0f} s",
        )
    return seconds


def waiting(
    whom: str, attempt: Callable[[], T], passing: Callable[[Exception], str | None], *, expected: str, fix: str
) -> T:
    """Return what `attempt` gives, tried again for as long as it fails by what may pass.

    Args:
        whom: What is asked, such as `the store s3://featherline`.
        attempt: Asks it once; may be called many times.
        passing: Says of an exception what is wrong where a wait can mend it; None where it cannot.
        expected: What should be there.
        fix: What a person can do when the patience is over.

    Raises:
        Unavailable: The patience is over.
        Exception: Whatever else `attempt` raises.
    """
    began = said = None
    pause = FIRST_PAUSE_S
    while True:
        try:
            answer = attempt()
        except Exception as error:
            reason = passing(error)
            if reason is None:
                raise
            now = time.monotonic()
            first, began = began is None, now if began is None else began
            left = began + patience_s() - now
            if left <= 0:
                waited = "" if first else f" (it was waited for {now - began:.0f} s)"
                raise Unavailable(Problem(f"{whom} is out of reach", expected, reason, f"{fix}{waited}")) from error
            if not first and (said is None or now - said >= SAY_EVERY_S):
                since = datetime.fromtimestamp(time.time() - (now - began)).astimezone()
                _say(f"{whom} does not answer ({reason}) since {since:%H:%M:%S}: waiting, for {left:.0f} s more")
                said = now
            time.sleep(min(pause, left))
            pause = min(2 * pause, LONGEST_PAUSE_S)
        else:
            if said is not None and began is not None:
                _say(f"{whom} answers again, after {time.monotonic() - began:.0f} s")
            return answer


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")  # at once: threads wait too
    sys.stderr.flush()
