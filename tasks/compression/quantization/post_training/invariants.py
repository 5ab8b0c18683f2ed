"""What must be true of every exported file, whatever its quality.

file ──► kernels hold something ──► zeros and clusters are kept ──► integer schemes have no float left
     ──► what promises no loss has none
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from featherline.tasks.compression.quantization.post_training.float_reference import Comparison
from featherline.tasks.compression.quantization.post_training.layers import name_of
from featherline.tasks.contracts.model import LayerWidth, Model, Scheme
from featherline.tasks.contracts.post_training import Mixed
from featherline.tasks.contracts.quality import SHARE, QualityMetric
from featherline.tasks.contracts.refusal import Refused, examples, refuse
from featherline.tasks.contracts.schemes import SCHEMES
from featherline.tasks.litert.graph import KERNELS, Graph, Operator
from featherline.tasks.measuring.operators import is_float
from featherline.tasks.measuring.weights import zeros
from featherline.tasks.problems.protocol import Problem, Scores
from featherline.tasks.problems.scored import counts_units, interval
from featherline.tasks.statistics.proportions import wilson

CLUSTERED = ("CONV_2D", "FULLY_CONNECTED")
"""Operators whose kernels may be clustered; their first axis is the output channel."""
CONFIDENCE, RESAMPLES = 0.99, 2000
"""Of the interval around the quality that a faithful file must meet."""


def check_integer(graph: Graph, scheme: Scheme, layers: Sequence[LayerWidth] = ()) -> None:
    """See that a file computes in integers wherever its scheme says so.

    Args:
        graph: Of the file, with the names of its tensors.
        scheme: Of the file.
        layers: Of a mixed file: the widths that were chosen.

    Raises:
        Refused: An operator computes in float; in a mixed file, a layer that was not chosen to.
    """
    left: list[Operator] = []
    if SCHEMES[scheme].integer:
        left = [operator for operator in graph.operators if is_float(graph, operator)]
    elif scheme == "static_wmixed_ai8":
        chosen = {layer.layer for layer in layers if layer.width == "float"}
        computing = (operator for operator in graph.operators if operator.name in KERNELS)
        left = [one for one in computing if is_float(graph, one) and name_of(graph, one) not in chosen]
    if left:
        names = sorted({f"{operator.name} ({name_of(graph, operator)})" for operator in left})
        raise refuse(
            "export cannot make the model integer throughout",
            expected=f"no operator that computes in float, which scheme {scheme} promises",
            got=f"{len(left)} float operators: {examples(names)}",
            fix="replace the layers behind them, or export with the scheme dynamic_wi8_afp32 or float16",
        )


def check_kernels(graph: Graph) -> None:
    """See that every kernel has a weight that is not zero.

    Raises:
        Refused: A kernel is all zero, so that its layer passes nothing on.
    """
    empty = [
        name_of(graph, operator)
        for operator, kernel in graph.kernels()
        if kernel.constant is not None and (kernel.constant.size == 0 or bool(zeros(kernel).all()))
    ]
    if empty:
        raise refuse(
            "export found layers without weights",
            expected="at least one weight that is not zero in every kernel",
            got=f"{len(empty)} kernels of zeros: {examples(empty)}",
            fix="prune less (prune.sparsity, prune.keep_macs), or train again: a layer of zeros passes nothing on",
        )


def check_kept(graph: Graph, model: Model) -> None:
    """See that a file has the zeros of a sparse model, and the few distinct weights of a clustered one.

    A channel's weights have one step, and the normalisation behind it is folded in by channel, so neither makes a zero
    or a shared value two.

    Raises:
        Refused: The file has fewer zeros, or a channel with more distinct weights.
    """
    kernels = {id(kernel): (operator, kernel) for operator, kernel in graph.kernels() if kernel.constant is not None}
    if model.sparsity != "none":
        present = sum(int(zeros(kernel).sum()) for _, kernel in kernels.values())
        if present < model.zeros:
            raise _lost(f"the {model.zeros:,} zeros of the {model.sparsity} pruning", f"{present:,} in the file")
    if model.clusters is not None:
        most = {
            name_of(graph, operator): max(np.unique(channel).size for channel in kernel.constant)
            for operator, kernel in kernels.values()
            if operator.name in CLUSTERED and kernel.constant is not None
        }
        many = {name: count for name, count in most.items() if count > model.clusters}
        if many:
            raise _lost(
                f"at most {model.clusters} distinct weights in each channel",
                f"more in {len(many)} kernels: {examples(f'{name}: {count}' for name, count in many.items())}",
            )


def _lost(expected: str, got: str) -> Refused:
    return refuse(
        "export lost what the steps before had saved",
        expected=expected,
        got=got,
        fix="export with another scheme, or leave the pruning or clustering out; and report it as a bug",
    )


def check_faithful(model: Model, scheme: Scheme, problem: Problem, scores: Scores) -> None:
    """See that a file that promises to lose nothing is as good as the model in memory.

    That is a float file, and the int8 file of a QAT model. What other schemes lose
    is a matter of quality, for the fallback ladder and the gate.

    Args:
        model: What was converted, its quality measured on the same validation split.
        scheme: Of the file.
        problem: Which it is to solve.
        scores: Of the file, on that split.

    Raises:
        Refused: The model's quality is outside the interval of the file's.
    """
    if not SCHEMES[scheme].lossless and not (scheme == "int8" and model.format == "qat_h5"):
        return
    samples, metric = len(scores), problem.quality
    if counts_units(problem, scores):
        low, high = wilson(int(scores.values.sum()), samples, CONFIDENCE)
    else:
        low, high = interval(problem, scores, CONFIDENCE, RESAMPLES, 0)
    # A unit decided otherwise by rounding is no broken file, however small the split.
    one = 1 / samples if metric.unit == "share" else (high - low) / samples
    if not low - one <= model.validation_quality <= high + one:
        raise refuse(
            "export made a file that is not the model",
            expected=f"the model's own validation {metric.told(model.validation_quality)} within the "
            f"{CONFIDENCE:.0%} interval of the file's",
            got=f"{metric.text(problem.aggregate(scores))} [{metric.text(low)}, {metric.text(high)}] of {samples} "
            f"{problem.words.unit}s",
            fix="give the data set that the model was validated on; where it is the same, report the model as a bug",
        )


def check_budget(compared: Comparison, settings: Mixed, metric: QualityMetric = SHARE) -> None:
    """See that a mixed file keeps the budget that its widths were chosen under.

    Raises:
        Refused: No choice of widths does.
    """
    if compared.loses_more_than(settings.max_drop):
        raise refuse(
            "export found no widths that keep the budget",
            expected=f"at most {settings.max_drop:g} of validation {metric.name} lost against the float file "
            "(export.mixed)",
            got=f"{metric.amount(compared.drop)}, with every layer at its widest",
            fix="allow a larger drop, let layers be float (export.mixed.widths), or use int16x8",
        )
