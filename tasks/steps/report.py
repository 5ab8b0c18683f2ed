"""Report: one HTML page and one model card that tell what was made, how good it is, and how sure that is.

    measurements, verdict, selection, plan, trials, champion ──► [report] ──► page (HTML), card (Markdown)
                                    steps that were refused ──┘

Both open offline: styles and figures are inside, and there are no scripts. A file that is drawn as better may be within
the noise of the other, so every quality carries its interval. A run that released nothing is told too: why, the
nearest candidates, and all that is known.

    python -m featherline.tasks report --request request.json --result result.json --store var/store
"""

from __future__ import annotations

from featherline.tasks.contracts.references import PageRef
from featherline.tasks.contracts.steps.report import ReportInputs, ReportOutputs, ReportParams
from featherline.tasks.reporting.brief import render_brief
from featherline.tasks.reporting.card import render_card, render_nothing
from featherline.tasks.reporting.early import gather_early, render_early
from featherline.tasks.reporting.facts import gather
from featherline.tasks.reporting.page import headline, render_page
from featherline.tasks.reporting.standing import sentence
from featherline.tasks.running.context import Context


def report(inputs: ReportInputs, params: ReportParams, context: Context) -> ReportOutputs:
    """Write both pages, also of a run that released nothing: then of what is known, and of why."""
    made_by, seed = context.provenance, context.seed
    facts = gather(inputs, context, params.budget)
    if facts is None:
        early = gather_early(inputs, context)
        page, card = render_early(early, params, context), render_nothing(early, params, made_by, seed)
        return _kept(context, page, card, f"nothing released, because {early.nothing}")
    page, said = render_page(facts, params, made_by, seed), sentence(facts, headline(facts))
    if facts.nothing:
        return _kept(context, page, render_nothing(facts, params, made_by, seed), said)
    return _kept(context, page, render_card(facts, params, made_by, seed), said, render_brief(facts))


def _kept(context: Context, page: str, card: str, said: str, brief: str = "") -> ReportOutputs:
    pages = [text.encode() for text in (page, card)]
    print(said)
    print(f"report of {len(pages[0]):,} bytes, model card of {len(pages[1]):,} bytes")
    page_ref, card_ref = (context.store.put_bytes(data, PageRef) for data in pages)
    return ReportOutputs(page=page_ref, card=card_ref, headline=said, brief=brief)
