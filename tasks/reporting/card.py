"""The model card: Markdown in the layout of Hugging Face's model cards, which registries and app teams read.

facts ──► front matter (YAML) + templates/card.md ──► card
"""

from __future__ import annotations

import html
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tasks.contracts.gate import ReportParams
from tasks.contracts.request import Provenance
from tasks.reporting import words
from tasks.reporting.facts import Facts
from tasks.reporting.notes import how_made, limitations, provenance
from tasks.reporting.page import TEMPLATES, headline

MOST_CLASSES = 24
"""Class names that the snippet spells out; of more it returns the number."""


def render_card(facts: Facts, params: ReportParams, made_by: Provenance, seed: int) -> str:
    """Return the model card as Markdown. Equal facts give equal bytes; names from outside cannot add markup."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=False,  # noqa: S701 - Markdown, whose outside words go through `plain`
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
        plain=plain,
    )
    norm = facts.dataset.normalisation
    return environment.get_template("card.md").render(
        front_matter=front_matter(facts, params),
        facts=facts,
        params=params,
        made_by=made_by,
        seed=seed,
        headline=headline(facts),
        limitations=[plain(item) for item in limitations(facts)],
        provenance=provenance(facts),
        classes=list(facts.dataset.classes) if len(facts.dataset.classes) <= MOST_CLASSES else None,
        scale=norm.scale,
        mean=[round(value, 7) for value in norm.mean],
        std=[round(value, 7) for value in norm.std],
        splits={name: split.count for name, split in facts.dataset.splits.items()},
    )


def front_matter(facts: Facts, params: ReportParams) -> str:
    """Return the YAML between the dashes: what registries index."""
    measured = facts.measured
    metrics = [{"type": "accuracy", "name": "accuracy", "value": round(measured.accuracy, 6)}]
    dataset = {"name": facts.dataset.name, "type": facts.dataset.name, "split": "test"}
    known: dict[str, Any] = {
        "license": params.licence or None,
        "library_name": "litert",
        "pipeline_tag": "image-classification",
        "tags": ["litert", "tflite", "image-classification", "on-device", measured.scheme],
        "datasets": [facts.dataset.name],
        "metrics": ["accuracy"],
        "model-index": [
            {
                "name": params.title,
                "results": [
                    {
                        "task": {"type": "image-classification"},
                        "dataset": dataset,
                        "metrics": metrics,
                    }
                ],
            }
        ],
    }
    given = {key: value for key, value in known.items() if value is not None}
    return str(yaml.safe_dump(given, sort_keys=False, allow_unicode=True, width=1000)).strip()


def plain(text: object) -> str:
    """Return words from outside on one line and without markup of HTML or of a Markdown table."""
    return html.escape(" ".join(str(text).split()), quote=False).replace("|", "\\|")
