"""Dry run: try the network and every candidate with fresh weights, beside the training that has just begun.

    data (shapes) ──► [dry_run] ──► candidates that cannot be had, with the reason ──► plan
                          └──► refused, where the network or every candidate cannot be had; `train` ends then, too

Builder and options, storing and reading, the count of MACs, pruning, clusters, training for integers, the converter and
each scheme: what would fail after hours of training fails in the first minute. The trials run in a process of their own
at the lowest priority; one that dies costs its own candidate.

    python -m featherline.tasks dry_run --request request.json --result result.json --store var/store
"""

from __future__ import annotations

from collections.abc import Iterable

from featherline.tasks.compression.dry_run.apart import run_apart
from featherline.tasks.compression.dry_run.outcome import NETWORK, SPACE, DryRunRequest, Outcome
from featherline.tasks.contracts.candidate import Candidate, Infeasible
from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.refusal import Problem, Refused
from featherline.tasks.contracts.secrets import Secret
from featherline.tasks.contracts.steps.choose import ChosenArchitecture
from featherline.tasks.contracts.steps.dry_run import DryRunInputs, DryRunOutputs, DryRunParams
from featherline.tasks.contracts.steps.search import SearchSpace
from featherline.tasks.planning.auto.grid import candidate as proposal
from featherline.tasks.planning.auto.presets import presets
from featherline.tasks.planning.expand import lanes
from featherline.tasks.problems.opening import open_problem
from featherline.tasks.running.context import Context
from featherline.tasks.running.run_records import forget

UNSEARCHED = "searched"
"""The name of the architecture that stands for those which the search will find."""


def dry_run(inputs: DryRunInputs, params: DryRunParams, context: Context) -> DryRunOutputs:
    """Try everything once, untrained, and return the candidates that cannot be had.

    Raises:
        Refused: The network, the search space or every candidate cannot be had.
    """
    forget(context.store, context.provenance.run_id, "dry_run")
    dataset = context.store.read(inputs.data, Dataset)
    searched = _first(params.space)
    candidates = _candidates(params, searched)
    outcomes = run_apart(
        DryRunRequest(
            architecture=params.architecture,
            file=params.file,
            head=params.head,
            searched=searched.architecture if searched else None,
            candidates=candidates,
            input_shape=dataset.input_shape,
            modalities={name: spec.modality for name, spec in dataset.inputs.items()},
            outputs=open_problem(dataset.problem).answers(dataset.vocabulary),
            seed=context.seed,
        ),
        needs=_needs(params, candidates),
    )
    for outcome in outcomes:
        print(_line(outcome))
    failures = {outcome.trial: outcome for outcome in outcomes if outcome.state == "fails"}
    every = bool(candidates) and all(candidate.name in failures for candidate in candidates)
    fatal = [failures[name] for name in (NETWORK, SPACE) if name in failures]
    if fatal or every:
        raise Refused(*_distinct(fatal or failures.values()))
    return DryRunOutputs(
        infeasible=tuple(Infeasible(name=name, reason=_reason(outcome)) for name, outcome in failures.items())
    )


def _candidates(params: DryRunParams, searched: ChosenArchitecture | None) -> tuple[Candidate, ...]:
    """Return the candidates as `plan` will make them, those of searched students from one architecture."""
    architectures = (searched,) if searched else ()
    named = [lane.candidate for lane in lanes(params.candidates, architectures, export=params.export)]
    if params.auto is None:
        return tuple(named)
    auto = params.auto
    return (
        *named,
        *(proposal(point, auto, architectures, export=params.export) for point in presets(auto, architectures)),
    )


def _first(space: SearchSpace | None) -> ChosenArchitecture | None:
    """Return the architecture of the first value of each choice."""
    if space is None:
        return None
    from featherline.tasks.compression.search.space import architecture, distributions  # noqa: PLC0415 - optuna, which most runs do without

    distributions(space)  # refuses choices that cannot be made
    built = architecture(space, {name: values[0] for name, values in space.choices.items()})
    return ChosenArchitecture(name=UNSEARCHED, architecture=built, quality=0.0, macs=1, parameters=1, size_bytes=1)


def _needs(params: DryRunParams, candidates: Iterable[Candidate]) -> set[Secret]:
    """Return the keys of the store where a model lies there."""
    sources = [params.file, *(part.teacher for one in candidates for part in (one.prune, one.distill, one.trim))]
    return {Secret.STORE} if any(source and source.startswith("s3://") for source in sources) else set()


def _distinct(outcomes: Iterable[Outcome]) -> list[Problem]:
    return list(dict.fromkeys(problem for outcome in outcomes for problem in outcome.said))


def _reason(outcome: Outcome) -> str:
    return "; ".join(f"{problem.what}: {problem.got}; {problem.fix}" for problem in outcome.said)


def _line(outcome: Outcome) -> str:
    """Return how a trial ended, for people."""
    words = {"works": "works", "fails": f"cannot be had: {_reason(outcome)}", "unknown": "was not tried to its end"}
    return f"{outcome.trial}: {words[outcome.state]}, {outcome.seconds:.1f} s"
