"""Asks a person whether the challenger becomes champion, when somebody must be asked.

    the recipe's release.approve ──► never ──────────────► approved at once
    the selection's borderline   ──► borderline, and it is ─┐
                                     always ────────────────┴► waits for a person ──► approve ──► promote
                                                                                  └─► reject  ──► promote is skipped

The person finds the question in the UI under "Required actions"; the waiting task holds no worker.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowFailException

from tasks.contracts.refusal import Problem
from tasks.contracts.safe_text import LONGEST_LINE_SHOWN, markdown_code, markdown_text, visible

if TYPE_CHECKING:
    from airflow.sdk import Context

POLICIES = ("never", "borderline", "always")


class ApproveOperator(ApprovalOperator):
    """An approval that a recipe may ask for always, never, or only where the winner is close to a rule.

    Args:
        policy: The recipe's `release.approve`.
        case: What to decide on, as the steps gave it: `selection`, `registration`, and the `brief` of the report.
    """

    template_fields: Sequence[str] = ("subject", "body", "policy", "case")
    template_fields_renderers = {"case": "json", "body": "md"}
    ui_color = "#fdf1d8"

    def __init__(self, *, policy: str, case: dict[str, Any], **options: Any) -> None:  # noqa: ANN401 - Airflow's own
        super().__init__(subject="Shall the challenger become champion?", body="", **options)
        self.policy = policy
        self.case = case

    def execute(self, context: Context) -> Any:  # noqa: ANN401 - the decision
        """Approve at once, or park the task until a person has decided.

        Raises:
            AirflowFailException: The policy is none of `POLICIES`.
        """
        selection = self.case["selection"]
        if not must_ask(self.policy, borderline=selection["borderline"]):
            self.log.info("nobody needs to be asked: policy %s, borderline %s", self.policy, selection["borderline"])
            return {"chosen_options": [self.APPROVE], "policy": self.policy}
        name, version = (self.case["registration"][key] for key in ("name", "version"))
        self.subject = visible(f"Shall {name} version {version} ({selection['winner']}) become champion?")
        self.body = question(self.policy, self.case)
        return super().execute(context)


def must_ask(policy: str, *, borderline: bool) -> bool:
    """Tell whether a person must decide.

    Raises:
        AirflowFailException: The policy is none of `POLICIES`.
    """
    if policy not in POLICIES:
        fix = "correct release.approve in the recipe"
        raise AirflowFailException(str(Problem("approve has no such policy", " | ".join(POLICIES), str(policy), fix)))
    return policy == "always" or (policy == "borderline" and borderline)


def question(policy: str, case: dict[str, Any]) -> str:
    """Return in Markdown what a person decides on: why they are asked, the numbers, and every candidate's fate."""
    selection = case["selection"]
    why = (
        "the winner is close to a rule of the gate"
        if selection["borderline"]
        else f"the recipe says {markdown_code(policy)}"
    )
    ranking = (
        f"| {markdown_text(one['name'])} | {markdown_text(one['verdict'])} | {'yes' if one['on_front'] else ''} |"
        f" {markdown_text(one['reason'], LONGEST_LINE_SHOWN)} |"
        for one in selection["ranking"]
    )
    return "\n".join(
        (
            f"You are asked because {why}.",
            "",
            case["brief"],
            "",
            "| candidate | gate | on the front | why |",
            "|---|---|---|---|",
            *ranking,
            "",
            "Approve: the alias moves. Reject: the version stays registered as challenger.",
        )
    )
