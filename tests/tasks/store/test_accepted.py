"""The ledger of accepted data and baselines."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from featherline.tasks.store import accepted
from featherline.tasks.store.artifacts import Store

A, B, C = "a" * 64, "b" * 64, "c" * 64


def test_an_empty_ledger_has_no_previous_entry(store: Store) -> None:
    """The first data set of a recipe is compared with nothing."""
    assert accepted.previous(store, "digits", "data", A) is None


def test_a_new_subject_is_compared_with_the_newest(store: Store) -> None:
    """What was never accepted is compared with what was accepted last."""
    accepted.accept(store, "digits", "data", A, {"images": 1})
    accepted.accept(store, "digits", "data", B, {"images": 2})

    entry = accepted.previous(store, "digits", "data", C)

    assert entry is not None
    assert (entry.subject, entry.content) == (B, {"images": 2})


def test_a_known_subject_is_compared_with_the_one_before_it(store: Store) -> None:
    """Judging the same subject again asks the same question as the first time."""
    for subject in (A, B, C):
        accepted.accept(store, "digits", "data", subject, {})

    before = [accepted.previous(store, "digits", "data", subject) for subject in (A, B, C)]

    assert [entry.subject if entry else None for entry in before] == [None, A, B]


def test_a_subject_is_accepted_once(store: Store) -> None:
    """Accepting again changes nothing, also with other content."""
    accepted.accept(store, "digits", "data", A, {"first": True})
    accepted.accept(store, "digits", "data", A, {"first": False})

    entry = accepted.previous(store, "digits", "data", B)

    assert entry is not None
    assert entry.content == {"first": True}
    assert list(store.blobs.keys("ledger/")) == ["ledger/digits/data/00000001.json"]


def test_recipes_and_gates_have_ledgers_of_their_own(store: Store) -> None:
    """Another recipe, another gate, and a recipe whose name begins alike see nothing of it."""
    accepted.accept(store, "digits", "data", A, {})

    assert accepted.previous(store, "digits", "baseline", B) is None
    assert accepted.previous(store, "digits2", "data", B) is None
    assert accepted.previous(store, "digit", "data", B) is None


def test_of_eight_that_accept_at_once_all_are_there(store: Store) -> None:
    """Each gets an entry of its own, numbered without a gap."""
    subjects = [f"{number:x}" * 64 for number in range(8)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda subject: accepted.accept(store, "digits", "data", subject, {}), subjects))

    keys = list(store.blobs.keys("ledger/"))
    found = {accepted.Entry.model_validate_json(store.blobs.read(key) or b"").subject for key in keys}
    assert keys == [f"ledger/digits/data/{number:08d}.json" for number in range(1, 9)]
    assert found == set(subjects)
