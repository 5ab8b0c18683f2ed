"""Which layers of a file learn in which epoch: frozen at first, then thawed, a few at a time.

    epoch 0        frozen  frozen  frozen  head
    after 3        frozen  frozen  learns  head         each phase begins with fresh optimizers
    after 6        learns  learns  learns  head

A layer that was frozen at the beginning keeps the statistics of its batch normalisation to the end, also once it is
thawed: it normalises as it does after training, and only its scale and shift learn (Keras' rule for fine-tuning, since
statistics of other examples would undo at a stroke what the weights were trained with).

Optimizers begin anew with each thaw: the moments of Adam are corrected by the number of steps, which is another one for
a variable that comes later; its first steps would be several times too long.

Source: Howard and Ruder 2018, section 3.3, https://arxiv.org/abs/1801.06146; https://keras.io/guides/transfer_learning
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, Self

from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.contracts.transfer import Freezing, Thaw
from featherline.tasks.networks.framework import KerasLayer, KerasModel, Tensor
from featherline.tasks.networks.transfer.layers import named, with_weights
from featherline.tasks.training.parameter_groups import ParameterGroup


class Phase(NamedTuple):
    """Epochs in which the same layers learn.

    Attributes:
        begins: Epochs that are done by then.
        frozen: The layers that do not learn.
    """

    begins: int
    frozen: frozenset[str]


@dataclass(frozen=True)
class Thawing:
    """What learns when.

    Attributes:
        model: Flat.
        phases: The first begins with the training.
        head: Its layers learn at the whole rate.
        pretrained_rate: Factor of the rate for all others.
    """

    model: KerasModel
    phases: tuple[Phase, ...]
    head: frozenset[str] = frozenset()
    pretrained_rate: float = 1.0

    @classmethod
    def of(cls, model: KerasModel, file: str, frozen: Sequence[str], freezing: Freezing, head: Collection[str]) -> Self:
        """Return what a recipe asks of a model whose layers `frozen` are frozen at first.

        Raises:
            Refused: More layers are to thaw than are frozen, or some that are not.
        """
        phases = [Phase(0, frozenset(frozen))]
        for thaw in freezing.thaw:
            left = [name for name in frozen if name in phases[-1].frozen]
            phases.append(Phase(thaw.after, phases[-1].frozen - set(_thawed(file, left, thaw))))
        return cls(model, tuple(phases), frozenset(head), freezing.pretrained_rate or 1.0)

    @property
    def last(self) -> int:
        """Return the epochs that are done when the last layers thaw."""
        return self.phases[-1].begins

    def number(self, epoch: int) -> int:
        """Return which phase an epoch belongs to."""
        return max(number for number, phase in enumerate(self.phases) if phase.begins <= epoch)

    def groups(self, number: int) -> list[ParameterGroup]:
        """Return what learns in a phase, at which part of the rate."""
        learning = [layer for layer in with_weights(self.model) if layer.name not in self.phases[number].frozen]
        of_file = [each for layer in learning if layer.name not in self.head for each in learnable(layer)]
        of_head = [each for layer in learning if layer.name in self.head for each in learnable(layer)]
        if self.pretrained_rate == 1:
            return [ParameterGroup([each for layer in learning for each in learnable(layer)])]
        groups = (ParameterGroup(of_head), ParameterGroup(of_file, self.pretrained_rate))
        return [group for group in groups if group.variables]

    def in_words(self, number: int) -> str:
        """Return what learns in a phase, for people."""
        frozen = [self.model.get_layer(name).count_params() for name in self.phases[number].frozen]
        whole = self.model.count_params()
        rate = f"; what the file brought learns at {self.pretrained_rate:g} of the rate"
        return f"{len(frozen)} layers with {sum(frozen):,} of {whole:,} weights are frozen" + (
            rate if self.pretrained_rate != 1 else ""
        )

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let the layers that are frozen at first keep their statistics within the block; then none is frozen."""
        layers = [self.model.get_layer(name) for name in self.phases[0].frozen]
        for layer in layers:
            layer.trainable = False
        try:
            yield
        finally:
            for layer in layers:
                layer.trainable = True


def learnable(layer: KerasLayer) -> list[Tensor]:
    """Return the variables of a layer that could learn, were it not frozen: no statistics."""
    return [weight for weight in layer.weights if weight.trainable]


def _thawed(file: str, left: Sequence[str], thaw: Thaw) -> Sequence[str]:
    """Return which of the layers that are still frozen thaw."""
    if not left or (isinstance(thaw.layers, int) and thaw.layers > len(left)):
        raise refuse(
            f"{file} has fewer frozen layers than are to thaw after {thaw.after} epochs",
            expected=f"train.thaw.layers of at most {len(left)}, which are frozen still",
            got=str(thaw.layers),
            fix="leave layers out of the last thaw for all that are left" if left else "leave this thaw out",
        )
    if isinstance(thaw.layers, int):
        return left[-thaw.layers :]
    return left if thaw.layers == "all" else named(left, file, thaw.layers, "train.thaw.layers, of those still frozen")
