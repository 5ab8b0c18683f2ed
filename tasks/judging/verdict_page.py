"""The page of a verdict: one HTML file without scripts, fonts or links to anywhere, failed rules first."""

from __future__ import annotations

from collections.abc import Sequence

from jinja2 import Environment

from featherline.tasks.contracts.measurement import Finding
from featherline.tasks.contracts.safe_text import page_value

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}: {{ "gate open" if passed else "gate closed" }}</title>
<style>
:root { color-scheme: light dark; --paper: #fbfaf7; --card: #fff; --ink: #22252b; --soft: #6a707c; --line: #e5e2da;
  --good: #22714a; --bad: #b3261e; --warn: #8a5a00; --tint: #f4f1ea; }
@media (prefers-color-scheme: dark) { :root { --paper: #16181c; --card: #1e2126; --ink: #e8e6e1; --soft: #a0a5af;
  --line: #33373e; --good: #6cc697; --bad: #ff8a80; --warn: #e8b45a; --tint: #25282e; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .35rem; }
h2 { font-size: 1.05rem; margin: 2.2rem 0 .7rem; }
.state { font-weight: 600; } .open { color: var(--good); } .closed { color: var(--bad); }
.counts { color: var(--soft); margin: 0; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: .6rem; background: var(--card); }
table { border-collapse: collapse; width: 100%; min-width: 56rem; table-layout: fixed; }
.mark { width: 7rem; } .rule { width: 12rem; } .subject { width: 10rem; } .expected { width: 30%; }
th, td { text-align: left; vertical-align: top; padding: .55rem .8rem; border-top: 1px solid var(--line); }
thead th { border-top: 0; background: var(--tint); color: var(--soft); font-weight: 600; font-size: .85rem; }
td { overflow-wrap: anywhere; } td.mark { white-space: nowrap; font-weight: 600; }
.pass { color: var(--good); } .critical { color: var(--bad); } .warning { color: var(--warn); }
.fix { color: var(--soft); } code { font: .88em ui-monospace, monospace; }
.scroll:focus-visible { outline: 2px solid var(--ink); outline-offset: 2px; }
@page { size: A4; margin: 12mm; }
@media print {
  :root { color-scheme: light; --paper: #fff; --card: #fff; --ink: #22252b; --soft: #565c68; --line: #d8d4ca;
    --good: #22714a; --bad: #b3261e; --warn: #8a5a00; --tint: #f4f1ea; }
  body { font-size: 9pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main { max-width: none; padding: 0 1px; } h1 { font-size: 15pt; } h2 { margin-top: 1.2rem; break-after: avoid; }
  .scroll { overflow: visible; border-radius: 0; } table { min-width: 0; font-size: 7.5pt; line-height: 1.35; }
  .mark { width: 12%; } .rule { width: 17%; } .subject { width: 13%; } .expected { width: 27%; }
  th, td { padding: 1.2mm 1.2mm; } thead th { font-size: 7pt; } tr { break-inside: avoid; }
}
</style>
</head>
<body>
<main>
<h1>{{ title }}</h1>
<p class="state {{ 'open' if passed else 'closed' }}">The {{ gate }} gate is {{ "open" if passed else "closed" }}.</p>
<p class="counts">{{ failed | length }} of {{ total }} rules failed
{%- if warnings %}, and {{ warnings }} of them only warn{% endif %}.</p>
{% for heading, findings in (("What failed", failed), ("What passed", kept)) if findings %}
<h2>{{ heading }}</h2>
<div class="scroll" tabindex="0" role="region" aria-label="{{ heading }}"><table>
<thead><tr><th class="mark"></th><th class="rule">Rule</th><th class="subject">Subject</th>
<th class="expected">Expected</th><th>Got</th></tr></thead>
<tbody>
{% for finding in findings %}
<tr>
<td class="mark {{ 'pass' if finding.passed else finding.severity }}">
{{- "✓ passed" if finding.passed else "✗ failed" if finding.severity == "critical" else "! warning" }}</td>
<td><code>{{ finding.rule }}</code></td>
<td>{{ finding.subject }}</td>
<td>{{ finding.expected }}</td>
<td>{{ finding.got }}
{% if finding.fix and not finding.passed %}<div class="fix">Fix: {{ finding.fix }}</div>{% endif %}</td>
</tr>
{% endfor %}
</tbody></table></div>
{% endfor %}
{% if told %}
<h2>What was read, and what was left out</h2>
<div class="scroll" tabindex="0" role="region" aria-label="What was read, and what was left out"><table>
<tbody>
{% for what, words in told %}
<tr><td class="rule">{{ what }}</td><td>{{ words }}</td></tr>
{% endfor %}
</tbody></table></div>
{% endif %}
</main>
</body>
</html>
"""


def render(
    gate: str, findings: Sequence[Finding], *, title: str, passed: bool, told: Sequence[tuple[str, str]] = ()
) -> str:
    """Return the page: critical failures, then warnings, then what passed, then what there is to tell of the subject.

    Equal findings give equal pages.
    """
    failed = sorted((item for item in findings if not item.passed), key=lambda item: item.severity)
    return (
        Environment(autoescape=True, finalize=page_value, trim_blocks=True)
        .from_string(PAGE)
        .render(
            gate=gate,
            title=title,
            passed=passed,
            failed=failed,
            kept=[item for item in findings if item.passed],
            total=len(findings),
            told=told,
            warnings=sum(item.severity == "warning" for item in failed),
        )
    )
