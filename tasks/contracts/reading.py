"""What a step is asked: its request read as the step's own contracts, and the answer where nothing is asked of it.

    StepRequest ──► inputs, parameters ──► passthrough ──► outputs, or None: there is work to do

Airflow's side asks the same question before it starts a process, a container or a pod for nothing.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from featherline.tasks.contracts.base import Contract
from featherline.tasks.contracts.keys import keys_of
from featherline.tasks.contracts.refusal import Refused, from_validation
from featherline.tasks.contracts.request import StepRequest
from featherline.tasks.contracts.step import Params


def is_step(step: str) -> bool:
    """Return whether there is such a step: it has contracts in a file of its name."""
    return step.isidentifier() and Path(__file__).with_name("steps").joinpath(f"{step}.py").is_file()


def contract_of(step: str, part: str) -> Any:  # noqa: ANN401 - found by name
    """Return a step's `Inputs`, `Params` or `Outputs`, from the file of its name in `contracts/steps`."""
    module = import_module(f"featherline.tasks.contracts.steps.{step}")
    return getattr(module, "".join(word.title() for word in step.split("_")) + part)


def read(step: str, request: StepRequest) -> tuple[Contract, Params]:
    """Return the inputs and the parameters of a request; inside a lane the parameters are the candidate's.

    Raises:
        Refused: Either is not what the step takes.
    """
    given = request.params if request.candidate is None else request.candidate.get(step, {})
    takes, parameters = contract_of(step, "Inputs"), contract_of(step, "Params")
    try:
        inputs: Contract = takes.model_validate(request.inputs)
    except ValidationError as error:
        raise from_validation(f"the inputs of {step}", error, keys_of(takes), given=request.inputs) from None
    try:
        params: Params = parameters.model_validate(given)
    except ValidationError as error:
        raise from_validation(f"the parameters of {step}", error, keys_of(parameters), given=given) from None
    return inputs, params


def unchanged(step: str, request: StepRequest) -> dict[str, Any] | None:
    """Return the outputs, as JSON, of a step that has nothing to do; None where it has, or where the request is wrong.

    What is wrong is told by the step itself, in its own log.
    """
    try:
        inputs, params = read(step, request)
    except Refused:
        return None
    outputs = params.passthrough(inputs)
    return None if outputs is None else outputs.model_dump(mode="json")
