"""Moving the champion forward, and back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.steps.promote import PromoteInputs, PromoteParams
from featherline.tasks.contracts.steps.publish import PublishParams
from featherline.tasks.contracts.steps.register import RegisterInputs, RegisterOutputs, RegisterParams
from featherline.tasks.releasing.registries.opening import open_registry
from featherline.tasks.releasing.registries.registry import Move
from featherline.tasks.releasing.registries.rollback import holder_before, rollback
from featherline.tasks.running.context import Context
from featherline.tasks.steps.promote import promote
from featherline.tasks.steps.publish import publish
from featherline.tasks.steps.register import register

Registered = Callable[[int], RegisterOutputs]


@pytest.fixture
def registered(context: Context, winner: Any, keys: tuple[Path, Path]) -> Registered:
    """Give a function that publishes, signs and registers the model of a seed."""
    assert keys

    def build(seed: int) -> RegisterOutputs:
        release = publish(winner(seed), PublishParams(name="digits"), context).release
        return register(RegisterInputs(release=release), RegisterParams(), context)

    return build


def inputs_of(context: Context, outputs: RegisterOutputs) -> PromoteInputs:
    """Return what `promote` takes in a run that began now."""
    champion = open_registry(context).champion("digits")
    return PromoteInputs(registration=outputs.registration, release=outputs.release, champion=champion)


def promoted(context: Context, outputs: RegisterOutputs) -> Any:
    """Promote in a run that began now."""
    return promote(inputs_of(context, outputs), PromoteParams(), context)


def test_the_first_version_becomes_champion(context: Context, registered: Registered) -> None:
    """There was no champion; now version 1 is it, and stays the challenger that it was."""
    outputs = promoted(context, registered(1))

    assert (outputs.registration.version, outputs.registration.alias) == ("1", "champion")
    assert (outputs.replaced, outputs.done_before) == (None, False)
    assert open_registry(context).aliases("digits") == {"champion": "1", "challenger": "1"}


def test_a_better_version_replaces_the_champion(context: Context, registered: Registered) -> None:
    """The version that had the alias is told, and the champion of the next run is the new one."""
    promoted(context, registered(1))

    outputs = promoted(context, registered(2))

    champion = open_registry(context).champion("digits")
    assert (outputs.replaced, outputs.done_before) == ("1", False)
    assert champion is not None
    assert (champion.version, champion.model_sha256) == ("2", outputs.registration.model_sha256)
    assert context.store.has(champion.measurement)


def test_promoting_again_finds_its_work_done(context: Context, registered: Registered) -> None:
    """Neither a retry (which knows the old champion) nor a later run (which knows this one) moves anything."""
    promoted(context, registered(1))
    second = registered(2)
    before = inputs_of(context, second)
    promote(before, PromoteParams(), context)

    retry = promote(before, PromoteParams(), context)
    later = promoted(context, second)

    assert (retry.done_before, later.done_before) == (True, True)
    assert open_registry(context).moves("digits", "champion") == (Move(version="1"), Move(version="2"))


def test_a_champion_that_moved_meanwhile_stays(context: Context, registered: Registered) -> None:
    """Another run promoted version 2 after this run's gate compared version 3 with version 1."""
    promoted(context, registered(1))
    second, third = registered(2), registered(3)
    compared = inputs_of(context, third)
    promoted(context, second)

    with pytest.raises(Refused) as refusal:
        promote(compared, PromoteParams(), context)

    problem = refusal.value.problems[0]
    assert problem.what == "promote finds that champion of digits moved while this run went on"
    assert problem.expected.startswith("version 1")
    assert problem.got == "version 2"
    assert "validate_metrics" in problem.fix
    assert open_registry(context).aliases("digits")["champion"] == "2"


def test_a_first_champion_of_another_run_stays(context: Context, registered: Registered) -> None:
    """A run that compared with nothing does not replace what became champion meanwhile."""
    first, second = registered(1), registered(2)
    compared = inputs_of(context, second)
    promoted(context, first)

    with pytest.raises(Refused) as refusal:
        promote(compared, PromoteParams(), context)

    assert refusal.value.problems[0].expected.startswith("no champion")


@pytest.mark.parametrize("change", ["damage", "unsign"])
def test_a_release_that_does_not_verify_is_not_promoted(context: Context, registered: Registered, change: str) -> None:
    """A changed file or a missing signature leaves the champion where it is."""
    promoted(context, registered(1))
    second = registered(2)
    if change == "damage":
        Path(second.release.uri, "model.tflite").write_bytes(b"another model")
    else:
        Path(second.release.uri, "model.sig").unlink()

    with pytest.raises(Refused):
        promoted(context, second)

    assert open_registry(context).aliases("digits")["champion"] == "1"


