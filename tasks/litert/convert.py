"""The converter, in a process of its own: it may take memory, leak or die, and the step lives on to say so.

    folder/{artifacts/, request.json} ──► [TFLiteConverter] ──► folder/{model.tflite, float-0.tflite…, versions.json}

The folder is whole: the same command repeats a conversion that died, from the bundle that it left.

    python -m featherline.tasks.litert.convert FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from featherline.tasks.contracts.base import Contract, canonical_json
from featherline.tasks.contracts.model import Ends, Model, Scheme
from featherline.tasks.contracts.references import ArrayRef
from featherline.tasks.store.artifacts import open_store

REQUEST, RESULT, VERSIONS = "request.json", "model.tflite", "versions.json"


class ConversionRequest(Contract):
    """What to convert, and how. The artifacts lie in the folder of the request. Each model says its own ends."""

    model: Model
    scheme: Scheme
    calibration: dict[str, ArrayRef] | None = None
    """(n, …) float32 by input, as the model takes them: what the ranges of int8 activations are found from."""
    floats: tuple[Model, ...] = ()
    """Models that are wanted as float files too: a process more would be seconds for its imports alone."""


def float_name(number: int) -> str:
    """Return the name of the file that one of `floats` becomes."""
    return f"float-{number}.tflite"


def convert(
    model: Any,  # noqa: ANN401 - tf_keras has no types
    scheme: Scheme,
    calibration: Any = None,  # noqa: ANN401 - an array, or several by name
    ends: Ends | None = None,
) -> bytes:
    """Return a tf_keras model as a `.tflite` file for one example at a time.

    The forward pass is traced for a batch of one, so that no operator is left that computes shapes. The converter saves
    what it is given and traces it all again, so it is given the weights alone: 0.7 s instead of 2.8 s for a ResNet-8.

    Args:
        model: Takes a sole input or several by name, and gives a sole output or several by name.
        scheme: `int8` has int8 weights, activations, input and output.
        calibration: Examples as the model takes them, one read at a time; `int8` needs them. Ranges that
            quantization-aware training has learned stay as they are, whatever the examples.
        ends: Of the model, by whose names the file is fed and read; those of its layers where absent. The converter is
            given examples by name: a list would be read in the order of the file, which is another one than that of
            the model, and not a word said.
    """
    from featherline.tasks.networks.ends import by_name, ends_of  # noqa: PLC0415 - imports TensorFlow
    from featherline.tasks.networks.framework import tf  # noqa: PLC0415 - only the child process pays for TensorFlow
    from featherline.tasks.networks.inputs import input_specs  # noqa: PLC0415 - likewise

    ends = ends or ends_of(model)
    sole, output = next(iter(ends.inputs)), next(iter(ends.outputs))
    specs = input_specs(model, batch=1)
    named = specs if isinstance(specs, dict) else {sole: specs}

    def forward(**inputs: Any) -> dict[str, Any]:  # noqa: ANN401 - tensors
        fed = inputs if isinstance(specs, dict) else inputs[sole]
        return by_name(model(fed, training=False), output)

    signature = {name: tf.TensorSpec(spec.shape, spec.dtype, name=name) for name, spec in named.items()}
    traced = tf.function(forward).get_concrete_function(**signature)
    weights = tf.Module()
    weights.all = model.variables
    converter = tf.lite.TFLiteConverter.from_concrete_functions([traced], weights)
    if scheme != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if scheme == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if scheme == "int8":
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        examples = calibration if isinstance(calibration, dict) else {sole: calibration}
        if not isinstance(specs, dict):
            examples = {sole: next(iter(examples.values()))}
        count = len(next(iter(examples.values())))
        converter.representative_dataset = lambda: (
            {name: values[row : row + 1] for name, values in examples.items()} for row in range(count)
        )
    return bytes(converter.convert())


def main(folder: Path) -> None:
    """Convert what the folder asks."""
    request = ConversionRequest.model_validate_json((folder / REQUEST).read_bytes())
    store = open_store(str(folder))
    from featherline.tasks.networks import framework  # noqa: PLC0415 - the request is checked before seconds are spent
    from featherline.tasks.networks.model_files import load_model  # noqa: PLC0415 - imports TensorFlow

    given = request.calibration
    calibration = None if given is None else {name: store.opened_array(ref) for name, ref in given.items()}
    data = convert(load_model(store, request.model), request.scheme, calibration, request.model.ends)
    for number, model in enumerate(request.floats):
        (folder / float_name(number)).write_bytes(convert(load_model(store, model), "float32", ends=model.ends))
    versions = {"tensorflow": framework.tf.__version__, "tf-keras": framework.keras.__version__}
    (folder / VERSIONS).write_bytes(canonical_json(versions))
    (folder / RESULT).write_bytes(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
