"""What becomes of all inputs of a batch inside the training step, each by its modality.

    as stored ──► [for_graph] ──► batch ──► [model_inputs] ──► as the model takes them ──► [augment] ──► random views
                                  └──────────────────── inside the compiled step ─────────────────────────────┘

A modality without a TensorFlow side has no views, and its examples are made ready before the step. Student and teacher
see the same view. All inputs take the same seed, so that what is mixed is mixed alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.dataset import Dataset, sole
from featherline.tasks.contracts.fit import Fit
from featherline.tasks.contracts.modalities.parameters import Augmentation
from featherline.tasks.contracts.preprocessing import Preprocessing
from featherline.tasks.contracts.refusal import examples, refuse
from featherline.tasks.modalities.feeding import background, prepared
from featherline.tasks.modalities.opening_views import open_views
from featherline.tasks.modalities.protocol import Space, View, Views


@dataclass(frozen=True)
class InputViews:
    """What makes views of the inputs of a data set.

    Attributes:
        modalities: Of each input, by its name; those of inputs that are not named are seen as they are.
        background: What the mean of the data became, by input: what a view shows where there is nothing of the example.
        preprocessing: Of the model, by input; what has none is as the model takes it already.
        dtypes: Of the inputs as they are stored, by name.
        largest: Stored value of each input, by name.
    """

    modalities: Mapping[str, str] = field(default_factory=dict)
    background: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    preprocessing: Mapping[str, Preprocessing] = field(default_factory=dict)
    dtypes: Mapping[str, str] = field(default_factory=dict)
    largest: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, dataset: Dataset, preprocessing: Mapping[str, Preprocessing]) -> InputViews:
        """Return those of a data set for a model that is fed by this preprocessing."""
        return cls(
            {name: spec.modality for name, spec in dataset.inputs.items()},
            background(preprocessing, dataset),
            preprocessing,
            {name: spec.dtype for name, spec in dataset.inputs.items()},
            {name: spec.statistics.scale for name, spec in dataset.inputs.items()},
        )

    @cached_property
    def _makers(self) -> dict[str, Views]:
        opened = {name: open_views(modality) for name, modality in self.modalities.items()}
        return {name: views for name, views in opened.items() if views is not None}

    @cached_property
    def _in_graph(self) -> Mapping[str, Preprocessing]:
        """Return the preprocessing of the inputs that stay as they are stored until inside the step."""
        return {name: how for name, how in self.preprocessing.items() if name in self._makers}

    def for_graph(self, stored: Mapping[str, NDArray[Any]]) -> Any:  # noqa: ANN401 - an array or a dict of them
        """Return examples as the step takes them: of a sole input the array, of several a dict."""
        before = {name: how for name, how in self.preprocessing.items() if name not in self._in_graph}
        return sole({**stored, **prepared(stored, before)})

    def dtypes_in_graph(self, specs: Any) -> dict[str, Any]:  # noqa: ANN401 - of TensorFlow
        """Return the dtype of each input as the step takes it.

        Args:
            specs: What a network is fed: a signature, or a dict of several.
        """
        fed = self._by_input(specs)
        return {name: self.dtypes[name] if name in self._in_graph else spec.dtype for name, spec in fed.items()}

    def model_inputs(self, inputs: Any) -> Any:  # noqa: ANN401 - tensors
        """Return what `for_graph` gave as the model takes it; inside the step."""
        fed = self._by_input(inputs)
        made = {name: self._makers[name].model_input(fed[name], how) for name, how in self._in_graph.items()}
        return sole({**fed, **made})

    def moves(self, fit: Fit) -> bool:
        """Return whether views differ from epoch to epoch."""
        return any(views.moves(fit) for views in self._makers.values())

    def check(self, fit: Fit, specs: Any) -> None:  # noqa: ANN401 - of TensorFlow
        """Refuse views that cannot be had of what a network is fed: a signature, or a dict of several."""
        for name, spec in self._by_input(specs).items():
            if name in self._makers:
                self._makers[name].check(fit, tuple(spec.shape[1:]))
        self._check_of_some_modality(fit)
        without = [name for name in self.modalities if name not in self._makers]
        if without and fit.mixup:
            raise refuse(
                f"the input {without[0]} cannot be mixed",
                expected=f"fit.mixup: 0 for inputs of the modality {self.modalities[without[0]]}, which has no views",
                got=f"{fit.mixup:g}",
                fix="leave fit.mixup out",
            )

    def _check_of_some_modality(self, fit: Fit) -> None:
        """Refuse random views that a recipe asks for and no input can have."""
        defaults = {key: field.default for key, field in Augmentation.model_fields.items()}
        asked = [key for key, default in defaults.items() if getattr(fit, key) != default]
        if asked and self.modalities and not self._makers:
            raise refuse(
                "the examples have no random views",
                expected=f"none of {examples(defaults)} for data of the modality "
                f"{' and '.join(sorted(set(self.modalities.values())))}",
                got=examples(f"{key}: {getattr(fit, key)}" for key in asked),
                fix=f"leave {' and '.join(asked)} out",
            )

    def augment(self, inputs: Any, seed: Any, fit: Fit) -> View:  # noqa: ANN401 - tensors
        """Return a random view of each example: of a sole input's array, or of a dict of several."""
        views = {
            name: self._makers[name].augment(values, seed, fit, self.background.get(name), self._space(name))
            if name in self._makers
            else View(values, None)
            for name, values in self._by_input(inputs).items()
        }
        shares = [view.share for view in views.values() if view.share is not None]
        return View(sole({name: view.inputs for name, view in views.items()}), shares[0] if shares else None)

    def _space(self, name: str) -> Space | None:
        known = name in self.preprocessing and name in self.largest
        return Space(self.preprocessing[name], self.largest[name]) if known else None

    def _by_input(self, fed: Any) -> Mapping[str, Any]:  # noqa: ANN401 - tensors or signatures
        return fed if isinstance(fed, Mapping) else dict.fromkeys(list(self.modalities)[:1] or [""], fed)
