"""The ports of the stack, kept from one start to the next: bookmarks, scripts and MLflow's records name them.

var/ports.json ──► free? kept : another is drawn, and said ──► var/ports.json      it outlives `down`
"""

from __future__ import annotations

from collections.abc import Callable

from pydantic import ValidationError

from featherline.places import Places
from featherline.stack import ports
from featherline.stack.s3_program import free_ports, is_row_free
from featherline.tasks.contracts.base import Contract
from featherline.whole_file import write_whole


class Kept(Contract):
    """Where each server listens; of S3 the first port of its row."""

    s3: int
    mlflow: int
    airflow: int
    postgres: int | None = None
    redis: int | None = None


def choose_ports(places: Places, say: Callable[[str], None], *, with_workers: bool) -> Kept:
    """Return the ports that the stack had before, another one where somebody else has taken it, and keep them."""
    before = kept_ports(places)
    names = ("mlflow", "airflow", *(("postgres", "redis") if with_workers else ()))
    wanted = [getattr(before, name) if before else None for name in names]
    found = dict(zip(names, ports.choose(wanted), strict=True))
    s3 = before.s3 if before and is_row_free(before.s3) else free_ports()
    # Those of a stack with workers stay kept while there are none.
    others = {"postgres": before.postgres, "redis": before.redis} if before else {}
    kept = Kept.model_validate(others | found | {"s3": s3})
    if before:
        for name, port in before.model_dump().items():
            now = getattr(kept, name)
            if port is not None and now != port:
                say(f"stack: port {port} of {name} is somebody else's now: it is {now} from here on")
    write_whole(places.ports, kept.to_json())
    return kept


def kept_ports(places: Places) -> Kept | None:
    """Return what an earlier stack kept; None where there was none, or its file is damaged."""
    try:
        return Kept.model_validate_json(places.ports.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
