"""What an honest reader must know beside the numbers, each note from a measurement."""

from __future__ import annotations

from featherline.tasks.contracts.model import Rung
from featherline.tasks.contracts.words import percent, points, size
from featherline.tasks.reporting.facts import Facts, LaneFacts

MANY_ZEROS = 0.3
"""Sparsity from which a file counts as sparse."""

FEW_WEIGHTS = 64
"""Distinct values a tensor up to which a file counts as clustered."""


def notes(facts: Facts) -> tuple[str, ...]:
    """Return the notes on this run, the most important first."""
    found = [f"{finding.subject} is not proven: {finding.rule}, {finding.got}." for finding in facts.warnings]
    found += [note for lane in facts.lanes for note in _download_only(lane)]
    found += [note for lane in facts.lanes for note in _ladder(lane)]
    found += [note for lane in facts.lanes for note in _missed_target(lane)]
    measured = facts.measured
    if measured.scheme == "int8" and measured.float_operators:
        found.append(f"{facts.winner.name} is int8, yet {measured.float_operators} of its operators compute in float.")
    known = [size_ for size_ in facts.dataset.splits["test"].strata if size_]
    if known and facts.metric.unit == "share":
        words = facts.problem.words
        found.append(
            f"The smallest {words.slice} has {min(known)} test {words.unit}s: one of them is worth "
            f"{points(1 / min(known)).removeprefix('+')} points of its {words.slice_quality}."
        )
    found.append(
        f"Latency was measured on the machine that evaluated ({measured.machine}, {measured.latency_ms.threads} "
        f"thread), not on a phone: compare files with it, not devices."
    )
    found.append(f"Peak RAM is by {measured.peak_ram_method}; energy is {measured.energy_method}.")
    return tuple(found)


def limitations(facts: Facts) -> tuple[str, ...]:
    """Return what was measured of the winner's limits, for the model card."""
    measured = facts.measured
    words, metric = facts.problem.words, facts.metric
    known = [(metric.reward(one.quality), one) for one in measured.slices if one.quality is not None]
    half = metric.amount((measured.quality.high - measured.quality.low) / 2)
    found = []
    if known:
        worst = min(known, key=lambda each: each[0])[1]
        found.append(
            f"The {words.slice} it {'recognises least' if facts.dataset.vocabulary else 'does worst'} is {worst.name}: "
            f"{words.slice_quality} "
            f"{metric.text(worst.quality or 0.0)}."
        )
    if facts.details is not None:
        error = percent(facts.details.calibration_error)
        found.append(f"Its confidence is off by {error} on average (calibration error, 15 bins).")
    found.append(
        f"{metric.name.capitalize()} is known to {half} either way ({measured.samples} test {words.unit}s, "
        f"{measured.quality.confidence:.0%} interval); smaller differences are noise."
    )
    if measured.agreement is not None:
        other = "predicts another class than" if facts.dataset.vocabulary else "says something else than"
        found.append(
            f"On {percent(1 - measured.agreement)} of the test {words.unit}s it {other} the float model "
            "that it was made from, also where both are wrong."
        )
    if len(facts.lanes) > 1:
        found.append(
            f"It was chosen among {len(facts.lanes)} candidates with these same test {words.unit}s, which makes its "
            f"{metric.name} a little too good."
        )
    unknown = [one.name for one in measured.slices if one.quality is None]
    if unknown:
        found.append(f"Not tested at all, for want of {words.unit}s: {', '.join(unknown)}.")
    found.append(f"{words.unit.capitalize()}s unlike those of the data set, damaged or hostile ones were not tested.")
    return tuple(found)


def provenance(facts: Facts) -> tuple[tuple[str, str], ...]:
    """Return where the winner comes from, as names and digests that can be looked up in the store."""
    model = facts.winner.model
    return (
        ("model file (.tflite)", model.file.sha256),
        ("trained model", model.source.file.sha256),
        ("float baseline", facts.baseline_model.file.sha256),
        ("test split", facts.measured.test_sha256),
        ("samples of the data set", facts.dataset.samples.sha256),
        ("verdict page", facts.verdict.page.sha256),
        ("runtime", facts.measured.runtime),
        ("lowest TFLite runtime", facts.measured.minimum_runtime or "unknown"),
        ("machine that measured", facts.measured.machine),
    )


def how_made(lane: LaneFacts) -> str:
    """Return the stages of a lane and the scheme of its file, in words."""
    scheme = lane.model.scheme
    widths = [layer.width for layer in lane.model.layers]
    chosen = ", ".join(f"{widths.count(width)} {width}" for width in ("int4", "int8", "float") if width in widths)
    return " → ".join([*lane.model.source.stages, f"{scheme} ({chosen})" if chosen else scheme])


def _missed_target(lane: LaneFacts) -> list[str]:
    """Return what pruning cut far more than it was asked to."""
    return [
        f"{lane.name}: {stage}. Channels leave in blocks of eight, which are large parts of a network this small."
        for stage in lane.model.source.off_target
    ]


def _ladder(lane: LaneFacts) -> list[str]:
    """Return what the fallback ladder left and what it kept, where it left anything."""
    *left, kept = lane.model.rungs or (None,)
    if not left or kept is None:
        return []
    tried = ", ".join(_rung(rung) for rung in left if rung is not None)
    return [f"{lane.name}: the fallback ladder left {tried} and kept {_rung(kept)}."]


def _rung(rung: Rung) -> str:
    figures = "" if rung.size_bytes is None else f"{size(rung.size_bytes)}, "
    return f"{rung.name} ({figures}{rung.why})"


def _download_only(lane: LaneFacts) -> list[str]:
    measured = lane.measurement
    if measured is None:
        return []
    saved = f"gzip {size(measured.gzip_bytes)} of {size(measured.size_bytes)} raw"
    if measured.sparsity >= MANY_ZEROS:
        cause = f"{percent(measured.sparsity)} of its weights are zero"
    elif measured.distinct_weights <= FEW_WEIGHTS:
        cause = f"at most {measured.distinct_weights} distinct weights a layer"
    else:
        return []
    return [f"{lane.name}: {cause}. That shrinks the download ({saved}), not the file on the device, RAM or latency."]
