"""The fallback ladder: a file that loses too much is left, and the next scheme tried, until one keeps its quality.

    int8 ──► static_wmixed_ai8 (worst layers float) ──► int16x8 ──► qat (int8) ──► dynamic_wi8_afp32 ──► float16
     │         │                                          │           │              │                     │
     └─────────┴── the first that loses no more than allowed against the float file, on the validation split

A file that cannot be made, or that breaks its scheme's promise, is left as one that loses too much is. Every rung is
recorded with its size, its quality and why it was left. Equal inputs and an equal seed climb equally high.
"""

from __future__ import annotations

from collections.abc import Callable

from featherline.tasks.compression.quantization.post_training.float_reference import Comparison
from featherline.tasks.compression.quantization.post_training.invariants import check_integer
from featherline.tasks.compression.quantization.post_training.schemes import Builder, Built
from featherline.tasks.contracts.model import Model, Rung, Scheme
from featherline.tasks.contracts.post_training import FallbackLadder, Mixed, RungName
from featherline.tasks.contracts.quality import QualityMetric
from featherline.tasks.contracts.refusal import OutOfReach, Refused, examples, refuse
from featherline.tasks.contracts.request import Exit
from featherline.tasks.contracts.words import percent
from featherline.tasks.litert import flatbuffer
from featherline.tasks.litert.conversion import ConverterDied
from featherline.tasks.litert.graph import read_graph
from featherline.tasks.running.memory import out_of_memory


def climb(
    builder: Builder, scheme: Scheme, ladder: FallbackLadder, settings: Mixed, train: Callable[[], Model]
) -> tuple[Built, tuple[Rung, ...]]:
    """Return the first file that keeps the ladder's rules, and all that were tried.

    Args:
        builder: Of the model's files.
        scheme: What is tried first.
        ladder: The rules, and what is tried next.
        settings: Of a mixed file; the ladder's own rules hold, and from int8 layers only become float.
        train: Gives the model after QAT; called where the climb reaches the rung `qat`.

    Raises:
        Refused: No rung keeps the rules; the model has no float file to compare with.
    """
    metric = builder.problem.quality
    _ = builder.reference  # what is wrong with the model or the data is so on every rung
    widths = ("float",) if scheme == "int8" else settings.widths
    settings = settings.model_copy(update={"widths": widths})
    rungs: list[Rung] = []
    for step in (scheme, *(rung for rung in ladder.rungs if rung != scheme)):
        try:
            built = _built(builder, step, ladder, settings, train)
        except (ConverterDied, _CannotBeMadeError) as problem:
            if isinstance(problem, ConverterDied) and problem.code != Exit.CONVERTER_DIED:
                raise
            rungs.append(_rung(step).model_copy(update={"why": f"cannot be made: {_said(problem)}"}))
            print(f"export: fallback ladder, {said(rungs[-1], metric)}")
            continue
        rungs.append(_compared(builder, built, ladder, step))
        print(f"export: fallback ladder, {said(rungs[-1], metric)}")
        if rungs[-1].kept:
            return built, tuple(rungs)
    raise refuse(
        "export finds no rung of the fallback ladder that keeps the rules",
        expected=f"a file that loses at most {metric.amount(ladder.max_drop)} of validation {metric.name} "
        "(export.fallback_ladder)",
        got=examples(f"{rung.name}: {rung.why}" for rung in rungs),
        fix="allow a larger drop, add the rung qat or float16, or give export.fallback_ladder.qat.fit more epochs",
    )


class _CannotBeMadeError(Exception):
    """What a rung fails of, in the words of whoever failed."""


def _built(
    builder: Builder, step: Scheme | RungName, ladder: FallbackLadder, settings: Mixed, train: Callable[[], Model]
) -> Built:
    """Return the file of a rung.

    Raises:
        ConverterDied: The converter's process died.
        OutOfReach: The store cannot be read.
        _CannotBeMadeError: The model cannot be had so.
    """
    try:
        model = train() if step == "qat" else builder.model  # an error of the training itself is no answer
    except Refused as refusal:
        raise _in_words(refusal) from refusal
    try:
        if step == "qat":
            built = builder.of(model).build("int8", settings)
        else:
            metric = builder.problem.quality
            built = builder.build(step, settings, lambda compared: not broken_rules(compared, ladder, metric))
        check_integer(read_graph(built.data), built.scheme, built.layers)
    except (Refused, RuntimeError, ValueError) as problem:  # the tools' own errors are the last two
        raise _in_words(problem) from problem
    return built


def _in_words(problem: Exception) -> Exception:
    """Return what went wrong, of a refusal what was met, of an exception where its traceback ends."""
    if isinstance(problem, OutOfReach) or out_of_memory(problem) is not None:
        return problem
    text = problem.problems[0].got if isinstance(problem, Refused) else str(problem)
    return _CannotBeMadeError((text.strip().splitlines() or [type(problem).__name__])[-1].strip())


def broken_rules(compared: Comparison, ladder: FallbackLadder, metric: QualityMetric) -> list[str]:
    """Return what a file breaks, in words; nothing where it keeps every rule."""
    broken = []
    if compared.loses_more_than(ladder.max_drop):
        broken.append(f"loses {metric.amount(compared.drop)}, more than {metric.amount(ladder.max_drop)}")
    if ladder.min_agreement is not None and not compared.agreement >= ladder.min_agreement:
        broken.append(f"agrees on {percent(compared.agreement)}, less than {percent(ladder.min_agreement)}")
    return broken


def said(rung: Rung, metric: QualityMetric) -> str:
    """Return a rung in one line for people."""
    reached = metric.told(rung.validation_quality or 0.0)
    figures = "" if rung.size_bytes is None else f"{rung.size_bytes:,} bytes, validation {reached}, "
    return f"{rung.name}: {figures}{'kept' if rung.kept else 'left'}, as it {rung.why}"


def _rung(step: Scheme | RungName) -> Rung:
    """Return a rung that is not measured yet."""
    if step == "qat":
        return Rung(scheme="int8", qat=True, kept=False, why="")
    return Rung(scheme=step, kept=False, why="")


def _compared(builder: Builder, built: Built, ladder: FallbackLadder, step: Scheme | RungName) -> Rung:
    """Return a rung that was made, measured as it would ship."""
    objects = flatbuffer.unpack(built.data)
    flatbuffer.compact(objects)
    file = flatbuffer.pack(objects)
    compared = builder.reference.compare(file)
    metric = builder.problem.quality
    broken = broken_rules(compared, ladder, metric)
    return _rung(step).model_copy(
        update={
            "size_bytes": len(file),
            "validation_quality": compared.quality,
            "agreement": compared.agreement,
            "kept": not broken,
            "why": " and ".join(broken)
            or f"loses {metric.amount(compared.drop)}, at most {metric.amount(ladder.max_drop)} is allowed",
        }
    )


def _said(problem: BaseException) -> str:
    return "the converter died of it" if isinstance(problem, ConverterDied) else str(problem)
