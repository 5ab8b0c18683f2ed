"""The ladder: a file that loses too much is left, and the next scheme tried, until one keeps its accuracy.

    int8 ──► mixed (worst layers float) ──► int16x8 ──► dynamic ──► float16
     │         │                              │           │           │
     └─────────┴── the first that loses no more than allowed against the float file, on the validation split

Every rung is recorded with its size, its accuracy and why it was left. Nothing is random here: equal inputs climb
equally high.
"""

from __future__ import annotations

from tasks.contracts.model import Rung, Scheme
from tasks.contracts.post_training import Ladder, Mixed
from tasks.contracts.refusal import examples, refuse
from tasks.litert import flatbuffer
from tasks.post_training.build import Builder, Built
from tasks.post_training.judging import Judgement


def climb(builder: Builder, scheme: Scheme, ladder: Ladder, knobs: Mixed) -> tuple[Built, tuple[Rung, ...]]:
    """Return the first file that keeps the ladder's rules, and all that were tried.

    Args:
        builder: Of the model's files.
        scheme: What is tried first.
        ladder: The rules, and what is tried next.
        knobs: Of a mixed file; the ladder's own rules hold, and from int8 layers only become float.

    Raises:
        Refused: No rung keeps the rules.
    """
    widths = ("float",) if scheme == "int8" else knobs.widths
    knobs = knobs.model_copy(update={"widths": widths})
    rungs: list[Rung] = []
    for step in (scheme, *(rung for rung in ladder.rungs if rung != scheme)):
        built = builder.build(step, knobs, lambda judged: not broken_rules(judged, ladder))
        objects = flatbuffer.unpack(built.data)
        flatbuffer.compact(objects)
        file = flatbuffer.pack(objects)
        judged = builder.judge.judge(file)
        broken = broken_rules(judged, ladder)
        rung = Rung(
            scheme=step,
            size_bytes=len(file),
            validation_accuracy=judged.accuracy,
            agreement=judged.agreement,
            kept=not broken,
            why=" and ".join(broken) or f"loses {judged.drop:.4f}, at most {ladder.max_drop:g} is allowed",
        )
        rungs.append(rung)
        print(f"export: ladder, {said(rung)}")
        if rung.kept:
            return built, tuple(rungs)
    raise refuse(
        "export climbed the whole ladder in vain",
        expected=f"a file that loses at most {ladder.max_drop:g} of validation accuracy (export.ladder)",
        got=examples(f"{rung.scheme}: {rung.why}" for rung in rungs),
        fix="allow a larger drop, add the rung float16, or train with quantize.aware in a candidate of its own",
    )


def broken_rules(judged: Judgement, ladder: Ladder) -> list[str]:
    """Return what a file breaks, in words; nothing where it keeps every rule."""
    broken = []
    if not judged.drop <= ladder.max_drop:
        broken.append(f"loses {judged.drop:.4f}, more than {ladder.max_drop:g}")
    if ladder.min_agreement is not None and not judged.agreement >= ladder.min_agreement:
        broken.append(f"agrees on {judged.agreement:.4f}, less than {ladder.min_agreement:g}")
    return broken


def said(rung: Rung) -> str:
    """Return a rung in one line for people."""
    return (
        f"{rung.scheme}: {rung.size_bytes:,} bytes, validation accuracy {rung.validation_accuracy:.4f}, "
        f"{'kept' if rung.kept else 'left'}, as it {rung.why}"
    )
