"""Who is asked, and what they are told. That a person's answer counts is tested through a running Airflow."""

from __future__ import annotations

import warnings
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from featherline.airflow.operators.approve import ApproveOperator, must_ask, question


@pytest.fixture
def case() -> dict[str, Any]:
    """Give a winner that is not borderline."""
    ranking = [{"name": "int8", "verdict": "pass", "on_front": True, "reason": "smallest of 3 that passed"}]
    return {
        "selection": {"winner": "int8", "ranking": ranking, "borderline": False},
        "registration": {"name": "digits", "version": "4"},
        "brief": "| float baseline | 98.00 % |",
    }


@pytest.mark.parametrize(
    ("policy", "borderline", "asked"),
    [
        ("never", False, False),
        ("never", True, False),
        ("borderline", False, False),
        ("borderline", True, True),
        ("always", False, True),
        ("always", True, True),
    ],
)
def test_who_is_asked_when(policy: str, borderline: bool, asked: bool):
    """The recipe's policy and the winner's distance to the rules decide together."""
    assert must_ask(policy, borderline=borderline) is asked


@pytest.mark.parametrize("policy", ["sometimes", "", None])
def test_an_unknown_policy_approves_nothing(policy: Any):
    """A gate is closed by default."""
    with pytest.raises(AirflowFailException, match=r"expected  never \| borderline \| always"):
        must_ask(policy, borderline=False)


def test_where_nobody_need_be_asked_it_approves_at_once(case: dict[str, Any]):
    """The decision and the policy behind it are the task's value."""
    approve = ApproveOperator(task_id="approve", policy="never", case=case)

    assert approve.execute({}) == {"chosen_options": ["Approve"], "policy": "never"}


def test_waiting_has_a_limit_of_its_own():
    """A person's time is no execution time, and Airflow says nothing of a deprecated use."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        approve = ApproveOperator(task_id="approve", policy="never", case={}, response_timeout=timedelta(days=3))

    assert approve.response_timeout == timedelta(days=3)
    assert approve.execution_timeout is None


def test_the_question_has_the_numbers(case: dict[str, Any]):
    """The brief of the report stands above every candidate's fate."""
    text = question("always", case)

    assert text.startswith("You are asked because the recipe says `always`.")
    assert text.index("| float baseline | 98.00 % |") < text.index("| int8 | pass | yes | smallest of 3 that passed |")


def test_the_question_says_that_the_winner_is_borderline(case: dict[str, Any]):
    """The reason comes first."""
    case["selection"]["borderline"] = True

    text = question("borderline", case)

    assert text.startswith("You are asked because the winner is close to a rule of the gate.")


def test_the_question_has_no_markup_of_a_reason(case: dict[str, Any]):
    """A reason with a pipe, a link and a line end stays in its cell, as letters."""
    case["selection"]["ranking"][0]["reason"] = "a | b\n[c](javascript:d) <script>"

    row = question("always", case).split("\n")[-3]

    assert row == "| int8 | pass | yes | a &#124; b\\\\n\\[c\\]\\(javascript&#58;d\\) &lt;script&gt; |"


@pytest.mark.parametrize("policy", ["never", "borderline", "always"])
def test_what_is_not_proven_is_never_promoted_in_silence(case: dict[str, Any], policy: str):
    """A person is asked, or, where nobody is to be asked, the version stays a challenger."""
    case["selection"] |= {"borderline": True, "doubts": ["max_drop_proven: 0.01"]}
    approve = ApproveOperator(task_id="approve", policy=policy, case=case)

    if policy == "never":
        with pytest.raises(
            AirflowSkipException, match=r"(?s)does not promote what is not proven.*max_drop_proven: 0.01"
        ):
            approve.execute({})
    else:
        assert must_ask(policy, borderline=True)
        why = "You are asked because the test images cannot prove that the winner is good enough."
        assert question(policy, case).startswith(f"{why}\n\n- max\\_drop\\_proven")


@pytest.mark.parametrize(("accepts", "promoted"), [(True, True), (False, False), ("true", False), (None, False)])
def test_a_recipe_may_accept_what_is_not_proven(case: dict[str, Any], accepts: Any, promoted: bool):
    """It has to say so: anything but True is no."""
    case["selection"] |= {"borderline": True, "doubts": ["max_drop_proven: 0.01"]}
    approve = ApproveOperator(task_id="approve", policy="never", case=case, accept_unproven=accepts)

    if promoted:
        assert approve.execute({})["chosen_options"] == ["Approve"]
    else:
        with pytest.raises(AirflowSkipException):
            approve.execute({})
