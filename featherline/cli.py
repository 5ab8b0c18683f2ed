"""The command line: `featherline up | down | run | status | rollback | data | demo`.

Exit codes: 0 done; 1 the run failed, or a part of the stack is not well; 65 refused, with what was expected, what was
met and what to change; 130 ended by the person; 141 whoever read the output has gone.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from featherline import demo, runs
from featherline.places import Places, places
from featherline.screen import SafeConsole
from featherline.stack import record, turns
from featherline.stack import stack as stacks
from featherline.stack.private import UMASK
from featherline.stack.secrets import USER, secrets_in
from featherline.status import status
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.request import Exit
from featherline.tasks.contracts.safe_text import safe_streams
from featherline.tasks.planning.overrides import settings
from featherline.tasks.running.context import Context
from featherline.tasks.store.artifacts import open_store
from featherline.tasks.store.damage import Damaged
from featherline.tasks.store.patience import be_short

INTERRUPTED = 130
UNREAD = 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says. Returns the exit code."""
    console = SafeConsole()
    with safe_streams():
        return _main(_parser().parse_args(arguments), console)


def _main(options: argparse.Namespace, console: Console) -> int:
    if options.verb in (_status, _rollback):  # a person waits; a run that is followed goes on
        be_short()
    before = os.umask(UMASK)
    if options.verb is _data:  # a data set may be for others too
        os.umask(before)
    try:
        return int(options.verb(options, places(), console))
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        return Exit.REFUSED
    except Damaged as damage:
        print(damage, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `featherline status | head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains once more at its end
        return UNREAD
    finally:
        os.umask(before)


def _up(options: argparse.Namespace, here: Places, console: Console) -> int:
    stack, started = stacks.up(here, _line(console), runtime=options.runtime, workers=options.workers)
    known = secrets_in(here.secrets)
    print("the stack is up" if started else "the stack is up already")
    print(f"  Airflow  {stack.airflow_url}  user {USER}  password {known.airflow_password}")
    print(f"  MLflow   {stack.mlflow_url}  user {USER}  password {known.mlflow_password}")
    print(f"  next     {_me()} run digits    {_me()} status    make down")
    return Exit.DONE


def _down(_: argparse.Namespace, here: Places, console: Console) -> int:
    print("the stack is down" if stacks.down(here, _line(console)) else "the stack was not up")
    return Exit.DONE


def _run(options: argparse.Namespace, here: Places, console: Console) -> int:
    with turns.using(here.runs):  # else a demo that ends might end the stack under it
        stack = record.running(here)
        runs.enter(here, stack)
        order = runs.Order(options.recipe, settings(options.set), options.seed, options.ignore_cache, options.unchanged)
        try:
            summary = runs.execute(here, stack, order, console)
        except KeyboardInterrupt:
            print(f"\nno longer followed; the run goes on at {stack.airflow_url}")
            raise
    return Exit.DONE if summary.state == "success" else 1


def _demo(_: argparse.Namespace, here: Places, console: Console) -> int:
    return demo.demo(here, console)


def _status(options: argparse.Namespace, here: Places, console: Console) -> int:
    return Exit.DONE if status(here, console, most=options.most) else 1


def _rollback(options: argparse.Namespace, here: Places, console: Console) -> int:  # noqa: ARG001 - the same
    from featherline.tasks.releasing.registries.rollback import rollback  # noqa: PLC0415 - MLflow's client is wanted here alone

    runs.enter(here, record.running(here))
    context = Context(open_store(os.environ["FEATHERLINE_STORE"]))
    rollback(options.name, context, verify_signature=not options.unsigned)
    return Exit.DONE


def _data(options: argparse.Namespace, here: Places, console: Console) -> int:  # noqa: ARG001 - the same
    from featherline.public_data import fetch  # noqa: PLC0415 - pyarrow is wanted here alone

    fetch(options.name, options.dest)
    return Exit.DONE


def _line(console: Console) -> Callable[[str], None]:
    return lambda line: console.print(line, highlight=False, markup=False, soft_wrap=True)


def _me() -> str:
    program = Path(sys.executable).parent / "featherline"
    return str(program.relative_to(Path.cwd())) if program.is_relative_to(Path.cwd()) else str(program)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="featherline", description="Retrain a model, make it light, prove it good.")
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def verb(name: str, function: Any, text: str) -> argparse.ArgumentParser:  # noqa: ANN401 - a verb of this file
        sub = verbs.add_parser(name, help=text, description=text)
        sub.set_defaults(verb=function)
        return sub

    up = verb("up", _up, "start SeaweedFS, MLflow and Airflow on loopback and keep them running")
    up.add_argument("--runtime", choices=("process", "docker"), help="how steps run (process)")
    up.add_argument("--workers", type=int, metavar="N", help="with PostgreSQL, Redis and N Celery workers")
    verb("down", _down, "stop them, and whatever a crash has left behind")
    run = verb("run", _run, "run a recipe on the running stack, and follow it")
    run.add_argument("recipe", help="a file of recipes/, without .yaml")
    run.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a dotted key of the recipe")
    run.add_argument("--seed", type=int, default=0, help="of everything random (default 0)")
    run.add_argument("--ignore-cache", action="store_true", help="run every step, also where its result exists")
    words = "where nothing changed since the last run and its release is the champion still: skip (the default), or run"
    run.add_argument("--unchanged", choices=("skip", "run"), default="skip", help=words)
    verb("status", _status, "tell how each part of the stack does, and list the latest runs").add_argument(
        "--most", type=int, default=20, metavar="N"
    )
    rollback = verb("rollback", _rollback, "move the alias champion back to the version that had it before")
    rollback.add_argument("name")
    rollback.add_argument("--unsigned", action="store_true", help="also to a release that was never signed")
    data = verb("data", _data, "bring a public data set into a folder or S3")
    data.add_argument("name", help="cifar10 or fashion-mnist")
    data.add_argument("dest", help="a folder, or s3://bucket/prefix")
    verb("demo", _demo, "run recipe digits on a stack of its own, and stop it again")
    return parser
