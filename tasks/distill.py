"""Distill: train a student on what the float teacher thinks of every image, not on the labels alone.

    prune ──► student ──┐
    train ──► teacher ──┴─► [distill] ──► student, after its lessons
              architecture ──► a student built anew, where the recipe names one

Teacher and student see the same augmented view. The zeros of a sparse student stay zero. A killed
training goes on from its last checkpoint.

    python -m tasks distill --request request.json --result result.json --store var/store

Source: Hinton et al. 2015, https://arxiv.org/abs/1503.02531; Beyer et al. 2022, https://arxiv.org/abs/2106.05237
(the same view, patiently)
"""

from __future__ import annotations

from tasks.context import Context
from tasks.contracts.artifacts import Dataset
from tasks.contracts.lane import DistillInputs, DistillOutputs, DistillParams
from tasks.framework import keras
from tasks.model_files import load_model
from tasks.pruning.zeros import KeepZeros, sparsity
from tasks.savings import savings
from tasks.training.checkpoint import checkpoint_of
from tasks.training.data import load_training_data
from tasks.training.describe import describe
from tasks.training.loop import fit_model
from tasks.training.metrics import accuracy, predict_logits
from tasks.zoo.build import build


def distill(inputs: DistillInputs, params: DistillParams, context: Context) -> DistillOutputs:
    """Train the student with the teacher's logits.

    Raises:
        Refused: The architecture cannot be built, or the training diverges.
        AssertionError: A weight of a sparse student that was zero is not zero any more.
    """
    keras.utils.set_random_seed(context.seed)
    teacher = load_model(context.store, inputs.teacher)
    dataset = context.store.read(inputs.data, Dataset)
    fraction = params.fit.train_fraction
    data = load_training_data(context.store, dataset, train_fraction=fraction, seed=context.seed)
    if params.architecture is None:
        before, student = inputs.student, load_model(context.store, inputs.student)
        stage = "distill"
    else:
        before, student = None, build(params.architecture, data.image_shape, data.classes)
        stage = f"distill into a new {params.architecture.builder}"
    taught = accuracy(predict_logits(teacher, data.validation_images), data.validation_labels)
    start = accuracy(predict_logits(student, data.validation_images), data.validation_labels)
    print(f"{stage}: validation accuracy of the teacher {taught:.4f}, of the student before {start:.4f}")
    zeros = KeepZeros(student) if before is not None and before.sparsity != "none" else None
    zeros_before = sparsity(student)
    with checkpoint_of("distill", inputs, params, context) as checkpoint:
        history = fit_model(
            student,
            data,
            params.fit,
            seed=context.seed,
            stage=stage,
            teacher=teacher,
            knowledge=params.knowledge,
            callbacks=[zeros] if zeros else (),
            checkpoint=checkpoint,
        )
        if zeros:
            zeros.check()
        result = describe(context.store, student, data, before=before, stage=stage, history=history)
    print(
        f"{stage}: validation accuracy of the teacher {taught:.4f}, "
        f"of the student {start:.4f} -> {result.validation_accuracy:.4f}"
    )
    print(savings(stage, before or inputs.teacher, result, zeros_before=zeros_before, zeros_after=sparsity(student)))
    return DistillOutputs(model=result)
