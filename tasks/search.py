"""Search: look for architectures, together with other workers, in a study that all of them share.

    data, space, budget ──► [search] x W ◄──► study (Optuna: two evolutions, TPE, random, REINFORCE)
                                │
                                └──► a snapshot of all trials, the same from every worker that saw the end

A worker that dies is replaced by the others; a study that was cut off goes on where it was.

    python -m tasks search --request request.json --result result.json --store var/store
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from tasks.context import Context
from tasks.contracts.dataset import Dataset
from tasks.contracts.references import TrialsRef
from tasks.contracts.refusal import examples, refuse
from tasks.contracts.search import SearchInputs, SearchOutputs, SearchParams, SearchSpace
from tasks.contracts.trials import Trial, Trials
from tasks.searching.rungs import Rungs
from tasks.searching.shift import Shift
from tasks.searching.space import architecture, distributions
from tasks.searching.study import open_study, study_name
from tasks.searching.summary import lines, summarised
from tasks.training.data import load_training_data
from tasks.zoo.build import check_options, find_builder


def search(inputs: SearchInputs, params: SearchParams, context: Context) -> SearchOutputs:
    """Work at the shared study until it has all its trials.

    Raises:
        Refused: The space names no builder or option that exists, or every trial failed.
    """
    if params.space is None or params.trials == 0:
        return SearchOutputs(trials=None)
    space = distributions(params.space)
    _check_space(params.space)
    dataset = context.store.read(inputs.data, Dataset)
    data = load_training_data(context.store, dataset, train_fraction=params.fit.train_fraction, seed=context.seed)
    name = study_name(inputs.data, params, context.seed, context.fingerprint)
    evaluate = Rungs(params.space, params, data, context.seed, context.store)

    def trials_of(study: str, asked: SearchParams, stream: int) -> tuple[Trial, ...]:
        """Work at one study until it has all its trials."""
        seed = int(np.random.SeedSequence([context.seed, inputs.worker, stream]).generate_state(1)[0])
        opened = open_study(context.studies, study, asked, space, seed)
        shift = Shift(opened, space, f"{context.provenance.run_id}/{inputs.worker}", params.trials)
        there = f"{len(shift.records())} of {params.trials} trials are there ({study})"
        print(f"search: worker {inputs.worker} of {params.workers}, {asked.sampler}, {there}")
        shift.work(evaluate)
        return tuple(shift.records())

    found = trials_of(name, params, 0)
    control = params.model_copy(update={"sampler": "random"})
    trials = summarised(
        Trials(
            study=name,
            sampler=params.sampler,
            objective=params.objective,
            trials=found,
            control=trials_of(f"{name}-control", control, 1) if params.control else (),
        )
    )
    _say(trials)
    return SearchOutputs(trials=context.store.put(trials, TrialsRef))


def _check_space(space: SearchSpace) -> None:
    """Refuse at the door what would fail every trial."""
    sample = architecture(space, {name: values[0] for name, values in space.choices.items()})
    check_options(sample, find_builder(space.builder))


def _say(trials: Trials) -> None:
    states = Counter(trial.state for trial in trials.trials)
    print("search: " + ", ".join(f"{count} {state}" for state, count in sorted(states.items())))
    for line in lines(trials):
        print(f"search: {line}")
    failed: list[Trial] = [trial for trial in trials.trials if trial.state == "failed"]
    if len(failed) == len(trials.trials):
        raise refuse(
            "search found no architecture that can be trained",
            expected="a trial that is not a failure",
            got=f"{len(failed)} failures: {examples(dict.fromkeys(trial.reason for trial in failed))}",
            fix="correct search.space or search.fit",
        )
