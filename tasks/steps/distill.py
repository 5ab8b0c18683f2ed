"""Distill: train a student on what a float teacher thinks of every image, not on the labels alone.

    prune ──► student ──┐
    train ──► teacher ──┴─► [distill] ──► student, after distillation     (logits)
              architecture ──► a student built anew, where the recipe names one
              file ──► another teacher, where the recipe names one
    prune ──► student ──► teacher of its own fresh copy ──► …            (self)

Teacher and student see the same augmented view. The zeros of a sparse student stay zero. Lessons that make a student
worse on the validation split are forgotten: it leaves as it came. A killed training goes on from its last checkpoint.

    python -m featherline.tasks distill --request request.json --result result.json --store var/store

Source: Hinton et al. 2015, https://arxiv.org/abs/1503.02531; Beyer et al. 2022, https://arxiv.org/abs/2106.05237
(the same view, patiently); Furlanello et al. 2018, https://arxiv.org/abs/1805.04770 (born again)
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.model import Model, TrainingHistory
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.contracts.steps.distill import DistillInputs, DistillOutputs, DistillParams
from featherline.tasks.contracts.words import percent
from featherline.tasks.measuring.stage_effects import savings
from featherline.tasks.modalities.image.preprocessing import preprocessing_of
from featherline.tasks.networks.framework import KerasModel, keras
from featherline.tasks.networks.model_files import load_model
from featherline.tasks.networks.zeros import KeepZeros, sparsity
from featherline.tasks.networks.zoo.build import build
from featherline.tasks.problems.classification.network_metrics import accuracy, predict_logits
from featherline.tasks.running.context import Context
from featherline.tasks.training.checkpoint import checkpoint_of
from featherline.tasks.training.data import TrainingData, load_training_data
from featherline.tasks.training.describe import describe
from featherline.tasks.training.foreign_preprocessing import preprocessing_of_built
from featherline.tasks.training.history import joined
from featherline.tasks.training.loop import fit_model
from featherline.tasks.training.teachers import ReadTeacher, read_teacher, teacher_of_run


def distill(inputs: DistillInputs, params: DistillParams, context: Context) -> DistillOutputs:
    """Train the student with the teacher's distillation.

    Raises:
        Refused: The architecture cannot be built, the teacher cannot be read, a sparse student is to be born again, or
            the training diverges.
        AssertionError: A weight of a sparse student that was zero is not zero any more.
    """
    keras.utils.set_random_seed(context.seed)
    dataset = context.store.read(inputs.data, Dataset)
    teacher = None if params.method == "self" else _teacher(inputs, params, dataset, context)
    fraction, fresh, own = params.fit.train_fraction, None, preprocessing_of(inputs.student, dataset)
    if params.architecture is not None:
        fresh = build(params.architecture, dataset.image_shape, len(dataset.classes))
        own = preprocessing_of_built(fresh, params.preprocessing, dataset)
    data = load_training_data(context.store, dataset, own, train_fraction=fraction, seed=context.seed)
    lane = _Lane(inputs, params, context, data)
    with ExitStack() as stack:
        if teacher is None:
            return DistillOutputs(model=lane.born_again(stack))
        return DistillOutputs(model=lane.taught(stack, teacher.seen_from(data), fresh))


def _teacher(inputs: DistillInputs, params: DistillParams, dataset: Dataset, context: Context) -> ReadTeacher:
    if params.teacher is None:
        return teacher_of_run(context.store, inputs.teacher, dataset)
    return read_teacher(params.teacher, params.teacher_preprocessing, dataset, context.store)


@dataclass(frozen=True)
class _Lane:
    """What is known when the lessons begin."""

    inputs: DistillInputs
    params: DistillParams
    context: Context
    data: TrainingData

    def taught(self, stack: ExitStack, teacher: KerasModel, fresh: Any) -> Model:  # noqa: ANN401 - tf_keras has no types
        """Train the lane's student, or one built anew, with the baseline or the user's own file as teacher."""
        architecture = self.params.architecture
        if architecture is None:
            before, student = self.inputs.student, load_model(self.context.store, self.inputs.student)
            stage = "distill"
        else:
            before, student = None, fresh
            stage = f"distill into a new {architecture.builder}"
        zeros = KeepZeros(student) if before is not None and before.sparsity != "none" else None
        zeros_before, weights = sparsity(student), student.get_weights()
        history, start, end = self._learn(stack, student, teacher, stage, callbacks=[zeros] if zeros else ())
        if before is not None and end < start and self.params.fit.keep == "best":
            student.set_weights(weights)
            print(f"{stage}: the lessons made the student worse; it keeps the weights that it came with")
        if zeros:
            zeros.check()
        return self._described(student, before, stage, history, zeros_before)

    def born_again(self, stack: ExitStack) -> Model:
        """Train fresh copies of the lane's student, each with the one before as teacher."""
        if self.inputs.student.sparsity != "none":
            raise refuse(
                "distill cannot let a sparse student be born again",
                expected="a dense student for distill.method self: fresh weights have no zeros",
                got=f"a student with the zeros of {self.inputs.student.sparsity}",
                fix="set distill.method to logits, or prune.method to channel or none",
            )
        count = self.params.generations
        stage = "distill into itself" + (f", {count} generations" if count > 1 else "")
        model, histories = load_model(self.context.store, self.inputs.student), []
        best, most = model, self._accuracy(model)
        for generation in range(1, count + 1):
            teacher, model = model, keras.models.clone_model(model)
            history, _, end = self._learn(stack, model, teacher, stage, part=f"generation {generation}")
            histories.append(history)
            if end >= most or self.params.fit.keep == "last":
                best, most = model, end
        if best is not model:
            print(f"{stage}: the last generation is not the best; the best of all, the first student too, goes on")
        return self._described(best, None, stage, joined(histories, stage), 0.0)

    def _learn(
        self,
        stack: ExitStack,
        student: KerasModel,
        teacher: KerasModel,
        stage: str,
        *,
        part: str = "",
        callbacks: Sequence[Any] = (),
    ) -> tuple[TrainingHistory, float, float]:
        """Return the curves, and the student's validation accuracy before and after."""
        taught, start = (self._accuracy(model) for model in (teacher, student))
        print(f"{stage}: validation accuracy of the teacher {percent(taught)}, of the student before {percent(start)}")
        history = fit_model(
            student,
            self.data,
            self.params.fit,
            seed=self.context.seed,
            stage=stage,
            teacher=teacher,
            distillation=self.params.distillation,
            callbacks=callbacks,
            checkpoint=stack.enter_context(checkpoint_of(self.context, part)),
        )
        end = self._accuracy(student)
        print(
            f"{stage}: validation accuracy of the teacher {percent(taught)}, "
            f"of the student {percent(start)} -> {percent(end)}"
        )
        return history, start, end

    def _accuracy(self, model: KerasModel) -> float:
        return accuracy(predict_logits(model, self.data.validation_images), self.data.validation_labels)

    def _described(
        self,
        student: KerasModel,
        before: Model | None,
        stage: str,
        history: TrainingHistory,
        zeros_before: float,
    ) -> Model:
        result = describe(self.context.store, student, self.data, before=before, stage=stage, history=history)
        was = before or self.inputs.teacher
        print(savings(stage, was, result, zeros_before=zeros_before, zeros_after=sparsity(student)))
        return result
