"""The rows of the benchmark: what each begins with, and the parameters of the steps that make it.

    Start: wide    ResNet-20 of width 60, 15.2 MB, 1.14 GFLOPs      as given, never trained further
           narrow  ResNet-20 of width 16, taught by the wide one    as given, never trained further
           none    a network of fresh weights

The wide network is the teacher of all rows that have one. Every training of a row sees the same views of the images in
the same batches, so that the teacher's logits are computed once for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from benchmarks.seed_case.rival_rows import RIVALS

Start = Literal["wide", "narrow", "none"]

ROUNDS = 8
"""Different views of each image; the teacher's logits are computed once for each."""

TEACHER_MINUTES = 90.0
"""Of one core, for the logits of all rounds."""

VIEWS = {"flip": True, "crop": 4, "cutout": 8, "batch_size": 128}
"""Equal in all trainings: other views would be other logits."""
FIT = VIEWS | {"optimizer": "sgd", "weight_decay": 2e-4, "keep": "last"}
"""`keep: last`, for both given models were trained on the validation images: they choose no epoch."""
TEACHING = {"temperature": 4, "alpha": 0.9, "cached_augmentations": ROUNDS}

Parameters = dict[str, Any]


def long(epochs: int, rate: float = 0.05) -> Parameters:
    """Return the fit of a training that begins with a cut, or with nothing."""
    return FIT | {"schedule": "one_cycle", "epochs": epochs, "learning_rate": rate}


def short(epochs: int, rate: float) -> Parameters:
    """Return the fit of a training that goes on from a trained network."""
    return FIT | {"schedule": "cosine", "epochs": epochs, "learning_rate": rate}


def cut(epochs: int, **targets: float) -> Parameters:
    """Return the parameters of `prune`: channels off, then taught by the wide network."""
    ranking = {"method": "channel", "criterion": "taylor", "ratios": "sensitivity"}
    return ranking | targets | {"distillation": TEACHING, "fit": long(epochs)}


def student(epochs: int, **options: int) -> Parameters:
    """Return the parameters of `distill`: a ResNet of fresh weights, taught by the wide network."""
    architecture = {"builder": "resnet", "options": options}
    return {"method": "logits", "architecture": architecture, "distillation": TEACHING, "fit": long(epochs, rate=0.1)}


def qat(scheme: str, epochs: int, rate: float) -> Parameters:
    """Return the parameters of `quantize`: trained with the rounding in the loop, taught by the wide network."""
    return {"scheme": scheme, "qat": True, "distillation": TEACHING, "fit": short(epochs, rate)}


QAT_INT8 = qat("int8", 2, 0.0025)


@dataclass(frozen=True)
class Row:
    """One file of the benchmark.

    Attributes:
        title: In the table.
        start: What it begins with, which is also what its accuracy and its speed are compared with.
        minutes: That one core took when it was last made, the teacher's logits aside.
        prune: Parameters of the step, where it is cut.
        distill: Parameters of the step, where a network of fresh weights is taught.
        quantize: Parameters of the step; without training the converter does it all.
        rival: Another tool's way by its name in `RIVALS`, and the parameters of that, for the record.
        spread: Whether it is made with every seed, for the spread; other rows have the first alone.
    """

    title: str
    start: Start
    minutes: float
    prune: Parameters = field(default_factory=dict)
    distill: Parameters = field(default_factory=dict)
    quantize: Parameters = field(default_factory=lambda: {"scheme": "int8"})
    rival: Parameters = field(default_factory=dict)
    spread: bool = False

    @property
    def parameters(self) -> Parameters:
        """Return all that decides its file beside the given models, the data and the seed."""
        steps = {"prune": self.prune, "distill": self.distill, "quantize": self.quantize, "rival": self.rival}
        return {"start": self.start} | {name: given for name, given in steps.items() if given}

    @property
    def compared_with(self) -> Literal["wide", "narrow"]:
        """Return whose float file it is measured beside: the one that it came from, or the narrow one."""
        return "narrow" if self.start == "none" else self.start

    @property
    def made_by(self) -> str:
        """Return who made it: Featherline by compressing, another tool, or a training from fresh weights."""
        return "another tool" if self.rival else "Featherline" if self.prune else "control"

    @property
    def scheme(self) -> str:
        """Return how its file holds its numbers."""
        return RIVALS[self.rival["tool"]].scheme if self.rival else str(self.quantize["scheme"])

    @property
    def taught(self) -> bool:
        """Return whether it needs the teacher's logits."""
        return any("distillation" in given for given in (self.prune, self.distill, self.quantize))

    @property
    def epochs(self) -> int:
        """Return the epochs of all its trainings."""
        fits = (given.get("fit", {}) for given in (self.prune, self.distill, self.quantize))
        return sum(fit.get("epochs", 0) for fit in fits) + self.rival.get("epochs", 0)


def _by(name: str, start: Start) -> Row:
    """Return the row of a rival's file, from one of the given models."""
    rival = RIVALS[name]
    return Row(rival.title, start, rival.minutes, rival={"tool": name} | rival.parameters)


ROWS: dict[str, Row] = {
    "wide-converter-int8": _by("converter-int8", "wide"),
    "wide-1.5mb": Row(
        "**Featherline, 10x**", "wide", 180, prune=cut(30, keep_macs=0.255, keep_parameters=0.37), quantize=QAT_INT8
    ),
    "wide-0.5mb": Row(
        "**Featherline, 30x**", "wide", 90, prune=cut(40, keep_macs=0.15, keep_parameters=0.118), quantize=QAT_INT8
    ),
    **{f"narrow-{name}": _by(name, "narrow") for name in RIVALS},
    "narrow-10x": Row(
        "**Featherline, 10x**, int4 weights",
        "narrow",
        80,
        prune=cut(40, keep_parameters=0.66, floor=0.5),
        quantize=qat("static_wi4_ai8", 16, 0.01),
        spread=True,
    ),
    "narrow-12x": Row(
        "**Featherline, 12x**, int4 weights",
        "narrow",
        75,
        prune=cut(40, keep_parameters=0.54, floor=0.5),
        quantize=qat("static_wi4_ai8", 16, 0.01),
    ),
    "narrow-25x": Row(
        "**Featherline, 25x**, int4 weights",
        "narrow",
        60,
        prune=cut(40, keep_parameters=0.24, floor=0.3),
        quantize=qat("static_wi4_ai8", 16, 0.01),
    ),
    "scratch-resnet8": Row(
        "control: ResNet-8 from scratch, taught, int8",
        "none",
        40,
        distill=student(40, depth=8, width=16),
        quantize=QAT_INT8,
    ),
    "scratch-scaled": Row(
        "control: ResNet-20 of width 13 from scratch, taught, int4 weights",
        "none",
        80,
        distill=student(40, depth=20, width=13),
        quantize=qat("static_wi4_ai8", 16, 0.01),
        spread=True,
    ),
}