def test_an_unsigned_release_is_promoted_where_signatures_do_not_count(
    context: Context, registered: Registered
) -> None:
    """`verify_signature: false` still checks every digest."""
    first = registered(1)
    Path(first.release.uri, "model.sig").unlink()

    outputs = promote(inputs_of(context, first), PromoteParams(verify_signature=False), context)

    assert outputs.done_before is False


def test_another_alias_moves_without_regard_to_the_champion(context: Context, registered: Registered) -> None:
    """An alias such as `staging` was never compared with: it moves from wherever it is."""
    promoted(context, registered(1))
    second = registered(2)
    promote(inputs_of(context, second), PromoteParams(alias="staging"), context)

    aliases = open_registry(context).aliases("digits")

    assert (aliases["staging"], aliases["champion"]) == ("2", "1")


def test_a_version_of_another_model_is_refused(context: Context, registered: Registered) -> None:
    """The version must hold the model that the release holds."""
    first, second = registered(1), registered(2)
    mixed = inputs_of(context, first).model_copy(update={"release": second.release})

    with pytest.raises(Refused) as refusal:
        promote(mixed, PromoteParams(), context)

    assert refusal.value.problems[0].what == "promote finds another model under version 1 of digits"


def test_rollback_goes_back_step_by_step(context: Context, registered: Registered) -> None:
    """After 1, 2, 3 a rollback gives 2, another one 1, and then there is nothing before."""
    for seed in (1, 2, 3):
        promoted(context, registered(seed))

    first = rollback("digits", context)
    second = rollback("digits", context)
    with pytest.raises(Refused) as refusal:
        rollback("digits", context)

    assert (first.replaced, first.version) == ("3", "2")
    assert (second.replaced, second.version) == ("2", "1")
    assert refusal.value.problems[0].what == "rollback finds nothing before version 1 of digits"
    assert open_registry(context).aliases("digits")["champion"] == "1"


def test_a_version_that_was_rolled_back_can_win_again(context: Context, registered: Registered) -> None:
    """A run after the rollback compares with version 1 and may promote version 2 again."""
    promoted(context, registered(1))
    second = registered(2)
    promoted(context, second)
    rollback("digits", context)

    outputs = promoted(context, second)

    assert (outputs.replaced, outputs.done_before) == ("1", False)
    assert rollback("digits", context).version == "1"


def test_rollback_verifies_where_it_goes(context: Context, registered: Registered) -> None:
    """A version whose release was changed since does not become champion again."""
    first = registered(1)
    promoted(context, first)
    promoted(context, registered(2))
    Path(first.release.uri, "report.html").write_bytes(b"another report")

    with pytest.raises(Refused) as refusal:
        rollback("digits", context)

    assert refusal.value.problems[0].what == f"{first.release.uri}/report.html is not what was published"
    assert open_registry(context).aliases("digits")["champion"] == "2"


@pytest.mark.parametrize(("promote_one", "got"), [(False, "no model of this name"), (True, "1 versions without it")])
def test_rollback_without_champion_is_refused(
    context: Context, registered: Registered, *, promote_one: bool, got: str
) -> None:
    """A wrong name, and a model that never had a champion."""
    if promote_one:
        registered(1)

    with pytest.raises(Refused) as refusal:
        rollback("digits", context)

    assert refusal.value.problems[0].what == "rollback finds no champion of digits"
    assert refusal.value.problems[0].got == got


@pytest.mark.parametrize(
    ("moves", "now", "before"),
    [
        ([], "1", None),
        (["1"], "1", None),
        (["1", "2"], "2", "1"),
        (["1", "2", "1"], "1", "2"),
        (["1", "2", "<1"], "1", None),
        (["1", "2", "3", "<2"], "2", "1"),
        (["1", "2", "<1", "2"], "2", "1"),
        (["1", "2", "<1", "3"], "3", "1"),
        (["1", "2"], "5", "2"),
        (["1", "2"], "1", None),
        (["1", "1"], "1", None),
        (["2", "<1"], "1", "2"),
    ],
)
def test_the_version_before(moves: list[str], now: str, before: str | None) -> None:
    """`<1` is a rollback to 1; where the alias was moved by hand, what it had before is the last move's version."""
    history = [
        Move(version=move.removeprefix("<"), action="rollback" if move.startswith("<") else "promote") for move in moves
    ]

    assert holder_before(history, now) == before
