"""What was measured of a file, and what the gates made of it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from featherline.tasks.contracts.base import Contract, Fraction, Name, Sha256
from featherline.tasks.contracts.model import Scheme
from featherline.tasks.contracts.problems.classification import of_older_version
from featherline.tasks.contracts.quality import Quality, Slice
from featherline.tasks.contracts.references import ArchiveRef, ArrayRef, DetailsRef, LiteRTFileRef, PageRef
from featherline.tasks.contracts.stored import Stored

REPEATABILITY = 0.05
"""Two latencies that are nearer to each other than this, as a fraction, are equal.

The interval of one measurement does not hold the next one: of three files of the recipe `digits`, measured twelve times
each in turn with the baseline, the speedups lay 2.0 to 4.3 % apart, and their intervals were 0.2 to 0.4 % wide.
"""


class Latency(Contract):
    """Time of `invoke()` alone, in milliseconds, measured interleaved with the baseline file where one is given."""

    p50: float = Field(gt=0)
    p90: float = Field(gt=0)
    p99: float = Field(gt=0)
    p50_low: float | None = None
    p50_high: float | None = None
    """The 95 % bootstrap interval of p50."""
    threads: int
    runs: int
    warm_up: int
    baseline_p50: float | None = None
    speedup: float | None = None
    """p50 of the baseline over p50 of this file, in the same interleaved runs."""
    speedup_low: float | None = None
    speedup_high: float | None = None

    def surely_over(self, bound_ms: float) -> bool:
        """Return whether p50 is over a bound by more than its interval, and by more than measurements differ."""
        return (self.p50_low or self.p50) > bound_ms * (1 + REPEATABILITY)


class StageEntry(Contract):
    """A file on the way from the float baseline to what ships: the effect of each stage of the lane."""

    stage: str
    size_bytes: int
    gzip_bytes: int
    zstd_bytes: int
    entropy_bytes: int
    sparsity: Fraction
    distinct_weights: int
    parameters: int
    macs: int
    latency_ms_p50: float = Field(gt=0)
    """Of all the files in turn: to be compared with the other entries of the same ledger, and with nothing else."""


class Measurement(Stored):
    """What was measured of the exported file itself, on the test split and on this machine."""

    remedy = "run evaluate again, with ignore_cache: true"

    format: Literal[2] = 2
    """Format 1 knew classification alone."""
    candidate: Name
    file: LiteRTFileRef
    scheme: Scheme
    samples: int = Field(gt=0)
    quality: Quality
    slices: tuple[Slice, ...]
    """In the order in which the problem gives them."""
    agreement: Fraction | None
    """Fraction of the test samples on which this file and the float baseline agree."""
    details: DetailsRef | None = None
    """What else the problem says of the outputs."""
    outputs: ArrayRef
    """(samples, ...) float32, in the order of the test split."""
    test_sha256: Sha256
    """Of the test split (`data.dataset.split_digest`): two measurements are paired only where it is equal."""
    size_bytes: int
    gzip_bytes: int
    zstd_bytes: int
    entropy_bytes: int
    """Shannon bound of the weights' symbols, one code a tensor: no lossless code of single weights gets below it."""
    sparsity: Fraction
    """Zeros among the weights in the file."""
    distinct_weights: int
    """Most distinct values in one weight tensor."""
    parameters: int
    macs: int
    peak_ram_bytes: int
    peak_ram_method: Literal["tflite-micro", "liveness"]
    latency_ms: Latency
    energy_uj: float
    energy_method: str
    """How the energy was had: an estimate is never compared with a measurement."""
    operators: dict[str, int]
    float_operators: int
    """Operators that compute in float32 or float16."""
    minimum_runtime: str | None
    """The lowest TFLite runtime that has every operator version, as the converter wrote it."""
    runtime: str
    machine: str
    ledger: tuple[StageEntry, ...] = ()
    """From the float baseline by way of every stage to this file; empty for the baseline itself."""

    @model_validator(mode="before")
    @classmethod
    def _of_older_version(cls, given: Any) -> Any:  # noqa: ANN401 - JSON
        """Take measurements of versions that knew classification alone."""
        return of_older_version(given)


class Finding(Contract):
    """One rule of a gate applied to one subject."""

    rule: str
    subject: str
    """What was judged: a candidate, a split, a column."""
    passed: bool
    severity: Literal["critical", "warning"] = "critical"
    expected: str
    got: str
    fix: str = ""
    margin: float | None = None
    """Room left under the rule, in its own unit, negative where it is broken; None where the rule is no bound."""


class Verdict(Stored):
    """What a gate decided, and why.

    The gates of data and model are open only when there is a finding and no critical one failed; the gate of the
    metrics only when at least one candidate passed all its critical findings (`passed_candidates`).
    """

    format: Literal[1] = 1
    gate: Literal["data", "model", "metrics"]
    passed: bool
    findings: tuple[Finding, ...]
    page: PageRef
    """The verdict for people."""
    docs: ArchiveRef | None = None
    """Great Expectations' own data docs, zipped; they load styles from the internet."""

    def passed_candidates(self) -> frozenset[str]:
        """Return the subjects with at least one critical finding and no failed one; none where the gate is closed.

        The gate of the metrics is open as soon as one candidate passed, so whoever takes a candidate further asks here.
        """
        critical = [finding for finding in self.findings if finding.severity == "critical"]
        failed = {finding.subject for finding in critical if not finding.passed}
        return frozenset(finding.subject for finding in critical if self.passed) - failed
