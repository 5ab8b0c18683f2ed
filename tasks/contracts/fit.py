"""How a network is fitted: what training, fine-tuning, distillation and quantization-aware training share."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from featherline.tasks.contracts.base import Contract, Fraction
from featherline.tasks.contracts.modalities.parameters import Augmentation
from featherline.tasks.contracts.problems.parameters import Balance

MOST_EPOCHS = 10_000
"""The learning rate of every step of a training is known before it starts, and takes memory."""


class Fit(Augmentation, Balance):
    """The parameters of the training loop."""

    epochs: int = Field(10, ge=0, le=MOST_EPOCHS, description="Passes over the train split.")
    batch_size: int = Field(128, gt=0, le=65_536, description="Examples a step.")
    optimizer: Literal["sgd", "adam"] = Field("adam", description="SGD has Nesterov momentum.")
    learning_rate: float = Field(1e-3, gt=0, le=1000, description="The peak of the schedule.")
    momentum: float = Field(0.9, ge=0, lt=1, description="Of SGD.")
    schedule: Literal["constant", "cosine", "one_cycle"] = Field(
        "cosine", description="Over all steps of the training."
    )
    weight_decay: float = Field(0.0, ge=0, le=1000, description="L2 factor on kernels, added to the loss.")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="Probability spread evenly over the vocabulary.")
    patience: int | None = Field(None, gt=0, description="Epochs without a better validation quality before it stops.")
    keep: Literal["best", "last"] = Field(
        "best",
        description="End with the weights of the best validation quality (of equals the later), or with the last; "
        "this where the network has learnt from the validation examples before.",
    )
    train_fraction: float = Field(1.0, gt=0, le=1, description="Part of the train split to use, stratified.")


DistillationLoss = Literal["kd", "dkd", "dist"]
"""Of logits; each is a row of `problems/classification/distillation_losses.py`."""


class DistillationSettings(Contract):
    """What a student learns from its teacher: `alpha * loss + (1 - alpha) * cross entropy + attention * maps`.

    Source: Hinton et al. 2015, section 2, https://arxiv.org/abs/1503.02531 (kd); Zhao et al. 2022,
    https://arxiv.org/abs/2203.08679 (dkd); Huang et al. 2022, https://arxiv.org/abs/2205.10536 (dist); Zagoruyko and
    Komodakis 2017, https://arxiv.org/abs/1612.03928 (attention)
    """

    loss: DistillationLoss = Field(
        "kd",
        description="kd: divergence of softened probabilities; dkd: the true class and the others apart; dist: "
        "correlation over outputs and over examples, for a teacher much stronger than its student.",
    )
    temperature: float = Field(4.0, gt=0, le=1000, description="T, softens both distributions.")
    alpha: Fraction = Field(0.9, description="Weight of the teacher's logits against the labels.")
    beta: float = Field(8.0, gt=0, le=1000, description="dkd: weight of the other answers against the true one.")
    cached_augmentations: int | None = Field(
        None,
        gt=0,
        le=MOST_EPOCHS,
        description="Different random augmentations of each example; they repeat after so many epochs, and without "
        "attention the teacher's logits are computed once for each. As many as epochs where not given.",
    )
    attention: float = Field(
        0.0,
        ge=0,
        le=1e9,
        description="Weight of attention transfer beside the logits, 1000 in its authors' code; 0: none.",
    )
