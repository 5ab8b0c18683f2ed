"""Report: one HTML page and one model card that tell what was made, how good it is, and how sure that is.

    measurements, verdict, selection, plan, trials, champion ──► [report] ──► page (HTML), card (Markdown)

Both open offline: styles and figures are inside, and there are no scripts. A file that is drawn as better may be within
the noise of the other, so every accuracy carries its interval.

    python -m tasks report --request request.json --result result.json --store var/store
"""

from __future__ import annotations

from tasks.context import Context
from tasks.contracts.gate import ReportInputs, ReportOutputs, ReportParams
from tasks.contracts.references import PageRef
from tasks.reporting.brief import render_brief
from tasks.reporting.card import render_card
from tasks.reporting.facts import gather
from tasks.reporting.page import headline, render_page


def report(inputs: ReportInputs, params: ReportParams, context: Context) -> ReportOutputs:
    """Write both pages."""
    facts = gather(inputs, context)
    page = render_page(facts, params, context.provenance, context.seed).encode()
    card = render_card(facts, params, context.provenance, context.seed).encode()
    print(f"{facts.winner.name}: {headline(facts)}")
    print(f"report of {len(page):,} bytes, model card of {len(card):,} bytes")
    return ReportOutputs(
        page=context.store.put_bytes(page, PageRef),
        card=context.store.put_bytes(card, PageRef),
        brief=render_brief(facts),
    )
