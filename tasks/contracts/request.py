"""How a step is requested and how it answers: two small JSON documents, six exit codes, a few environment variables."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Any, Literal

from pydantic import Field

from featherline.tasks.contracts.base import Contract, Sha256
from featherline.tasks.contracts.stored import Stored


class Exit(IntEnum):
    """What the exit code of a step tells its caller. Anything else is a crash and may be retried."""

    DONE = 0
    REFUSED = 65
    """The input is wrong: no retry can help."""
    UNAVAILABLE = 75
    """A server did not answer for as long as it was waited for: retried."""
    SKIPPED = 99
    OUT_OF_MEMORY = 137
    """Retried once, with more memory."""
    CONVERTER_DIED = 139
    """Never retried: the same model kills the converter again."""


class Variable(StrEnum):
    """The environment variables that a step reads, beside the AWS_* ones that boto3 reads."""

    REQUEST = "FEATHERLINE_REQUEST"
    """The `StepRequest` as JSON."""
    RESULT = "FEATHERLINE_RESULT"
    """The path of the `StepResult` that the step writes last."""
    STORE = "FEATHERLINE_STORE"
    """Where artifacts live: a folder, or `s3://bucket/prefix`."""
    REGISTRY = "FEATHERLINE_REGISTRY"
    """`store` (the registry lies in the store) or the URL of an MLflow server."""
    STUDIES = "FEATHERLINE_STUDIES"
    """Where Optuna studies live: a folder of journals, `redis://…`, or a database URL."""
    SIGNING_KEY = "FEATHERLINE_SIGNING_KEY"
    """The path of the PEM private key that signs releases."""
    VERIFY_KEY = "FEATHERLINE_VERIFY_KEY"
    """The path of the PEM public key that `promote` verifies releases with."""
    RECIPES = "FEATHERLINE_RECIPES"
    """The folder of recipes; `recipes` where it is not set."""
    IMAGE = "FEATHERLINE_IMAGE"
    """The digest of the image that the step runs in, recorded with what it makes; not set outside a container."""
    PATIENCE = "FEATHERLINE_PATIENCE_S"
    """For how long a server that does not answer is waited for, in seconds: 300 where it is not set."""
    CACHE = "FEATHERLINE_CACHE"
    """A folder of this machine that keeps artifacts of an S3 store, shared by steps; none where it is not set."""


class Provenance(Contract):
    """Who asked for the work. Recorded with what is made, and never part of a cache key."""

    run_id: str = "by-hand"
    recipe: str = "none"
    recipe_sha256: Sha256 | None = None


class StepRequest(Contract):
    """The whole question to a step."""

    inputs: dict[str, Any] = {}
    """What earlier steps gave: the step's `…Inputs`."""
    params: dict[str, Any] = {}
    """The parameters: the step's `…Params`."""
    candidate: dict[str, Any] | None = None
    """Inside a lane, a `Candidate`, which holds the parameters of every step of the lane."""
    label: str = ""
    """Which of several tasks of the same step this is; that of the candidate or the search worker where absent."""
    seed: int = Field(0, ge=0, lt=2**32)
    provenance: Provenance = Provenance()
    ignore_cache: bool = False
    """Run the step even where its result exists; a retry within the same run still finds the new result."""


class StepResult(Stored):
    """The whole answer of a step that is done."""

    format: Literal[2] = 2
    """Format 1 held models of one input and one metric."""
    step: str
    label: str = ""
    """Which of the mapped tasks this is: a candidate's name, a worker's number."""
    run_id: str
    """The run that made it; of a hit, the earlier one."""
    status: Literal["ran", "hit", "unchanged"]
    """`unchanged`: the recipe asks nothing of the step here, so its input is its output."""
    key: Sha256
    seconds: float = Field(ge=0)
    outputs: dict[str, Any]
    reasons: tuple[str, ...] = ()
    """Why it was no hit."""

    @classmethod
    def of_older(cls, number: int, given: dict[str, Any]) -> dict[str, Any]:
        """Read none: outputs are models and measurements as they were then.

        Raises:
            LookupError: Always.
        """
        raise LookupError(number, given.get("step"))


class StepRecord(Stored):
    """What `runs/<run_id>/steps/` says of one task of a run, also of one that was refused."""

    format: Literal[1] = 1
    step: str
    label: str = ""
    status: Literal["ran", "hit", "unchanged", "refused"]
    key: Sha256 | None = None
    seconds: float = Field(ge=0)
    outputs: dict[str, Any] = {}
    reasons: tuple[str, ...] = ()
    problems: tuple[dict[str, str], ...] = ()
