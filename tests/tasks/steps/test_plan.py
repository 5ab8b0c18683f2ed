"""Which candidates get a lane."""

from __future__ import annotations

import pytest

from featherline.tasks.contracts.candidate import CandidateTemplate, Infeasible
from featherline.tasks.contracts.model import Architecture, Model
from featherline.tasks.contracts.references import ModelFileRef
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.steps.choose import ChosenArchitecture
from featherline.tasks.contracts.steps.plan import PlanInputs, PlanParams
from featherline.tasks.running.context import Context
from featherline.tasks.steps.plan import plan

MODEL = Model(
    file=ModelFileRef(uri="artifacts/x", sha256="0" * 64, bytes=1), parameters=100, macs=1000, validation_quality=0.9
)
BROKEN = Infeasible(name="broken", reason="a layer that nothing can round")


def test_what_the_dry_run_found_broken_gets_no_lane(context: Context) -> None:
    """It stands among the infeasible with the dry run's reason, every one of its searched students too."""
    architecture = Architecture(builder="cnn")
    students = tuple(
        ChosenArchitecture(name=name, architecture=architecture, quality=0.5, macs=10, parameters=10, size_bytes=10)
        for name in ("one", "two")
    )
    templates = {"sound": CandidateTemplate(), "broken": CandidateTemplate(student="searched")}

    outputs = plan(
        PlanInputs(model=MODEL, architectures=students, infeasible=(BROKEN,)),
        PlanParams(candidates=templates),
        context,
    )

    assert [one.name for one in outputs.candidates] == ["sound"]
    assert {one.name: one.reason for one in outputs.infeasible} == {
        "broken-0": BROKEN.reason,
        "broken-1": BROKEN.reason,
    }


def test_nothing_but_broken_candidates_is_refused(context: Context) -> None:
    """A run without a lane ends here, with the reasons."""
    with pytest.raises(Refused) as refusal:
        plan(
            PlanInputs(model=MODEL, infeasible=(BROKEN,)),
            PlanParams(candidates={"broken": CandidateTemplate()}),
            context,
        )

    assert BROKEN.reason in refusal.value.problems[0].got
