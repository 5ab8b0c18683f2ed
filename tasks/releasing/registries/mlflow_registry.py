"""The registry on an MLflow server: registered models, versions, aliases and tags, as MLflow's own UI shows them.

    version 3   tags: sha256, release_uri, measurement, quality, …   source: models:/m-… (a LoggedModel with its files)
    model       aliases: challenger, champion                         tag featherline.moves.champion: where it was

MLflow has no compare-and-set: between the look at an alias and its move there are milliseconds in which another mover
can be overwritten. A version is made once for a model: it is looked for by its tag `sha256` first.
"""

from __future__ import annotations

import builtins
import json
from typing import Any

from pydantic import TypeAdapter, ValidationError

from featherline.tasks.contracts.references import Champion, MeasurementRef
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.contracts.safe_text import markdown_text
from featherline.tasks.releasing.registries.mlflow_server import MlflowError, MlflowServer
from featherline.tasks.releasing.registries.registry import CHAMPION, AliasMovedError, Move, Submission, Version

MEASUREMENT = "measurement"
"""The tag that holds the reference to the measurement."""
MOVES = "featherline.moves"
KEPT_MOVES = 50
"""Of each alias; a tag holds at least 5,000 characters."""

MOVE_LIST = TypeAdapter(tuple[Move, ...])


class MlflowRegistry:
    """A registry on an MLflow server, 3.0 or later."""

    def __init__(self, address: str) -> None:
        """Use the server at this http:// or https:// address; nothing is asked of it yet."""
        self.given = address
        self.server = MlflowServer(address)
        self.address = self.server.address

    def health(self) -> None:
        """See that the server answers and lets us in."""
        self.server.get("registered-models/search", max_results=1)

    def find(self, name: str, model_sha256: str) -> Version | None:
        """Return the version that holds this very model, or None."""
        versions = self._search(f"name = '{name}' and tags.sha256 = '{model_sha256}'")
        return versions[0] if versions else None

    def register(self, submission: Submission) -> Version:
        """Return the version that holds the submission's model, made unless it is there."""
        release = submission.release
        known = self.find(release.name, release.model_sha256)
        if known:
            return known
        from featherline.tasks.releasing.registries.mlflow_upload import upload  # noqa: PLC0415 - 1.6 s that only a new version costs

        try:
            description = "Compressed by Featherline; its aliases say which version apps are given."
            self.server.post("registered-models/create", name=release.name, description=description)
        except MlflowError as error:
            if error.code != "RESOURCE_ALREADY_EXISTS":
                raise
        source, run_id = self.server.waiting(lambda: upload(self.given, submission))
        tags = submission.tags() | {MEASUREMENT: submission.measurement_ref.to_json().decode()}

        def create() -> Version:
            """Make the version, unless an earlier try made it and its answer was lost."""
            there = self.find(release.name, release.model_sha256)
            if there:
                return there
            made = self.server.post_once(
                "model-versions/create",
                name=release.name,
                source=source,
                run_id=run_id,
                model_id=source.removeprefix("models:/"),
                tags=[{"key": key, "value": value} for key, value in tags.items()],
                description=markdown_text(
                    f"{submission.measurement.candidate}, {submission.measurement.scheme}: {release.uri}"
                ),
            )
            return self._version(made["model_version"])

        return self.server.waiting(create)

    def get(self, name: str, reference: str) -> Version | None:
        """Return a version by its number, or by `@alias`; None where there is none."""
        number = self.aliases(name).get(reference.removeprefix("@")) if reference.startswith("@") else reference
        if number is None or not number.isdecimal():
            return None
        answer = self.server.find("model-versions/get", name=name, version=number)
        return self._version(answer["model_version"]) if answer else None

    def list(self, name: str) -> tuple[Version, ...]:
        """Return all versions that Featherline made of a model, the first one first."""
        return self._search(f"name = '{name}' and tags.{MEASUREMENT} LIKE '%'")

    def champion(self, name: str) -> Champion | None:
        """Return what holds the alias champion, or None."""
        version = self.get(name, f"@{CHAMPION}")
        return version.champion() if version else None

    def aliases(self, name: str) -> dict[str, str]:
        """Return the version that each alias points at, by alias."""
        return {item["alias"]: str(item["version"]) for item in self._model(name).get("aliases", [])}

    def set_alias(self, name: str, alias: str, move: Move, *, expected: str | None) -> None:
        """Point an alias at a version and remember the move. Raises AliasMovedError where another one holds it."""
        holder = self.aliases(name).get(alias)
        if holder != expected:
            raise AliasMovedError(f"{alias} of {name}: expected at version {expected}, found at {holder}")
        moves = self.moves(name, alias)
        if not moves or moves[-1] != move:  # a retry finds the move written and the alias where it was
            kept = [item.model_dump() for item in (*moves, move)[-KEPT_MOVES:]]
            value = json.dumps(kept)
            self.server.post("registered-models/set-tag", name=name, key=f"{MOVES}.{alias}", value=value)
        self.server.post("registered-models/alias", name=name, alias=alias, version=move.version)

    def moves(self, name: str, alias: str) -> tuple[Move, ...]:
        """Return where an alias was, the first move first."""
        tags = {item["key"]: item["value"] for item in self._model(name).get("tags", [])}
        value = tags.get(f"{MOVES}.{alias}")
        return MOVE_LIST.validate_json(value) if value else ()

    def set_tags(self, name: str, version: str, tags: dict[str, str]) -> None:
        """Add tags to a version; of a tag that is there the value changes."""
        for key, value in tags.items():
            self.server.post("model-versions/set-tag", name=name, version=version, key=key, value=value)

    def _model(self, name: str) -> dict[str, Any]:
        answer = self.server.find("registered-models/get", name=name)
        model: dict[str, Any] = answer["registered_model"] if answer else {}
        return model

    def _search(self, condition: str) -> tuple[Version, ...]:
        listed: builtins.list[dict[str, Any]] = []
        token = ""
        while True:
            page = self.server.get("model-versions/search", filter=condition, max_results=200, page_token=token)
            listed += page.get("model_versions", [])
            token = page.get("next_page_token", "")
            if not token:
                return tuple(self._version(item) for item in sorted(listed, key=lambda item: int(item["version"])))

    def _version(self, item: dict[str, Any]) -> Version:
        tags = {tag["key"]: tag["value"] for tag in item.get("tags", [])}
        try:
            return Version(
                name=item["name"],
                version=str(item["version"]),
                model_sha256=tags.get("sha256", ""),
                release_uri=tags.get("release_uri", ""),
                measurement=MeasurementRef.model_validate_json(tags.get(MEASUREMENT, "")),
                tags={key: value for key, value in tags.items() if key != MEASUREMENT},
            )
        except ValidationError:
            raise refuse(
                f"version {item['version']} of {item['name']} was not registered by Featherline",
                expected=f"the tags sha256, release_uri and {MEASUREMENT}, which `register` writes",
                got=f"tags: {', '.join(sorted(tags)) or 'none'}",
                fix=f"move or delete the alias that points at it in {self.address}, or give the release another name",
            ) from None
