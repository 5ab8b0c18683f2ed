"""The model card: Markdown in the layout of Hugging Face's model cards, which registries and app teams read.

facts ──► front matter (YAML) + templates/card.md ──► card
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from featherline.tasks.contracts import words
from featherline.tasks.contracts.dataset import Shape
from featherline.tasks.contracts.model import TensorSpec
from featherline.tasks.contracts.preprocessing import Resize
from featherline.tasks.contracts.request import Provenance
from featherline.tasks.contracts.safe_text import card_value, markdown_code, markdown_text, visible
from featherline.tasks.contracts.steps.report import ReportParams
from featherline.tasks.data.intake_words import intake_rows
from featherline.tasks.modalities.feeding import in_words, preprocessing_of
from featherline.tasks.modalities.image import resizing
from featherline.tasks.reporting.classes import figures_of_classes
from featherline.tasks.reporting.early import Early
from featherline.tasks.reporting.facts import Facts
from featherline.tasks.reporting.notes import how_made, limitations, provenance
from featherline.tasks.reporting.page import TEMPLATES, headline

MOST_CLASSES = 24
"""Class names that the snippet spells out; of more it returns the number."""


def render_card(facts: Facts, params: ReportParams, made_by: Provenance, seed: int) -> str:
    """Return the model card as Markdown. Equal facts give equal bytes; names from outside cannot add markup."""
    fed = preprocessing_of(facts.winner.model.source, facts.dataset)
    own, spec = next(iter(fed.values())), next(iter(facts.dataset.inputs.values()))
    of_one_image = _classifies_images(facts)
    ends = facts.winner.model.ends
    return (
        _environment()
        .get_template("card.md")
        .render(
            front_matter=_ours(front_matter(facts, params)),
            facts=facts,
            params=params,
            made_by=made_by,
            seed=seed,
            headline=headline(facts),
            limitations=limitations(facts),
            provenance=provenance(facts),
            by_class=figures_of_classes(facts),
            intake=intake_rows(facts.dataset),
            classes=_ours(visible(list(facts.dataset.vocabulary), None))
            if len(facts.dataset.vocabulary) <= MOST_CLASSES
            else None,
            kind="An image classifier" if of_one_image else "A model",
            takes=_said(ends.inputs),
            gives=_said(ends.outputs),
            fed=[(name, in_words({name: how})) for name, how in fed.items()],
            shape=_ours(list(spec.shape)) if of_one_image else None,
            largest=spec.statistics.scale,
            scale=own.scale,
            mean=_ours([round(value, 7) for value in own.mean]),
            std=_ours([round(value, 7) for value in own.std]),
            turned=own.channel_order == "bgr",
            preprocessing=own,
            resizing=None if own.resize is None else _ours(resizing.in_words(own.resize)),
            resize_code=_ours("\n    ".join(_resize_code(own.resize, spec.shape)) if of_one_image else ""),
            splits={name: split.count for name, split in facts.dataset.splits.items()},
        )
    )


def _resize_code(how: Resize | None, shape: Shape) -> tuple[str, ...]:
    """Return the lines of the snippet that bring an image of any size to the model's; none where none is said."""
    if how is None:
        return ()
    height, width, channels = shape
    grey = channels == 1
    convert = f'image = image.convert("{"L" if grey else "RGB"}")'
    return convert, *resizing.as_code(how, (height, width)), "return np.asarray(image)" + "[..., np.newaxis]" * grey


def render_nothing(facts: Facts | Early, params: ReportParams, made_by: Provenance, seed: int) -> str:
    """Return what stands in the card's place where there is no model: why, and how far each candidate was from it."""
    template = _environment().get_template("nothing.md")
    return template.render(facts=facts, params=params, made_by=made_by, seed=seed)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=False,  # noqa: S701 - Markdown, all of whose words go through `card_value`
        finalize=card_value,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        size=words.size,
        count=words.count,
        percent=words.percent,
        points=words.points,
        ms=words.milliseconds,
        uj=words.microjoules,
        made=how_made,
        prose=prose,
        plain=plain,
        code=code,
        listed=listed,
    )
    return environment


def _classifies_images(facts: Facts) -> bool:
    """Return whether the card can say it in the words of image classification: one image in, one class out."""
    return [spec.modality for spec in facts.dataset.inputs.values()] == ["image"] and bool(facts.dataset.vocabulary)


def _said(ends: Mapping[str, TensorSpec]) -> list[str]:
    """Return inputs or outputs in words, such as `sound (16000 of int8)`."""
    return [f"{name} ({'x'.join(map(str, end.shape)) or 'one'} of {end.dtype})" for name, end in ends.items()]


def front_matter(facts: Facts, params: ReportParams) -> str:
    """Return the YAML between the dashes: what registries index."""
    measured = facts.measured
    metrics = [{"type": facts.metric.name, "name": facts.metric.name, "value": round(measured.quality.value, 6)}]
    dataset = {"name": facts.dataset.name, "type": facts.dataset.name, "split": "test"}
    task = "image-classification" if _classifies_images(facts) else None
    known: dict[str, Any] = {
        "license": params.licence or None,
        "library_name": "litert",
        "pipeline_tag": task,
        "tags": ["litert", "tflite", *([task] if task else []), "on-device", measured.scheme],
        "datasets": [facts.dataset.name],
        "metrics": [facts.metric.name],
        "model-index": [
            {
                "name": params.title,
                "results": [
                    {
                        "task": {"type": task or "other"},
                        "dataset": dataset,
                        "metrics": metrics,
                    }
                ],
            }
        ],
    }
    given = {key: value for key, value in known.items() if value is not None}
    return str(yaml.safe_dump(given, sort_keys=False, allow_unicode=True, width=1000)).strip()


def prose(text: str) -> Markup:
    """Return what a person wrote, several lines of it too, as one paragraph."""
    return _ours(markdown_text(" ".join(text.split()), None))


def plain(text: object) -> Markup:
    """Return words from outside on one line, as letters."""
    return _ours(markdown_text(text))


def code(text: object) -> Markup:
    """Return words from outside between backticks, where they leave them whole."""
    return _ours(markdown_code(text))


def listed(names: Iterable[object]) -> Markup:
    """Return names from outside with commas between them."""
    return _ours(", ".join(map(markdown_text, names)))


def _ours(text: object) -> Markup:
    return Markup(str(text))  # noqa: S704 - Markdown of ours, in which what is foreign is escaped
