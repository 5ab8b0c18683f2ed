"""Distill: train a student on what a float teacher thinks of every example, not on the labels alone.

    prune ──► student ──┐
    train ──► teacher ──┴─► [distill] ──► student, after distillation     (logits)
              architecture ──► a student built anew, where the recipe names one
              file ──► another teacher, where the recipe names one
    prune ──► student ──► teacher of its own fresh copy ──► …            (self)

Teacher and student see the same augmented view. The zeros of a sparse student stay zero. Where distillation makes a
student worse on the validation split, it stays unchanged. A killed training goes on from its last checkpoint.

    python -m featherline.tasks distill --request request.json --result result.json --store var/store

Source: Hinton et al. 2015, https://arxiv.org/abs/1503.02531; Beyer et al. 2022, https://arxiv.org/abs/2106.05237
(the same view, patiently); Furlanello et al. 2018, https://arxiv.org/abs/1805.04770 (born again)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from featherline.tasks.contracts.model import Model, TrainingHistory
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.contracts.steps.distill import DistillInputs, DistillOutputs, DistillParams
from featherline.tasks.modalities.feeding import preprocessing_of
from featherline.tasks.networks.framework import KerasModel, keras
from featherline.tasks.networks.model_files import load_model
from featherline.tasks.networks.zeros import KeepZeros, sparsity
from featherline.tasks.networks.zoo.build import build
from featherline.tasks.problems.opening import open_problem
from featherline.tasks.running.context import Context
from featherline.tasks.training.foreign_preprocessing import preprocessing_of_built
from featherline.tasks.training.history import joined
from featherline.tasks.training.measured import validation_quality
from featherline.tasks.training.session import TrainingSession
from featherline.tasks.training.teachers import find_teacher


def distill(inputs: DistillInputs, params: DistillParams, context: Context) -> DistillOutputs:
    """Train the student with the teacher's distillation.

    Raises:
        Refused: The architecture cannot be built, the teacher cannot be read, a sparse student is to start from
            fresh weights, or the training diverges.
        AssertionError: A weight of a sparse student that was zero is not zero any more.
    """
    with TrainingSession(inputs.data, context) as session:
        learn = _self_distilled if params.method == "self" else _distilled
        return DistillOutputs(model=learn(session, inputs, params))


def _distilled(session: TrainingSession, inputs: DistillInputs, params: DistillParams) -> Model:
    """Train the lane's student, or one built anew, with the baseline or the user's own file as teacher."""
    teacher = find_teacher(params, inputs.teacher, session.dataset, session.store)
    if params.architecture is None:
        before, stage, student = inputs.student, "distill", load_model(session.store, inputs.student)
        own = preprocessing_of(before, session.dataset)
    else:
        before, stage = None, f"distill into a new {params.architecture.builder}"
        student = build(
            params.architecture,
            session.dataset.input_shape,
            open_problem(session.dataset.problem).answers(session.dataset.vocabulary),
        )
        own = preprocessing_of_built(student, params.preprocessing, session.dataset)
    session.feed(own, params.fit.train_fraction)
    session.learn_from(teacher.seen_from(session.data), params.distillation)
    zeros = KeepZeros(student) if before is not None and before.sparsity != "none" else None
    zeros_before, weights = sparsity(student), student.get_weights()
    history, start, end = _learn(session, student, params, stage, callbacks=[zeros] if zeros else ())
    worse = session.data.problem.quality.drop(start, end) > 0
    if before is not None and worse and params.fit.keep == "best":
        student.set_weights(weights)
        print(f"{stage}: distillation made the student worse; it keeps the weights that it had before")
    if zeros:
        zeros.check()
    compared = before or inputs.teacher
    return session.result(student, stage, history, before=before, compared_with=compared, zeros_before=zeros_before)


def _self_distilled(session: TrainingSession, inputs: DistillInputs, params: DistillParams) -> Model:
    """Train fresh copies of the lane's student, each with the one before as teacher."""
    if inputs.student.sparsity != "none":
        raise refuse(
            "distill cannot give a sparse student fresh weights",
            expected="a dense student for distill.method self: fresh weights have no zeros",
            got=f"a student with the zeros of {inputs.student.sparsity}",
            fix="set distill.method to logits, or prune.method to channel or none",
        )
    session.feed(preprocessing_of(inputs.student, session.dataset), params.fit.train_fraction)
    count = params.generations
    stage = "distill into itself" + (f", {count} generations" if count > 1 else "")
    model, histories = load_model(session.store, inputs.student), []
    best, most = model, _quality(session, model)
    for generation in range(1, count + 1):
        session.learn_from(model, params.distillation)
        model = keras.models.clone_model(model)
        history, _, end = _learn(session, model, params, stage, part=f"generation {generation}")
        histories.append(history)
        if session.data.problem.quality.drop(most, end) <= 0 or params.fit.keep == "last":
            best, most = model, end
    if best is not model:
        print(f"{stage}: the last generation is not the best; the best of all, the first student too, goes on")
    return session.result(best, stage, joined(histories, stage), compared_with=inputs.teacher)


def _learn(
    session: TrainingSession,
    student: KerasModel,
    params: DistillParams,
    stage: str,
    *,
    part: str = "",
    callbacks: Sequence[Any] = (),
) -> tuple[TrainingHistory, float, float]:
    """Return the curves, and the student's validation quality before and after."""
    metric = session.data.problem.quality
    of_teacher, start = (_quality(session, model) for model in (session.teacher, student))
    teacher = f"{stage}: validation {metric.name} of the teacher {metric.text(of_teacher)}"
    print(f"{teacher}, of the student before {metric.text(start)}")
    history = session.fit(student, params.fit, stage=stage, part=part, callbacks=callbacks)
    end = _quality(session, student)
    print(f"{teacher}, of the student {metric.text(start)} -> {metric.text(end)}")
    return history, start, end


def _quality(session: TrainingSession, model: KerasModel) -> float:
    return validation_quality(model, session.data)
