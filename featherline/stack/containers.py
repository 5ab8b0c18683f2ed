"""The embedded stack's steps as containers: which images they run in, and the end of what of them is left.

    make images ──► docker/build.sh --names ──► there? ──► [featherline] image, image_core

Servers of the stack listen on 127.0.0.1 alone, so the containers use the machine's own network.
"""

from __future__ import annotations

import hashlib
import os
import subprocess

from featherline.places import Places
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.contracts.secrecy import without_secrets

TARGETS = {"image": "tasks-train", "image_core": "tasks-core"}
"""The image that each option names."""


def options(places: Places) -> dict[str, object]:
    """Return the options of `[featherline]` with which steps run as containers.

    Raises:
        Refused: No engine answers, or it has no images of this checkout.
    """
    built = _told([str(places.root / "docker" / "build.sh"), "--names"]).split()
    names = {option: next(name for name in built if f"-{target}:" in name) for option, target in TARGETS.items()}
    for name in names.values():
        _told(["docker", "image", "inspect", "--format", "{{.Id}}", name])
    return {"runtime": "docker", "docker_network": "host", "docker_volume": volume(places), **names}


def volume(places: Places) -> str:
    """Return the name of what the containers of this stack share; no other stack has it."""
    return f"featherline-{hashlib.sha256(str(places.var).encode()).hexdigest()[:12]}"


def remove(places: Places) -> None:
    """Remove the containers of this stack that a crash has left, with their files. What they share stays."""
    label = f"label=featherline.volume={volume(places)}"
    left = _told(["docker", "ps", "--all", "--quiet", "--filter", label]).split()
    if left:
        _told(["docker", "rm", "--force", "--volumes", *left])


def _told(command: list[str]) -> str:
    """Return what a command says, or refuse with what it complains of."""
    try:
        known = without_secrets(os.environ)
        done = subprocess.run(command, env=known, capture_output=True, text=True, check=False)
    except OSError as error:
        raise _refusal(command, str(error)) from error
    if done.returncode:
        raise _refusal(command, done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "nothing")
    return done.stdout


def _refusal(command: list[str], got: str) -> Exception:
    return refuse(
        "the steps cannot run as containers",
        expected=f"an answer to {' '.join(command[:3])} of a Docker engine with this checkout's images",
        got=got,
        fix="docker/engine.sh up (where there is no engine), make images, and the same again",
    )
