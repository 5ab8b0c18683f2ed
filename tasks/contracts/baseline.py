"""The float baseline and its gate: `train` and `validate_model`."""

from __future__ import annotations

from pydantic import Field

from tasks.contracts.base import Contract, Fraction, NameOrEmpty
from tasks.contracts.fit import Fit
from tasks.contracts.model import Architecture, Model
from tasks.contracts.preprocessing import PreprocessingChoice
from tasks.contracts.references import DatasetRef, VerdictRef
from tasks.contracts.step import Params


class TrainInputs(Contract):
    """The data that passed its gate."""

    data: DatasetRef


class TrainParams(Params):
    """What to train, or which file to take as it is."""

    architecture: Architecture | None = Field(None, description="Built and trained.")
    file: str | None = Field(
        None, description="A .keras or .h5 file or SavedModel folder (path or s3://) to start from."
    )
    preprocessing: PreprocessingChoice = Field(
        "auto", description="From a pixel to the model's input; auto finds that of a file, and is data's own otherwise."
    )
    fit: Fit = Field(Fit(), description="With a file and 0 epochs the file is taken as it is.")


class ClassMetrics(Contract):
    """A model's behaviour on the validation split."""

    accuracy: Fraction
    loss: float
    class_recall: tuple[Fraction | None, ...]
    samples: int


class TrainOutputs(Contract):
    """The float baseline, which is also the teacher."""

    model: Model
    metrics: ClassMetrics


class ValidateModelInputs(Contract):
    """The float baseline."""

    model: Model
    metrics: ClassMetrics


class ValidateModelParams(Params):
    """The rules of the teacher's gate."""

    min_accuracy: Fraction | None = Field(
        None, description="On the validation split. Absent: 0.5, and surely better than a guess."
    )
    max_drop: Fraction = Field(0.02, description="Against the last accepted baseline of the recipe.")
    min_class_recall: Fraction = Field(0.01, description="Below it a class is dead.")
    recipe: NameOrEmpty = Field(
        "", description="Whose history of baselines to compare with; the run's own where empty."
    )


class ValidateModelOutputs(Contract):
    """The verdict, and the model that passed."""

    model: Model
    verdict: VerdictRef
