"""Search: look for architectures, together with other workers, in a study that all of them share.

    data, space, budget ──► [search] x W ◄──► study (Optuna: two evolutions, TPE, random, REINFORCE)
                                │
                                └──► a snapshot of all trials, the same from every worker

The same data, space and seed give the same trials, whatever the number of workers and their speed: a proposal knows the
results up to `in_flight` places before it, and no others. What a worker leaves when it dies the others do; a study that
was cut off goes on where it was.

    python -m featherline.tasks search --request request.json --result result.json --store var/store
"""

from __future__ import annotations

import uuid
from collections import Counter

import numpy as np

from featherline.tasks.compression.search.evaluator import TrialEvaluator
from featherline.tasks.compression.search.space import architecture, distributions
from featherline.tasks.compression.search.study import open_study, proposals_of, study_name
from featherline.tasks.compression.search.summary import lines, summarised
from featherline.tasks.compression.search.worker import SearchWorker
from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.modalities.parameters import PreprocessingChoice
from featherline.tasks.contracts.model import Architecture
from featherline.tasks.contracts.references import TrialsRef
from featherline.tasks.contracts.refusal import examples, refuse
from featherline.tasks.contracts.steps.search import SearchInputs, SearchOutputs, SearchParams, SearchSpace
from featherline.tasks.contracts.trials import Trial, Trials
from featherline.tasks.modalities.feeding import Feeding, chosen, in_words
from featherline.tasks.networks.zoo.build import build, check_options, find_builder
from featherline.tasks.problems.opening import open_problem
from featherline.tasks.running.context import Context
from featherline.tasks.training.data import load_training_data
from featherline.tasks.training.foreign_preprocessing import preprocessing_of_built


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
    own = _preprocessing(params.space, params.preprocessing, dataset)
    print(f"search: preprocessing {in_words(own)}")
    fraction = params.fit.train_fraction
    with load_training_data(context.store, dataset, own, train_fraction=fraction, seed=context.seed) as data:
        name = study_name(context.work) if context.work else f"by-hand-{uuid.uuid4().hex}"
        evaluate = TrialEvaluator(params.space, params, data, context.seed, context.store)

        def trials_of(study: str, asked: SearchParams, stream: int) -> tuple[Trial, ...]:
            """Work at one study until it has all its trials."""
            seed = int(np.random.SeedSequence([context.seed, stream]).generate_state(1)[0])
            worker = SearchWorker(
                open_study(context.studies, study),
                proposals_of(asked, space, seed, data.problem.quality),
                f"{context.provenance.run_id}/{inputs.worker}",
                params.trials,
                data.problem.quality,
            )
            there = f"{len(worker.records())} of {params.trials} trials are there ({study})"
            print(f"search: worker {inputs.worker} of {params.workers}, {asked.sampler}, {there}")
            worker.work(evaluate)
            waits = (
                f"{worker.waited_seconds:.1f} s for results of others, {worker.left_seconds:.1f} s for the last ones"
            )
            print(f"worker {inputs.worker} waited {waits}")
            return tuple(worker.records())

        found = trials_of(name, params, 0)
        control = params.model_copy(update={"sampler": "random"})
        trials = summarised(
            Trials(
                study=name,
                sampler=params.sampler,
                objective=params.objective,
                metric=data.problem.quality,
                trials=found,
                control=trials_of(f"{name}-control", control, 1) if params.control else (),
            )
        )
        _say(trials)
        return SearchOutputs(trials=context.store.put(trials, TrialsRef))


def _check_space(space: SearchSpace) -> None:
    """Refuse at the door what would fail every trial."""
    check_options(_sample(space), find_builder(space.builder))


def _sample(space: SearchSpace) -> Architecture:
    return architecture(space, {name: values[0] for name, values in space.choices.items()})


def _preprocessing(space: SearchSpace, choice: PreprocessingChoice, dataset: Dataset) -> Feeding:
    """Return what all trials are fed by. Only a builder of the user's own may begin with a scaling of its own."""
    if choice != "auto" or ":" not in space.builder:
        return chosen(choice, dataset)
    try:
        sample = build(_sample(space), dataset.input_shape, open_problem(dataset.problem).answers(dataset.vocabulary))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - whatever a builder raises for these options fails its trial, not the search
        return chosen(choice, dataset)
    return preprocessing_of_built(sample, choice, dataset)


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
