"""From a search space to what Optuna samples, and from a sample to an architecture.

fixed:   {depth: 8, widths: [16, 32]}
choices: {width: [8, 16], widths.1: [32, 64]}      `name.N` chooses the N-th number of a fixed list
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution

from featherline.tasks.contracts.model import Architecture
from featherline.tasks.contracts.quality import QualityMetric
from featherline.tasks.contracts.refusal import Problem, Refused
from featherline.tasks.contracts.steps.search import SearchSpace
from featherline.tasks.contracts.trials import Trial


def distributions(space: SearchSpace) -> dict[str, BaseDistribution]:
    """Return one categorical distribution for each choice, in the order of their names.

    Raises:
        Refused: A choice has no value, or chooses an entry of a list that is not fixed.
    """
    problems = []
    for name, values in space.choices.items():
        option, dot, index = name.partition(".")
        if not values:
            problems.append(
                Problem(f"search.space has nothing to choose for {name}", "one value or more", "none", "add values")
            )
        fixed = space.fixed.get(option)
        if dot and not (isinstance(fixed, list) and index.isdigit() and int(index) < len(fixed)):
            problems.append(
                Problem(
                    f"search.space cannot choose {name}",
                    f"a list {option} in search.space.fixed with an entry {index}",
                    repr(fixed),
                    f"fix {option} to a list of the length you want",
                )
            )
    if problems:
        raise Refused(*problems)
    return {name: CategoricalDistribution(space.choices[name]) for name in sorted(space.choices)}


def architecture(space: SearchSpace, chosen: Mapping[str, Any]) -> Architecture:
    """Return the architecture of one sample."""
    options: dict[str, Any] = {
        name: list(value) if isinstance(value, list) else value for name, value in space.fixed.items()
    }
    for name, value in chosen.items():
        option, dot, index = name.partition(".")
        if dot:
            options[option][int(index)] = value
        else:
            options[option] = value
    return Architecture(builder=space.builder, options=options)


def spoken(built: Architecture) -> str:
    """Return an architecture in a word for people, such as `resnet(depth=8, width=16)`."""
    options = ", ".join(f"{name}={value}" for name, value in sorted(built.options.items()))
    return f"{built.builder}({options})"


def trial_line(record: Trial, metric: QualityMetric) -> str:
    """Return what became of a trial, for people."""
    said = f"{spoken(record.architecture)}  {record.state}"
    if record.quality is not None:
        said += f"  {metric.told(record.quality)} after {record.epochs} epochs"
    if record.macs:
        said += f"  {record.macs:,} MACs  about {record.size_bytes:,} bytes"
    if record.inherited_from is not None:
        said += f"  after trial {record.inherited_from}"
    return f"{said}  {record.seconds:.1f} s" + (f"  {record.reason}" if record.reason else "")
