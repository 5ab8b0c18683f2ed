"""What a recipe asks of a file's layers that cannot be, or would be in vain: told before the file is read."""

from __future__ import annotations

from collections.abc import Iterator

from featherline.tasks.contracts.recipe import Recipe
from featherline.tasks.contracts.refusal import Problem


def check_transfer(recipe: Recipe) -> Iterator[Problem]:
    """Yield each rule that the sections model and train break together."""
    model, train = recipe.model, recipe.train
    asked = train.freezing().asked
    if model.file is None:
        for name in asked:
            yield Problem(
                f"recipe {recipe.name} cannot take train.{name}",
                "model.file: what is built has fresh weights, and all of them must learn",
                f"model.builder {model.builder}",
                f"leave train.{name} out, or begin with a file",
            )
        return
    if train.epochs == 0 and model.head is not None:
        yield Problem(
            f"recipe {recipe.name} would leave the new head untrained",
            "at least 1 epoch (train.epochs) beside model.head: its weights are fresh",
            "train.epochs 0",
            "raise train.epochs, or leave model.head out where the file ends as the data need",
        )
    elif train.epochs == 0:
        for name in asked:
            yield Problem(
                f"recipe {recipe.name} has nothing to do for train.{name}",
                "at least 1 epoch (train.epochs): with 0 the file is taken as it is",
                "train.epochs 0",
                f"raise train.epochs, or leave train.{name} out",
            )
    else:
        yield from _in_vain(recipe)


def _in_vain(recipe: Recipe) -> Iterator[Problem]:
    """Yield what the epochs or the end of the file leave no room for."""
    epochs = recipe.train.epochs
    for after in recipe.train.freezing().beyond(epochs):
        yield Problem(
            f"recipe {recipe.name} would thaw layers when its training is over",
            f"train.thaw.after below train.epochs, {epochs}",
            f"after {after}",
            "thaw earlier, or raise train.epochs",
        )
    if recipe.train.pretrained_rate is not None and recipe.model.head is None:
        yield Problem(
            f"recipe {recipe.name} cannot take train.pretrained_rate",
            "model.head beside it: without a new head the file brought everything, and train.learning_rate is its rate",
            f"{recipe.train.pretrained_rate:g}, and no model.head",
            "set model.head: new, or lower train.learning_rate and leave train.pretrained_rate out",
        )
