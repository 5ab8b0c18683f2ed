"""The rules that all runtimes share."""

from __future__ import annotations

from collections import UserDict, UserList

from featherline.airflow.operators.mixin import log_line, plain, refusal


def test_a_refusal_is_what_follows_its_heading():
    """The lines after the last `refused` are the message, without trailing blanks."""
    log = ["refused", "an older one", "epoch 1", "refused ", "prune cannot", "  expected  a"]

    assert refusal(log) == "prune cannot\n  expected  a"


def test_a_log_without_a_refusal_gives_none():
    """A line that only has the word in it is no heading."""
    assert refusal(["the model refused to learn"]) == ""


def test_lazy_sequences_become_lists():
    """What Airflow gives for a mapped task is a sequence of its own; JSON knows lists and dicts."""
    lazy = {"lanes": UserList([UserDict({"name": "int8"})]), "text": "abc", "count": 2, "none": None}

    assert plain(lazy) == {"lanes": [{"name": "int8"}], "text": "abc", "count": 2, "none": None}
    assert type(plain(lazy)["lanes"][0]) is dict


def test_a_line_of_a_log_is_seen_and_not_obeyed():
    """What a step prints past its own streams cannot clear a terminal, turn a line round or fold Airflow's log."""
    assert log_line("\x1b[2Jcat\r\n") == "\\x1b[2Jcat"
    assert log_line("\u202ecat\rdog") == "\\u202ecat\\rdog"
    assert log_line("::group::all is well") == " ::group::all is well"
    assert log_line("  a\tb  ") == "  a     b"
