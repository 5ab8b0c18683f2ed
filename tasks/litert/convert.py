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
from featherline.tasks.contracts.model import Model, Scheme
from featherline.tasks.contracts.references import ArrayRef
from featherline.tasks.store.artifacts import open_store

REQUEST, RESULT, VERSIONS = "request.json", "model.tflite", "versions.json"


class ConversionRequest(Contract):
    """What to convert, and how. The artifacts lie in the folder of the request."""

    model: Model
    scheme: Scheme
    calibration: ArrayRef | None = None
    """(n, height, width, channels) float32, model inputs: what the ranges of int8 activations are found from."""
    floats: tuple[Model, ...] = ()
    """Models that are wanted as float files too: a process more would be seconds for its imports alone."""


def float_name(number: int) -> str:
    """Return the name of the file that one of `floats` becomes."""
    return f"float-{number}.tflite"


def convert(model: Any, scheme: Scheme, calibration: Any = None) -> bytes:  # noqa: ANN401 - tf_keras has no types
    """Return a tf_keras model as a `.tflite` file for one image at a time.

    The forward pass is traced for a batch of one, so that no operator is left that computes shapes. The converter saves
    what it is given and traces it all again, so it is given the weights alone: 0.7 s instead of 2.8 s for a ResNet-8.

    Args:
        model: Takes (n, height, width, channels) float32, gives (n, classes).
        scheme: `int8` has int8 weights, activations, input and output.
        calibration: (n, height, width, channels) float32; `int8` needs it. Ranges that quantization-aware training has
            learned stay as they are, whatever the images.
    """
    from featherline.tasks.networks.framework import tf  # noqa: PLC0415 - only the child process pays for TensorFlow

    shape = [1, *model.input_shape[1:]]
    function = tf.function(lambda image: {"logits": model(image, training=False)})
    traced = function.get_concrete_function(tf.TensorSpec(shape, tf.float32, name="image"))
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
        converter.representative_dataset = lambda: ([image[None]] for image in calibration)
    return bytes(converter.convert())


def main(folder: Path) -> None:
    """Convert what the folder asks."""
    request = ConversionRequest.model_validate_json((folder / REQUEST).read_bytes())
    store = open_store(str(folder))
    from featherline.tasks.networks import framework  # noqa: PLC0415 - the request is checked before seconds are spent
    from featherline.tasks.networks.model_files import load_model  # noqa: PLC0415 - imports TensorFlow

    calibration = None if request.calibration is None else store.read_array(request.calibration)
    data = convert(load_model(store, request.model), request.scheme, calibration)
    for number, model in enumerate(request.floats):
        (folder / float_name(number)).write_bytes(convert(load_model(store, model), "float32"))
    versions = {"tensorflow": framework.tf.__version__, "tf-keras": framework.keras.__version__}
    (folder / VERSIONS).write_bytes(canonical_json(versions))
    (folder / RESULT).write_bytes(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
