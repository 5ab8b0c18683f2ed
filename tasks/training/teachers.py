"""Teachers: a model of the run, the user's own file, or the float baseline of a registered version.

.keras, .h5, SavedModel folder, s3://… ──► read as any foreign model, no code of it run ──► gives logits
                                           └──► its own preprocessing, found on the validation split

Whoever it is, it is fed by its own preprocessing, and seen from the student's inputs.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.modalities.parameters import PreprocessingChoice
from featherline.tasks.contracts.model import Model
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.contracts.safe_text import visible
from featherline.tasks.modalities.feeding import Feeding, in_words, preprocessing_of
from featherline.tasks.networks.foreign.read import read_model
from featherline.tasks.networks.model_files import load_model
from featherline.tasks.problems.opening import open_problem
from featherline.tasks.store.artifacts import Store
from featherline.tasks.training.data import TrainingData
from featherline.tasks.training.foreign_preprocessing import preprocessing_of_file
from featherline.tasks.training.translated import as_the_student_sees


class ReadTeacher(NamedTuple):
    """A model, and what its inputs are made by."""

    model: Any
    preprocessing: Feeding

    def seen_from(self, data: TrainingData) -> Any:  # noqa: ANN401 - tf_keras has no types
        """Return what takes these data, as the student does, and gives the teacher's logits."""
        return as_the_student_sees(self.model, self.preprocessing, data.preprocessing or self.preprocessing)


class NamesTeacher(Protocol):
    """Parameters that may name a teacher."""

    @property
    def teacher(self) -> str | None:
        """Return a model file; None for a model of the run."""

    @property
    def teacher_preprocessing(self) -> PreprocessingChoice:
        """Return what that file's inputs are made by."""


def find_teacher(params: NamesTeacher, otherwise: Model, dataset: Dataset, store: Store) -> ReadTeacher:
    """Return the teacher that the parameters name, or else this model of the run.

    Raises:
        Refused: As `read_teacher`.
    """
    if params.teacher is None:
        return teacher_of_run(store, otherwise, dataset)
    return read_teacher(params.teacher, params.teacher_preprocessing, dataset, store)


def teacher_of_run(store: Store, model: Model, dataset: Dataset) -> ReadTeacher:
    """Load a model of the run that is to be a teacher."""
    return ReadTeacher(load_model(store, model), preprocessing_of(model, dataset))


def read_teacher(source: str, choice: PreprocessingChoice, dataset: Dataset, store: Store) -> ReadTeacher:
    """Read a model file that is to be a teacher on this data.

    Args:
        source: The file.
        choice: What its inputs are made by; `auto` finds it on the validation split.
        dataset: What its student is trained on.
        store: Holds the examples.

    Raises:
        Refused: It names a version of a registry, which nobody has looked up; it cannot be used as a model file; or no
            preprocessing lets it tell the answers apart.
    """
    if source.startswith("models:"):
        raise refuse(
            f"the teacher {source} is no model file",
            expected="a .keras or .h5 file or a SavedModel folder, here or at s3://",
            got="a version of a registry, which `resolve` replaces by its float baseline in a run",
            fix="name it in a recipe; by hand give the file",
        )
    model = read_model(source, dataset.input_shape, open_problem(dataset.problem).answers(dataset.vocabulary))
    own = preprocessing_of_file(model, source, choice, dataset, store, key="teacher_preprocessing")
    print(f"teacher {visible(source)}: preprocessing {in_words(own)}")
    return ReadTeacher(model, own)
