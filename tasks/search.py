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
from tasks.contracts.artifacts import Dataset, Trial, Trials, TrialsRef
from tasks.contracts.refusal import examples, refuse
from tasks.contracts.search import SearchInputs, SearchOutputs, SearchParams, SearchSpace
from tasks.searching.rungs import Rungs
from tasks.searching.shift import Shift
from tasks.searching.space import architecture, distributions
from tasks.searching.study import open_study, study_name
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
    seed = int(np.random.SeedSequence([context.seed, inputs.worker]).generate_state(1)[0])
    study = open_study(context.studies, name, params, space, seed)
    owner = f"{context.provenance.run_id}/{inputs.worker}"
    shift = Shift(study, space, owner, params.trials)
    there = len(shift.records())
    print(f"search: worker {inputs.worker} of {params.workers}, {there} of {params.trials} trials are there ({name})")
    shift.work(Rungs(params.space, params, data, context.seed))
    trials = Trials(study=name, sampler=params.sampler, trials=tuple(shift.records()))
    _say(trials)
    return SearchOutputs(trials=context.store.put(trials, TrialsRef))


def _check_space(space: SearchSpace) -> None:
    """Refuse at the door what would fail every trial."""
    sample = architecture(space, {name: values[0] for name, values in space.choices.items()})
    check_options(sample, find_builder(space.builder))


def _say(trials: Trials) -> None:
    states = Counter(trial.state for trial in trials.trials)
    print("search: " + ", ".join(f"{count} {state}" for state, count in sorted(states.items())))
    failed: list[Trial] = [trial for trial in trials.trials if trial.state == "failed"]
    if len(failed) == len(trials.trials):
        raise refuse(
            "search found no architecture that can be trained",
            expected="a trial that is not a failure",
            got=f"{len(failed)} failures: {examples(dict.fromkeys(trial.reason for trial in failed))}",
            fix="correct search.space or search.fit",
        )
