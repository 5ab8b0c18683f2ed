"""From an architecture in a recipe to a network.

    {"builder": "resnet", "options": {"depth": 20}}          a builder of this folder
    {"builder": "my_package.nets:mixer", "options": {...}}   the user's own, importable where the step runs

A new builder is a function here and a line in `BUILDERS`.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

from featherline.tasks.contracts.dataset import InputShape
from featherline.tasks.contracts.model import Architecture
from featherline.tasks.contracts.refusal import Problem, Refused, did_you_mean, refuse
from featherline.tasks.networks.foreign.ends import to_logits
from featherline.tasks.networks.framework import KerasModel, keras
from featherline.tasks.networks.zoo.cnn import cnn
from featherline.tasks.networks.zoo.ds_cnn import ds_cnn
from featherline.tasks.networks.zoo.mobilenet import mobilenet
from featherline.tasks.networks.zoo.precision import in_one_precision, usual_policy
from featherline.tasks.networks.zoo.resnet import resnet

BUILDERS: dict[str, Callable[..., Any]] = {"cnn": cnn, "ds_cnn": ds_cnn, "mobilenet": mobilenet, "resnet": resnet}


def build(architecture: Architecture, input_shape: InputShape, classes: int) -> KerasModel:
    """Build a network with fresh weights (Keras' global seed decides them).

    Args:
        architecture: The builder and its options.
        input_shape: Of one example, such as (height, width, channels); of several inputs by their names.
        classes: Logits.

    Raises:
        Refused: There is no such builder, it has no such option, it refuses a value, or what it gives is no tf_keras
            model of these shapes that ends in logits or a softmax, which is taken off.
    """
    builder = find_builder(architecture.builder)
    check_options(architecture, builder)
    with usual_policy():
        model = builder(input_shape, classes, **architecture.options)
    _check_model(architecture, model, input_shape, classes)
    model = in_one_precision(model)
    of_a_user = ":" in architecture.builder and getattr(model, "outputs", None)
    return to_logits(model, architecture.builder, classes) if of_a_user else model


def find_builder(name: str) -> Callable[..., Any]:
    """Return a builder of the zoo by its name, or the user's own by `module:function`.

    Raises:
        Refused: There is none.
    """
    module, colon, function = name.partition(":")
    if not colon:
        if name not in BUILDERS:
            raise refuse(
                "the zoo has no such builder",
                expected="a builder of featherline.tasks.networks.zoo, or module:function",
                got=name,
                fix=did_you_mean(name, BUILDERS),
            )
        return BUILDERS[name]
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if not f"{module}.".startswith(f"{error.name}."):
            raise
        raise refuse(
            f"the builder {name} cannot be imported",
            expected="a module that the tasks' environment can import",
            got=f"no module {error.name}",
            fix="install it into the image or the environment, or correct model.builder",
        ) from None
    builder = getattr(found, function, None)
    if not callable(builder):
        public = [each for each in vars(found) if not each.startswith("_") and callable(vars(found)[each])]
        raise refuse(
            f"the builder {name} is not there",
            expected=f"a function of {module}",
            got=function,
            fix=did_you_mean(function, public) if public else f"write {function} into {module}",
        )
    return builder  # type: ignore[no-any-return]


def check_options(architecture: Architecture, builder: Callable[..., Any]) -> None:
    """Refuse options that the builder does not have, and the lack of those that it needs."""
    parameters = list(inspect.signature(builder).parameters.values())
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return
    known = [each.name for each in parameters[2:]]
    problems = [
        Problem(
            f"{architecture.builder} has no option {name}",
            "an option of the builder",
            name,
            did_you_mean(name, known) if known else f"remove {name}: the builder has no options",
        )
        for name in architecture.options
        if name not in known
    ]
    lacking = [
        Problem(f"{architecture.builder} lacks the option {each.name}", "a value for it", "nothing", f"add {each.name}")
        for each in parameters[2:]
        if each.default is each.empty and each.kind is not each.VAR_POSITIONAL and each.name not in architecture.options
    ]
    if problems or lacking:
        raise Refused(*problems, *lacking)


def _check_model(architecture: Architecture, model: KerasModel, input_shape: InputShape, classes: int) -> None:
    fix = f"correct {architecture.builder}"
    if not isinstance(model, keras.Model):
        raise refuse(
            f"{architecture.builder} gives no tf_keras model",
            expected="a functional or sequential tf_keras.Model",
            got=f"{type(model).__module__}.{type(model).__name__}",
            fix=f"{fix}: build with tf_keras, not with Keras 3",
        )
    found = (_fed(model), getattr(model, "output_shape", None))
    wanted = (_batched(input_shape), (None, classes))
    one_for_two = classes == 2 and found == (wanted[0], (None, 1))  # noqa: PLR2004 - one number for two classes
    if found != wanted and not one_for_two:
        raise refuse(
            f"{architecture.builder} gives a model of other shapes",
            expected=f"input {wanted[0]} and output {wanted[1]}",
            got=f"input {found[0]} and output {found[1]}",
            fix=fix,
        )


def _batched(shape: InputShape) -> Any:  # noqa: ANN401 - a shape, or several by name
    if isinstance(shape, dict):
        return {name: (None, *each) for name, each in shape.items()}
    return (None, *shape)


def _fed(model: KerasModel) -> Any:  # noqa: ANN401 - the same
    """Return the shape of what a model takes; of several inputs by the names of its input layers."""
    if len(getattr(model, "inputs", None) or ()) > 1:
        return {name: tuple(each.shape) for name, each in zip(model.input_names, model.inputs, strict=True)}
    return getattr(model, "input_shape", None)
