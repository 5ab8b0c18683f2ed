"""What people use today instead, each as its own documentation shows it, from the same float model and the same data.

    float model ──► TFLiteConverter int8
                ──► litert-quantizer, static int8 | dynamic int8
                ──► TFMOT magnitude pruning to 80 %, then int8
                ──► TFMOT quantization-aware training

The two trainings go on from the float model at a low rate, as the guides do; a killed one goes on from its last epoch.
Each rival runs in a process of its own:

    python -m benchmarks.seed_case.rivals NAME MODEL FOLDER FILE    reads MODEL and FOLDER/train.npz, writes FILE
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_model_optimization as tfmot
from litert_quantizer import recipe
from litert_quantizer.quantizer import Quantizer
from numpy.typing import NDArray

from benchmarks.seed_case.rival_rows import (
    BATCH,
    CALIBRATION_IMAGES,
    PRUNING_EPOCHS,
    PRUNING_RATE,
    QAT_EPOCHS,
    QAT_RATE,
    SPARSITY,
)
from featherline.tasks.networks.framework import keras, tf
from featherline.tasks.networks.model_files import load_path

SEED = 0
Images = NDArray[np.float32]
Labels = NDArray[np.int64]


def converter_int8(model: Any, images: Images, labels: Labels, folder: Path) -> bytes:  # noqa: ARG001 - all take it
    """Convert to full integer with a representative data set.

    Source: https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/post_training_integer_quant
    """
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: _one_by_one(images)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return bytes(converter.convert())


def quantizer_static(model: Any, images: Images, labels: Labels, folder: Path) -> bytes:  # noqa: ARG001
    """Quantize the float file, weights and activations, by the recipe `static_wi8_ai8` that ships with the tool."""
    tool = Quantizer(_float_file(model), recipe.static_wi8_ai8())
    signature = {"serving_default": [{"image": image[None]} for image in images[:CALIBRATION_IMAGES]]}
    return bytes(tool.quantize(tool.calibrate(signature)).quantized_model)


def quantizer_dynamic(model: Any, images: Images, labels: Labels, folder: Path) -> bytes:  # noqa: ARG001
    """Quantize the weights of the float file, by the recipe `dynamic_wi8_afp32` that ships with the tool."""
    return bytes(Quantizer(_float_file(model), recipe.dynamic_wi8_afp32()).quantize().quantized_model)


def tfmot_pruned(model: Any, images: Images, labels: Labels, folder: Path) -> bytes:
    """Prune by magnitude to 80 % zeros while fine-tuning, strip, convert to int8.

    Source: https://www.tensorflow.org/model_optimization/guide/pruning/pruning_with_keras
    """
    end = math.ceil(len(images) / BATCH) * PRUNING_EPOCHS
    schedule = tfmot.sparsity.keras.PolynomialDecay(0.5, SPARSITY, begin_step=0, end_step=end)
    pruned = tfmot.sparsity.keras.prune_low_magnitude(model, pruning_schedule=schedule)
    callbacks = [_saved(folder / "tfmot-pruned"), tfmot.sparsity.keras.UpdatePruningStep()]
    _fit(pruned, (images, labels), PRUNING_EPOCHS, PRUNING_RATE, callbacks)
    return converter_int8(tfmot.sparsity.keras.strip_pruning(pruned), images, labels, folder)


def tfmot_qat(model: Any, images: Images, labels: Labels, folder: Path) -> bytes:
    """Train with the quantization in the loop, convert.

    Source: https://www.tensorflow.org/model_optimization/guide/quantization/training_example
    """
    qat = tfmot.quantization.keras.quantize_model(model)
    _fit(qat, (images, labels), QAT_EPOCHS, QAT_RATE, [_saved(folder / "tfmot-qat")])
    return converter_int8(qat, images, labels, folder)


MAKE: dict[str, Callable[[Any, Images, Labels, Path], bytes]] = {
    "converter-int8": converter_int8,
    "quantizer-static-int8": quantizer_static,
    "quantizer-dynamic-int8": quantizer_dynamic,
    "tfmot-pruned80-int8": tfmot_pruned,
    "tfmot-qat-int8": tfmot_qat,
}


def _float_file(model: Any) -> bytes:
    function = tf.function(lambda image: {"logits": model(image, training=False)})
    traced = function.get_concrete_function(tf.TensorSpec([1, *model.input_shape[1:]], tf.float32, name="image"))
    return bytes(tf.lite.TFLiteConverter.from_concrete_functions([traced], model).convert())


def _one_by_one(images: Images) -> Iterator[list[Images]]:
    return ([image[None]] for image in images[:CALIBRATION_IMAGES])


def _saved(folder: Path) -> Any:
    """Return what keeps a training after each epoch. Goes before `UpdatePruningStep`, which reads the restored step."""
    return keras.callbacks.BackupAndRestore(str(folder))


def _fit(model: Any, train: tuple[Images, Labels], epochs: int, rate: float, callbacks: list[Any]) -> None:
    """Train as one trains with Keras: SGD with momentum, a cosine schedule, flips and shifts by up to four pixels."""
    count = len(train[1])
    schedule = keras.optimizers.schedules.CosineDecay(rate, epochs * math.ceil(count / BATCH))
    model.compile(
        optimizer=keras.optimizers.legacy.SGD(schedule, momentum=0.9, nesterov=True),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    views = (
        tf.data.Dataset.from_tensor_slices(train)
        .shuffle(count, seed=SEED)
        .map(_view, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(BATCH)
        .prefetch(2)
    )
    model.fit(views, epochs=epochs, callbacks=callbacks, verbose=2)


def _view(image: Any, label: Any) -> tuple[Any, Any]:
    padded = tf.pad(tf.image.random_flip_left_right(image), [[4, 4], [4, 4], [0, 0]])
    return tf.image.random_crop(padded, tf.shape(image)), label


def main(name: str, path: Path, folder: Path, file: Path) -> None:
    """Make one rival's file."""
    keras.utils.set_random_seed(SEED)
    model = load_path(path)
    with np.load(folder / "train.npz") as train:
        data = MAKE[name](model, train["images"], train["labels"], folder)
    part = file.with_suffix(".part")
    part.write_bytes(data)
    part.replace(file)


if __name__ == "__main__":
    main(sys.argv[1], *map(Path, sys.argv[2:]))
