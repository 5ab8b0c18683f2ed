"""The contracts of the step `dry_run`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from featherline.tasks.contracts.auto import Auto
from featherline.tasks.contracts.base import Contract, Name
from featherline.tasks.contracts.candidate import CandidateTemplate, Infeasible
from featherline.tasks.contracts.external_state import BuilderModule, External, FilesAt, files_at
from featherline.tasks.contracts.model import Architecture
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.step import Params
from featherline.tasks.contracts.steps.export import ExportParams
from featherline.tasks.contracts.steps.search import SearchSpace
from featherline.tasks.contracts.transfer import NewHead


class DryRunInputs(Contract):
    """The data, of which only the shapes count."""

    data: DatasetRef


class DryRunParams(Params):
    """What the run is going to train and to compress."""

    architecture: Architecture | None = Field(None, description="Of the float baseline.")
    file: str | None = Field(None, description="The model file that the baseline starts from.")
    head: NewHead | None = Field(None, description="Takes the place of that file's own.")
    space: SearchSpace | None = Field(None, description="Of the architecture search.")
    candidates: dict[Name, CandidateTemplate] = {}
    auto: Auto | None = Field(None, description="Candidates to propose beside them; their presets are tried.")
    export: ExportParams = ExportParams()

    def external_state(self, inputs: Any) -> tuple[External, ...]:  # noqa: ANN401, ARG002
        """Return the user's own builders, model file and teachers."""
        templates = [template.model_dump() for template in self.candidates.values()]
        own = [part.builder for part in (self.architecture, self.space) if part]
        builders = sorted({*own, *_named(templates, "builder")})
        teachers = sorted(_named(templates, "teacher"))
        return (
            *files_at("file", self.file),
            *(BuilderModule(f"{builder} builder", builder) for builder in builders),
            *(FilesAt(source, source) for source in teachers),
        )


class DryRunOutputs(Contract):
    """Candidates that cannot be had from this network, each with the reason."""

    infeasible: tuple[Infeasible, ...] = ()


def _named(section: Any, key: str) -> Iterator[str]:  # noqa: ANN401 - of a recipe
    """Yield what stands under a key anywhere in a section; a value to search over names several."""
    if isinstance(section, list):
        for item in section:
            yield from _named(item, key)
    if not isinstance(section, dict):
        return
    for name, value in section.items():
        if name == key:
            options = value["search"] if isinstance(value, dict) and "search" in value else [value]
            yield from (option for option in options if isinstance(option, str))
        yield from _named(value, key)
