"""What only classification takes of a recipe and says of a file's outputs, and how older versions wrote the latter."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from featherline.tasks.contracts.base import Contract, Fraction
from featherline.tasks.contracts.quality import QualityMetric
from featherline.tasks.contracts.refusal import examples

CLASSES_FILE = "classes.txt"
CLASSES_KEY = "classes"

RENAMED_IN_FILES = {
    "accuracy": "validation_quality",
    "source_accuracy": "source_validation_quality",
    "validation_accuracy": "validation_quality",
    "source_validation_accuracy": "source_validation_quality",
}
"""What the metadata of files of older versions called by a name that says less."""

ACCURACY = QualityMetric(name="accuracy")
"""The share of the samples whose class is the one that is given."""

MACRO_F1 = QualityMetric(name="macro-F1")
"""The mean over the classes of the harmonic mean of precision and recall."""

QualityName = Literal["accuracy", "macro_f1"]
"""As a recipe names it."""


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    again = [name for name, count in Counter(names).items() if count > 1]
    if again:
        raise ValueError(f"each class once, not {examples(again)} again")
    return names


ClassName = Annotated[str, Field(min_length=1, max_length=200)]
ClassNames = Annotated[tuple[ClassName, ...], Field(min_length=2), AfterValidator(_each_once)]


class ClassificationIntake(Contract):
    """What a recipe says of the classes, and what quality is."""

    classes: ClassNames | None = Field(
        None, description="Names in the order of the model's outputs; found in the source where absent."
    )
    quality: QualityName | None = Field(
        None,
        description="accuracy, also where absent; or macro_f1, the mean of the F1 of the classes, in which a rare one "
        "counts as much as a frequent one.",
    )


Weight = Annotated[float, Field(gt=0, le=1e6)]
ClassWeights = Literal["none", "balanced"] | dict[ClassName, Weight]


class ClassificationBalance(Contract):
    """What makes up for classes that are rare."""

    class_weights: ClassWeights = Field(
        "none",
        description="How much the loss of an example counts. balanced: in inverse proportion to how frequent its class "
        "is; or a number a class by name, 1 where none is given. Their mean over the train split is made 1.",
    )
    sampling: Literal["uniform", "balanced"] = Field(
        "uniform",
        description="Of an epoch. uniform: every example once; balanced: as many of each class, those of rare classes "
        "again and again, those of frequent ones in part. Not beside class_weights.",
    )

    @model_validator(mode="after")
    def _balanced_once(self) -> Self:
        if self.sampling == "balanced" and self.class_weights != "none":
            raise ValueError("sampling uniform beside class_weights: both would make up for the same thing twice")
        return self


class ClassificationDetails(Contract):
    """What the outputs say beyond accuracy and the recall of each class."""

    confusion: tuple[tuple[int, ...], ...]
    """Rows are true classes, columns predicted ones."""
    calibration_error: Fraction
    """Expected calibration error, 15 bins."""


def accepted_quality(content: dict[str, Any], metric: QualityMetric) -> float | None:
    """Return the quality of an accepted baseline, which older versions called accuracy; None of another metric."""
    if content.get("metric", ACCURACY.name) != metric.name:
        return None
    return float(content["quality"] if "quality" in content else content["accuracy"])


def curves_of_format_1(given: dict[str, Any]) -> dict[str, Any]:
    """Return the curves of a training, which older versions called accuracy, as they are written today."""
    kept = {name: value for name, value in given.items() if name not in {"accuracy", "validation_accuracy"}}
    curves = {"quality": given["accuracy"], "validation_quality": given["validation_accuracy"]}
    return kept | curves | {"metric": ACCURACY.model_dump(mode="json")}


def of_older_version(given: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a measurement as it is written today, of one that names accuracy and recall; any other value as it is.

    The classes had no names there: their slices are numbered.
    """
    if not isinstance(given, dict) or "accuracy" not in given:
        return given
    dropped = {"accuracy", "accuracy_low", "accuracy_high", "confidence", "class_recall", "confusion"}
    dropped |= {"calibration_error", "predictions"}
    recalls, matrix = given.get("class_recall"), given.get("confusion")
    rows = [sum(row) for row in matrix] if isinstance(matrix, list | tuple) else []
    return {key: value for key, value in given.items() if key not in dropped} | {
        "quality": {
            "metric": ACCURACY.model_dump(mode="json"),
            "value": given["accuracy"],
            "low": given.get("accuracy_low"),
            "high": given.get("accuracy_high"),
            "confidence": given.get("confidence"),
        },
        "slices": [
            {"name": str(label), "samples": rows[label] if label < len(rows) else 0, "quality": recall}
            for label, recall in enumerate(recalls if isinstance(recalls, list | tuple) else ())
        ],
        "outputs": given.get("predictions"),
    }
