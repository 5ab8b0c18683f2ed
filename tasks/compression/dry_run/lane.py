"""A candidate's lane on a network with fresh weights: each technique is set up, nothing is trained.

    network ──► cut ──► student ──► cut ──► clusters ──► int8 or int4 in the loop ──► converted ──► float left?

What refuses here would refuse in the lane, after the trainings that come before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from featherline.tasks.compression.pruning.channel import Ranking, Target, Whole, prune_channels
from featherline.tasks.compression.pruning.cost import Measure
from featherline.tasks.compression.pruning.criteria import unit_scores
from featherline.tasks.compression.pruning.groups import trace_channels
from featherline.tasks.compression.pruning.section import Section
from featherline.tasks.compression.quantization.in_training.clustering import clustered_while_training, strip_clustering
from featherline.tasks.compression.quantization.in_training.int4 import int4_while_training, strip_int4
from featherline.tasks.compression.quantization.in_training.qat import quantized_while_training, strip_qat
from featherline.tasks.compression.quantization.post_training.calibration import activation_ranges
from featherline.tasks.compression.quantization.post_training.invariants import check_integer
from featherline.tasks.compression.quantization.post_training.layers import layers
from featherline.tasks.compression.quantization.post_training.static import StaticQuantizer
from featherline.tasks.compression.quantization.post_training.weights import with_integer_weights
from featherline.tasks.contracts.candidate import Candidate
from featherline.tasks.contracts.dataset import Shape
from featherline.tasks.contracts.model import Scheme
from featherline.tasks.contracts.schemes import SCHEMES
from featherline.tasks.contracts.steps.distill import DistillParams
from featherline.tasks.contracts.steps.export import ExportParams
from featherline.tasks.contracts.steps.prune import PruneParams
from featherline.tasks.contracts.steps.quantize import QuantizeParams
from featherline.tasks.contracts.steps.trim import TrimParams
from featherline.tasks.litert.convert import convert
from featherline.tasks.litert.graph import read_graph
from featherline.tasks.modalities.opening import open_modality
from featherline.tasks.modalities.protocol import Modality
from featherline.tasks.networks.foreign.read import read_model
from featherline.tasks.networks.framework import KerasModel
from featherline.tasks.networks.graph import functional
from featherline.tasks.networks.inputs import input_specs, noise, shape_of
from featherline.tasks.networks.zoo.build import build
from featherline.tasks.training.distillation.attention import watched

EXAMPLES = 8
"""Of noise, that ranges are found from."""
STEPS = 10
"""Of a training that is set up."""


def try_lane(candidate: Candidate, network: KerasModel, outputs: int, modalities: Mapping[str, str]) -> None:
    """Set up each technique of a candidate in the order of its lane, and convert what comes out.

    Args:
        candidate: With the parameters of every step.
        network: The float baseline before its training. It stays as it is.
        outputs: How many numbers the network gives for the data.
        modalities: Of its inputs.

    Raises:
        Refused: A technique cannot be had from this network.
    """
    shapes = input_specs(network)
    for name, modality in modalities.items():
        spec = shapes[name] if isinstance(shapes, dict) else shapes
        _check_preprocessing(candidate, open_modality(modality), tuple(spec.shape[1:]))
    model, sparse = _cut(network, candidate.prune, network)
    model = _student(candidate.distill, model, network, outputs)
    model, zeros = _cut(model, candidate.trim, network)
    _convert(model, candidate.quantize, candidate.export, keep_zeros=sparse or zeros)


def _check_preprocessing(candidate: Candidate, modality: Modality, shape: Shape) -> None:
    """Refuse what students or teachers are to be fed by, where it does not fit the examples."""
    modality.check_choice(candidate.distill.preprocessing, shape)
    for params in (candidate.prune, candidate.distill, candidate.trim, candidate.quantize):
        modality.check_choice(params.teacher_preprocessing, shape)


def signature(candidate: Candidate) -> str:
    """Return what decides how a dry run ends: candidates that differ in their `fit` alone are tried once."""
    parts = candidate.model_dump(mode="json", exclude={"name", "searched", "auto", "evaluate"})
    for section in parts.values():
        section.pop("fit", None)
    return repr(parts)


def _cut(model: KerasModel, params: PruneParams, teacher: KerasModel) -> tuple[KerasModel, bool]:
    """Return the model with fewer channels, and whether the step makes zeros instead."""
    if params.method == "none":
        return model, False
    section: Section = "trim" if isinstance(params, TrimParams) else "prune"
    if params.method in ("magnitude", "2:4"):
        from featherline.tasks.compression.pruning.sparse import sparse_while_training  # noqa: PLC0415 - TFMOT costs 1.2 s

        pattern: Literal["2:4", "magnitude"] = "2:4" if params.method == "2:4" else "magnitude"
        sparse_while_training(model, pattern, params.sparsity, STEPS, section)
        return model, True
    flat = functional(model, section)
    if params.criterion == "bn_gamma":
        unit_scores(flat, trace_channels(flat, section), "bn_gamma")
    counted: dict[Measure | Literal["latency"], float] = {
        measure: kept for measure, kept in params.targets.items() if measure != "latency"
    }
    # Without data, and so by norms and without latency: what is tried is whether channels can leave, not which.
    target, whole = Target(counted or {"macs": 0.5}, params.floor), Whole(flat, section=section)
    small = prune_channels(flat, target, Ranking("l2"), whole=whole).model
    _look(small, params, teacher)
    return small, False


def _student(params: DistillParams, model: KerasModel, baseline: KerasModel, outputs: int) -> KerasModel:
    student = model if params.architecture is None else build(params.architecture, shape_of(baseline), outputs)
    if params.method == "logits":
        _look(student, params, baseline)
    return student


def _look(student: KerasModel, params: PruneParams | DistillParams, baseline: KerasModel) -> None:
    """Read the teacher where it is a file, and pair the feature maps where they are compared."""
    teacher = read_model(params.teacher, shape_of(baseline), baseline.output_shape[-1]) if params.teacher else baseline
    if params.distillation is not None and params.distillation.attention > 0:
        watched(functional(student), functional(teacher))


def _convert(model: KerasModel, params: QuantizeParams, export: ExportParams, *, keep_zeros: bool) -> None:
    if params.clusters is not None:
        model = strip_clustering(
            clustered_while_training(model, params.clusters, keep_zeros=keep_zeros), params.clusters
        )
    if params.qat and params.scheme == "static_wi4_ai8":
        model = strip_int4(int4_while_training(model, keep_zeros=keep_zeros), model)
    elif params.qat:
        keep_clusters = params.clusters is not None
        trained = quantized_while_training(model, keep_zeros=keep_zeros, keep_clusters=keep_clusters)
        model = strip_qat(trained, keep_clusters=keep_clusters)
    if export.fallback_ladder is not None:  # what its rungs cannot make, it leaves
        convert(model, "float32")
        return
    qat = params.qat and params.scheme == "int8"
    check_integer(read_graph(_file(model, params.scheme, export, qat=qat)), params.scheme)


def _file(model: KerasModel, scheme: Scheme, export: ExportParams, *, qat: bool) -> bytes:
    """Return the file in a scheme, made by what `export` makes it with."""
    examples = noise(model, EXAMPLES)
    facts = SCHEMES[scheme]
    if facts.made_by == "converter" or qat:
        return convert(model, scheme, examples)
    plain = export.calibration.method == "minmax" and export.calibration.weights == "minmax"
    if scheme == "int8" and plain:
        return convert(model, "int8", examples)
    file = convert(model, "float32")
    if facts.made_by == "weights":
        return with_integer_weights(file, scheme)
    widths = dict.fromkeys((layer.scope for layer in layers(file)), facts.weights) if facts.integer else {}
    ranges = activation_ranges(file, examples, export.calibration, facts.activations)
    return StaticQuantizer(file, ranges, export.calibration.weights).all(facts.activations, widths)
