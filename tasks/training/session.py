"""One session of training: what every step that trains has in common, so that each step's file says what it alone does.

    data set ──► as the network takes it ──┐
    teacher ──► as the student is fed ─────┴─► fit, in parts ──► the result: stored, described, compared

    with TrainingSession(inputs.data, context) as session:
        network = load_model(context.store, inputs.model)
        session.feed(preprocessing_of(inputs.model, session.dataset), params.fit.train_fraction)
        history = session.fit(network, params.fit, stage="quantize qat")
        return session.result(network, "quantize qat", history, before=inputs.model)

The seed is set when the session begins: in what order networks are built and read after that decides their weights.
The checkpoints of all parts stay until the whole session ends without an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, nullcontext
from types import TracebackType
from typing import Any, Self

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.fit import DistillationSettings, Fit
from featherline.tasks.contracts.model import Model, TrainingHistory
from featherline.tasks.contracts.preprocessing import Preprocessing
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.measuring.stage_effects import savings
from featherline.tasks.networks.framework import KerasModel, keras
from featherline.tasks.networks.zeros import sparsity
from featherline.tasks.running.context import Context
from featherline.tasks.training.checkpoint import checkpoint_of
from featherline.tasks.training.data import TrainingData, load_training_data
from featherline.tasks.training.describe import describe
from featherline.tasks.training.loop import fit_model
from featherline.tasks.training.thawing import Thawing


class TrainingSession:
    """The trainings of one step.

    Attributes:
        dataset: What is trained and measured on.
        data: Its examples, as the network takes them; there once the session is fed.
        seed: Of everything random.
        teacher: Takes what the student takes; None where nobody teaches.
    """

    data: TrainingData

    def __init__(self, data: DatasetRef, context: Context) -> None:
        """Set the seed and read the data set.

        Args:
            data: What is trained and measured on.
            context: Of the step.
        """
        self.store, self.seed = context.store, context.seed
        self.teacher: KerasModel | None = None
        self._distillation: DistillationSettings | None = None
        self._context = context
        self._open = ExitStack()
        keras.utils.set_random_seed(self.seed)
        self.dataset = self.store.read(data, Dataset)

    def feed(self, preprocessing: Mapping[str, Preprocessing], train_fraction: float = 1.0) -> None:
        """Open the train and the validation split as a network with this preprocessing takes them.

        Args:
            preprocessing: Of the network that is trained, by input.
            train_fraction: Part of the train split to use, stratified.

        Raises:
            Refused: Either split is empty.
        """
        self.data = self._open.enter_context(
            load_training_data(self.store, self.dataset, preprocessing, train_fraction=train_fraction, seed=self.seed)
        )

    def learn_from(self, teacher: KerasModel, distillation: DistillationSettings) -> None:
        """Let a teacher count in every training from now on.

        Args:
            teacher: Takes what the student takes, as `ReadTeacher.seen_from` makes it.
            distillation: How much it counts.
        """
        self.teacher = teacher
        self._distillation = distillation

    def fit(
        self,
        network: KerasModel,
        fit: Fit,
        *,
        stage: str,
        part: str = "",
        callbacks: Sequence[Any] = (),
        thawing: Thawing | None = None,
    ) -> TrainingHistory:
        """Train a network in place, and go on where a killed training of the same part left it.

        Args:
            network: As `fit_model` takes it.
            fit: The parameters.
            stage: What progress lines and history are called.
            part: Which of several trainings of the step this is.
            callbacks: Of tf_keras.
            thawing: What learns in which epoch, where not all does from the first one on.

        Raises:
            Refused: Training diverged.
        """
        with thawing.held() if thawing else nullcontext():
            return fit_model(
                network,
                self.data,
                fit,
                seed=self.seed,
                stage=stage,
                teacher=self.teacher,
                distillation=self._distillation,
                callbacks=callbacks,
                store=self.store,
                checkpoint=self._open.enter_context(checkpoint_of(self._context, part)),
                thawing=thawing,
            )

    def result(
        self,
        network: KerasModel,
        stage: str,
        history: TrainingHistory,
        *,
        before: Model | None = None,
        compared_with: Model | None = None,
        zeros_before: float = 0.0,
        **changes: Any,  # noqa: ANN401 - fields of `Model`
    ) -> Model:
        """Store a network, describe it, and say what it saves against the model before it, if there is one.

        Args:
            network: Gives logits.
            stage: What was done, for people.
            history: Of the training.
            before: What it was made from; its stages and histories are carried on.
            compared_with: What it is compared with where it is not made from a model.
            zeros_before: Fraction of zeros among the prunable weights of the one before.
            changes: As `describe` takes them.
        """
        model = describe(self.store, network, self.data, before=before, stage=stage, history=history, **changes)
        given = before or compared_with
        if given is not None:
            zeros = {"zeros_before": zeros_before, "zeros_after": sparsity(network)}
            print(savings(stage, given, model, self.data.problem.quality, **zeros))
        return model

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)
