"""Network slimming: training with a penalty on the scales of batch normalisation, before channels are ranked by them.

    model ──► copy with L1 on every gamma ──► fit ──► its weights ──► model, ranked by bn_gamma

Without the penalty gammas say little: all are near where they began. With it those of channels that the network can do
without go to zero.

Source: Liu et al. 2017, section 3, equation 1, https://arxiv.org/abs/1708.06519
"""

from __future__ import annotations

from featherline.tasks.compression.pruning.section import Section
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.networks.framework import KerasLayer, KerasModel, keras
from featherline.tasks.networks.layer_kinds.table import kind_of


def with_gamma_penalty(model: KerasModel, strength: float, section: Section = "prune") -> KerasModel:
    """Return a copy of a flat functional model whose losses hold `strength` times the sum of all |gamma|.

    Raises:
        Refused: No batch normalisation of the model has a scale.
    """
    scaled = [layer for layer in model.layers if _has_scale(layer)]
    if not scaled:
        raise refuse(
            f"{section} finds no gammas to make small in {model.name}",
            expected=f"BatchNormalization layers with scale=True ({section}.slimming_epochs)",
            got="none",
            fix=f"set {section}.slimming_epochs to 0 and {section}.criterion to l2",
        )

    def penalised(layer: KerasLayer) -> KerasLayer:
        copy = type(layer).from_config(layer.get_config())
        if _has_scale(layer):
            copy.gamma_regularizer = keras.regularizers.L1(strength)
        return copy

    copy = keras.models.clone_model(model, clone_function=penalised)
    copy.set_weights(model.get_weights())
    return copy


def _has_scale(layer: KerasLayer) -> bool:
    kind = kind_of(layer)
    return kind is not None and kind.has_batch_statistics and bool(layer.scale)
