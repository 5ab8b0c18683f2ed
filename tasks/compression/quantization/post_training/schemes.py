"""One model as a file in any scheme, with what is needed for it made once: float file, ranges, float reference.

scheme ──► converter (float32, float16, dynamic_wi8_afp32; int8 by min-max, and of a QAT model)
       ├─► float file ──► weights alone (dynamic_wi4_afp32, weight_only_wi8_afp32, weight_only_wi4_afp32)
       └─► float file, ranges ──► static (all other int8, int16x8, static_wi4_ai8, static_wmixed_ai8)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import Self

import numpy as np

from featherline.tasks.compression.quantization.post_training.calibration import activation_ranges
from featherline.tasks.compression.quantization.post_training.float_reference import Comparison, FloatReference
from featherline.tasks.compression.quantization.post_training.layers import layers
from featherline.tasks.compression.quantization.post_training.mixed import mixed
from featherline.tasks.compression.quantization.post_training.static import StaticQuantizer
from featherline.tasks.compression.quantization.post_training.weights import with_integer_weights
from featherline.tasks.contracts.dataset import Dataset, SplitName
from featherline.tasks.contracts.model import Ends, LayerWidth, Model, Scheme, TensorSpec
from featherline.tasks.contracts.post_training import Calibration, Mixed
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.contracts.schemes import SCHEMES, Activations
from featherline.tasks.data.dataset import in_turn
from featherline.tasks.data.reading import SplitReader
from featherline.tasks.litert.conversion import Converted, convert_apart
from featherline.tasks.modalities.feeding import preprocessing_of
from featherline.tasks.modalities.model_inputs import ModelInputs, inputs_of
from featherline.tasks.modalities.reading import open_split
from featherline.tasks.problems.opening import open_problem
from featherline.tasks.problems.protocol import Problem
from featherline.tasks.store.artifacts import Store


@dataclass(frozen=True)
class Built:
    """A file that still has the names of its tensors.

    Attributes:
        data: The file.
        scheme: What it is.
        model: What it was made from.
        versions: Of what made it.
        layers: Of a mixed file.
    """

    data: bytes
    scheme: Scheme
    model: Model
    versions: dict[str, str]
    layers: tuple[LayerWidth, ...] = ()


class Builder:
    """Makes files of one model. Splits that are looked at stay open until it is closed."""

    def __init__(
        self, store: Store, dataset: Dataset, model: Model, calibration: Calibration, floats: Sequence[Model] = ()
    ) -> None:
        """Keep what the files are made of; nothing is read or converted yet.

        Args:
            store: Holds the models.
            dataset: For calibration and judgement.
            model: Becomes the file.
            calibration: How ranges are found.
            floats: Models whose float files will be asked for; the first call of the converter makes them all.
        """
        self.store, self.dataset, self.calibration = store, dataset, calibration
        self.problem = open_problem(dataset.problem)
        self.model = with_ends(model, dataset, self.problem)
        self._wanted = [with_ends(one, dataset, self.problem) for one in floats]
        self._floats: dict[str, Converted] = {}
        self._open = ExitStack()
        self._readers: dict[SplitName, SplitReader] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def build(self, scheme: Scheme, settings: Mixed, good: Callable[[Comparison], bool] | None = None) -> Built:
        """Return the model in a scheme.

        Args:
            scheme: Which.
            settings: Of a mixed file.
            good: Whether a mixed file loses little enough; by the settings' own budget where absent.

        Raises:
            Refused: A split is empty; a model that was trained for int8 is to become something else.
        """
        facts = SCHEMES[scheme]
        if facts.made_by == "converter":
            return self._of_converter(scheme, None)
        # A quantization-aware model brings its own ranges and keeps them; the converter asks for examples all the same.
        plain = self.calibration.method == "minmax" and self.calibration.weights == "minmax"
        if scheme == "int8" and (plain or self.model.format == "qat_h5"):
            return self._of_converter(scheme, self.calibration_inputs)
        made_by = self.float_file.versions | {"litert-quantizer": version("litert-quantizer")}
        if facts.made_by == "weights":
            return Built(with_integer_weights(self.float_file.data, scheme), scheme, self.model, made_by)
        if facts.made_by == "mixed":
            mixed_file = mixed(
                self.quantizer(8),
                settings,
                self.reference,
                good or (lambda compared: not compared.loses_more_than(settings.max_drop)),
            )
            return Built(mixed_file.data, scheme, self.model, made_by, mixed_file.layers)
        widths = dict.fromkeys((layer.scope for layer in layers(self.float_file.data)), facts.weights)
        rounded = self.quantizer(facts.activations).all(facts.activations, widths)
        return Built(rounded, scheme, self.model, made_by)

    def of(self, model: Model) -> Builder:
        """Return what makes files of another model, from the same data."""
        other = Builder(self.store, self.dataset, model, self.calibration)
        other._open, other._readers = self._open, self._readers
        return other

    @property
    def float_file(self) -> Converted:
        """Return the model as a float file.

        Raises:
            Refused: It was trained for int8, so that there is no float model any more.
        """
        if self.model.format == "qat_h5":
            raise refuse(
                "export has no float model to quantize",
                expected="scheme int8 without export.fallback_ladder for a QAT model, whose float weights are gone",
                got="another scheme, or a fallback ladder",
                fix="set quantize.qat to false, or make the qat one a candidate of its own with the scheme int8",
            )
        return self._float(self.model)

    def float_of(self, model: Model) -> bytes:
        """Return another model of the lane, or this one, as a float file."""
        return self._float(model).data

    @cached_property
    def reference(self) -> FloatReference:
        """Return the float file run on the validation split, the strata in turn."""
        examples = self.split("validation")
        examples = examples.take(in_turn(self.problem.strata(examples.targets), len(examples)))
        reference = FloatReference(self.float_file.data, examples, examples.targets, self.problem)
        self._open.callback(reference.close)
        return reference

    @cached_property
    def calibration_inputs(self) -> ModelInputs:
        """Return the examples that ranges are found from."""
        examples = self.split("calibration")
        wanted = self.calibration.examples
        if wanted is None or wanted >= len(examples):
            return examples
        return examples.take(np.sort(in_turn(self.problem.strata(examples.targets), wanted)))

    def quantizer(self, bits: Activations) -> StaticQuantizer:
        """Return what quantizes the float file, its ranges found for activations of so many bits."""
        ranges = activation_ranges(self.float_file.data, self.calibration_inputs, self.calibration, bits)
        return StaticQuantizer(self.float_file.data, ranges, self.calibration.weights)

    def split(self, name: SplitName) -> ModelInputs:
        """Return a split as the model takes it, with its targets.

        Raises:
            Refused: The split is empty.
        """
        if name not in self._readers:
            self._readers[name] = self._open.enter_context(open_split(self.store, self.dataset, name))
        reader = self._readers[name]
        if len(reader) == 0:
            raise refuse(
                "export cannot prove the file",
                expected=f"examples in the {name} split of {self.dataset.name}",
                got="none",
                fix="give every split a share in the recipe's data section, and run preprocess again",
            )
        return inputs_of(reader, self.dataset, preprocessing_of(self.model, self.dataset))

    def _of_converter(self, scheme: Scheme, examples: ModelInputs | None) -> Built:
        if scheme == "float32" and self.model.format != "qat_h5":
            converted = self.float_file
        else:
            converted = self._convert(self.model, scheme, examples)
        return Built(converted.data, scheme, self.model, converted.versions)

    def _float(self, model: Model) -> Converted:
        model = with_ends(model, self.dataset, self.problem)
        digest = model.file.sha256
        if digest not in self._floats:
            self._floats[digest] = self._convert(model, "float32", None)
        return self._floats[digest]

    def _convert(self, model: Model, scheme: Scheme, examples: ModelInputs | None) -> Converted:
        """Convert a model, and in the same process what is wanted as float files and is not there yet."""
        floats = {one.file.sha256: one for one in self._wanted if one.file.sha256 not in self._floats}
        if scheme == "float32":
            floats.pop(model.file.sha256, None)
        made = convert_apart(self.store, model, scheme, examples, floats=tuple(floats.values()))
        self._floats |= {
            digest: Converted(data, made.versions) for digest, data in zip(floats, made.floats, strict=True)
        }
        return made


def with_ends(model: Model, dataset: Dataset, problem: Problem) -> Model:
    """Return a model that says its ends; one of a version that wrote none has those of its data."""
    if model.ends is not None:
        return model
    inputs = {name: TensorSpec(shape=spec.shape, dtype="float32") for name, spec in dataset.inputs.items()}
    outputs = {
        name: TensorSpec(shape=shape, dtype="float32") for name, shape in problem.outputs(dataset.vocabulary).items()
    }
    return model.model_copy(update={"ends": Ends(inputs=inputs, outputs=outputs)})
