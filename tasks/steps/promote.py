"""Promote: verify a release, then move the alias `champion` to its version.

    version, release ──► verify ──► is the champion still the one we compared with? ──► [promote] ──► champion ──► 3

The move is remembered, so that `featherline rollback NAME` finds the way back. It always runs; where the alias is there
already it verifies the release and moves nothing.

    python -m featherline.tasks promote --request request.json --result result.json --store var/store
"""

from __future__ import annotations

from featherline.tasks.contracts.refusal import Refused, refuse
from featherline.tasks.contracts.steps.promote import PromoteInputs, PromoteOutputs, PromoteParams
from featherline.tasks.releasing.registries.opening import open_registry
from featherline.tasks.releasing.registries.registry import CHAMPION, ModelRegistry, Move
from featherline.tasks.releasing.releases.verification import verify
from featherline.tasks.running.context import Context


def promote(inputs: PromoteInputs, params: PromoteParams, context: Context) -> PromoteOutputs:
    """Move the alias, unless the champion changed since the gate compared with it.

    Raises:
        Refused: The release does not verify, the version is not of this model, the alias moved meanwhile, or the
            registry is out of reach.
    """
    registry = open_registry(context)
    wanted = inputs.registration
    _check_version(registry, inputs)
    verify(context.store, inputs.release, signature=params.verify_signature)
    holder = registry.aliases(wanted.name).get(params.alias)
    moved = wanted.model_copy(update={"alias": params.alias})
    if holder == wanted.version:
        print(f"{params.alias} of {wanted.name} is version {holder} already")
        return PromoteOutputs(registration=moved, done_before=True)
    compared = inputs.champion.version if inputs.champion else None
    if params.alias == CHAMPION and holder != compared:
        raise _moved_meanwhile(inputs, params, holder)
    registry.set_alias(wanted.name, params.alias, Move(version=wanted.version), expected=holder)
    print(f"{params.alias} of {wanted.name} is version {wanted.version}, before it {holder or 'none'}")
    return PromoteOutputs(registration=moved, replaced=holder, done_before=False)


def _check_version(registry: ModelRegistry, inputs: PromoteInputs) -> None:
    wanted, release = inputs.registration, inputs.release
    version = registry.get(wanted.name, wanted.version)
    expected = (release.name, release.model_sha256)
    if version is None or (version.name, version.model_sha256) != expected:
        got = f"{version.name} {version.model_sha256[:12]}" if version else "no such version"
        raise refuse(
            f"promote finds another model under version {wanted.version} of {wanted.name}",
            expected=f"{release.name} {release.version} in the registry {registry.address}",
            got=got,
            fix="run register again, and find out who changed the registry",
        )


def _moved_meanwhile(inputs: PromoteInputs, params: PromoteParams, holder: str | None) -> Refused:
    compared = f"version {inputs.champion.version}" if inputs.champion else "no champion"
    return refuse(
        f"promote finds that {params.alias} of {inputs.registration.name} moved while this run went on",
        expected=f"{compared}, which the gate compared the candidates with",
        got=f"version {holder}" if holder else f"no {params.alias}",
        fix="clear resolve and validate_metrics with what follows them: what has not changed is a hit, the gate is not",
    )
