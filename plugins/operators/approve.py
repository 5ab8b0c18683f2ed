"""Asks a person whether the challenger becomes champion, when somebody must be asked.

    the recipe's release.approve ──► never ──────────────► approved at once, unless there are doubts: then not at all
    the selection's borderline   ──► borderline, and it is ─┐
                                     always ────────────────┴► waits for a person ──► approve ──► promote
                                                                                  └─► reject  ──► promote is skipped

What the test images cannot prove of the winner is a doubt. `never` promotes it only where the recipe says
`accept_unproven` too.

The person finds the question in the UI under "Required actions"; the waiting task holds no worker.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from featherline.tasks.contracts.refusal import Problem
from featherline.tasks.contracts.safe_text import LONGEST_LINE_SHOWN, markdown_code, markdown_text, visible

if TYPE_CHECKING:
    from airflow.sdk import Context

POLICIES = ("never", "borderline", "always")


class ApproveOperator(ApprovalOperator):
    """An approval that a recipe may ask for always, never, or only where the winner is close to a rule.

    Args:
        policy: The recipe's `release.approve`.
        accept_unproven: The recipe's `release.accept_unproven`, or a template of it.
        case: What to decide on, as the steps gave it: `selection`, `registration`, and the `brief` of the report.
    """

    template_fields: Sequence[str] = ("subject", "body", "policy", "accept_unproven", "case")
    template_fields_renderers = {"case": "json", "body": "md"}
    ui_color = "#fdf1d8"

    def __init__(
        self,
        *,
        policy: str,
        case: dict[str, Any],
        accept_unproven: bool | str = False,
        **options: Any,  # noqa: ANN401 - Airflow's own
    ) -> None:
        super().__init__(subject="Shall the challenger become champion?", body="", **options)
        self.policy = policy
        self.accept_unproven: object = accept_unproven  # what the template gives
        self.case = case

    def execute(self, context: Context) -> Any:  # noqa: ANN401 - the decision
        """Approve at once, or park the task until a person has decided.

        Raises:
            AirflowFailException: The policy is none of `POLICIES`.
            AirflowSkipException: There are doubts, and nobody is to be asked: the version stays a challenger.
        """
        selection = self.case["selection"]
        doubts = selection.get("doubts") or []
        for doubt in doubts:
            self.log.info("not proven: %s", visible(doubt, LONGEST_LINE_SHOWN))
        if not must_ask(self.policy, borderline=selection["borderline"] or bool(doubts)):
            if doubts and self.accept_unproven is not True:
                raise AirflowSkipException(str(unproven(doubts)))
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


def unproven(doubts: Sequence[str]) -> Problem:
    """Return why a version stays a challenger of which nobody is to be asked."""
    return Problem(
        "approve does not promote what is not proven",
        "a winner that the test images prove, or a person who decides (release.approve), or a recipe that accepts it"
        " (release.accept_unproven)",
        "; ".join(doubts),
        "set release.approve: borderline or release.accept_unproven: true, or measure on more test images",
    )


def question(policy: str, case: dict[str, Any]) -> str:
    """Return in Markdown what a person decides on: why they are asked, the numbers, and every candidate's fate."""
    selection = case["selection"]
    doubts = selection.get("doubts") or []
    why = f"the recipe says {markdown_code(policy)}"
    if doubts:
        why = "the test images cannot prove that the winner is good enough"
    elif selection["borderline"]:
        why = "the winner is close to a rule of the gate"
    ranking = (
        f"| {markdown_text(one['name'])} | {markdown_text(one['verdict'])} | {'yes' if one['on_front'] else ''} |"
        f" {markdown_text(one['reason'], LONGEST_LINE_SHOWN)} |"
        for one in selection["ranking"]
    )
    return "\n".join(
        (
            f"You are asked because {why}.",
            *(f"\n- {markdown_text(doubt, LONGEST_LINE_SHOWN)}" for doubt in doubts),
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
