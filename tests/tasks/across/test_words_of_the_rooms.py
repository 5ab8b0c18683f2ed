"""Which rooms may speak of images, pixels, classes and accuracy: those that know them, and nobody else.

Names, strings and comments are read. Words of Python itself and modules that are imported by name are no such words.
"""

from __future__ import annotations

import io
import re
import tokenize
from pathlib import Path

TASKS = Path(__file__).parents[3] / "tasks"
KNOW = (
    "modalities/",
    "problems/",
    "networks/zoo/",
    "reporting/",
    "contracts/modalities/",
    "contracts/problems/",
    "contracts/renamed.py",
)
"""Rooms that know what an example and an answer are, and the table of words that are no more in use."""

ANSWERS = re.compile(r"(?<![a-z])(accurac(?:y|ies)|accurate|recalls?|confusions?)(?![a-z])", re.IGNORECASE)
EXAMPLES = re.compile(r"(?<![a-z])(pixels?|images?|classes)(?![a-z])", re.IGNORECASE)

STILL = frozenset(
    (
        "compression/dry_run/lane.py",
        "compression/dry_run/outcome.py",
        "compression/dry_run/tryout.py",
        "compression/pruning/__init__.py",
        "compression/pruning/channel.py",
        "compression/pruning/criteria.py",
        "compression/pruning/rounds.py",
        "compression/pruning/sensitivity.py",
        "compression/pruning/statistics.py",
        "compression/pruning/surgery.py",
        "compression/pruning/taylor.py",
        "compression/quantization/in_training/ranges.py",
        "compression/quantization/post_training/__init__.py",
        "compression/quantization/post_training/mixed.py",
        "compression/quantization/post_training/weights.py",
        "compression/search/scores.py",
        "contracts/base.py",
        "contracts/dataset.py",
        "contracts/fit.py",
        "contracts/model.py",
        "contracts/preprocessing.py",
        "contracts/recipe.py",
        "contracts/references.py",
        "contracts/request.py",
        "contracts/steps/distill.py",
        "contracts/steps/preprocess.py",
        "contracts/steps/prune.py",
        "contracts/steps/quantize.py",
        "contracts/steps/search.py",
        "contracts/steps/train.py",
        "contracts/steps/validate_data.py",
        "data/sources/__init__.py",
        "data/sources/budget.py",
        "data/sources/csv_files.py",
        "data/sources/intake.py",
        "data/sources/labels.py",
        "data/sources/place.py",
        "data/sources/source.py",
        "data/sources/split_names.py",
        "data/sources/splits.py",
        "data/sources/vocabulary.py",
        "judging/data/evidence.py",
        "judging/metrics/compare.py",
        "litert/convert.py",
        "litert/graph.py",
        "litert/metadata.py",
        "litert/micro.py",
        "litert/runtimes.py",
        "networks/estimates.py",
        "networks/foreign/allowed.py",
        "networks/foreign/beginnings.py",
        "networks/foreign/build.py",
        "networks/foreign/configuration.py",
        "networks/foreign/ellipsis.py",
        "networks/foreign/ends.py",
        "networks/foreign/keras3.py",
        "networks/foreign/read.py",
        "networks/foreign/settings.py",
        "networks/foreign/sizes.py",
        "networks/framework.py",
        "releasing/registries/featherline_litert.py",
        "releasing/releases/held.py",
        "releasing/releases/provenance.py",
        "running/context.py",
        "running/execute.py",
        "running/external_state.py",
        "running/makers.py",
        "running/step_cache.py",
        "statistics/paired.py",
        "statistics/proportions.py",
        "steps/distill.py",
        "steps/dry_run.py",
        "steps/export.py",
        "steps/preprocess.py",
        "steps/publish.py",
        "steps/search.py",
        "steps/train.py",
        "steps/validate_data.py",
        "training/batches.py",
        "training/distillation/attention.py",
        "training/foreign_preprocessing.py",
        "training/loop.py",
        "training/teachers.py",
    )
)
"""Files that still name images, pixels or classes. None comes to them; one that does so no more is taken out."""


def said(word: re.Pattern[str], file: Path) -> set[str]:
    """Return the words of a file that match."""
    tokens = tokenize.generate_tokens(io.StringIO(file.read_text()).readline)
    read = [t.string for t in tokens if t.type in (tokenize.NAME, tokenize.STRING, tokenize.COMMENT)]
    apart = (re.sub(r"([a-z])([A-Z])", r"\1_\2", text).replace("_", " ") for text in read)
    return {match[0].lower() for text in apart for match in word.finditer(text)}


def others() -> dict[str, Path]:
    """Return the files of the rooms that know neither examples nor answers, by their name."""
    files = {file.relative_to(TASKS).as_posix(): file for file in sorted(TASKS.rglob("*.py"))}
    return {name: file for name, file in files.items() if not name.startswith(KNOW)}


def test_only_the_problem_names_its_metric() -> None:
    """Accuracy, recall and confusion are words of classification; all others speak of quality and slices."""
    named = {name: words for name, file in others().items() if (words := said(ANSWERS, file))}

    assert named == {}


def test_no_further_file_names_images_pixels_or_classes() -> None:
    """Whoever does not know what an example is speaks of examples, values and strata."""
    named = {name for name, file in others().items() if said(EXAMPLES, file)}

    assert named - STILL == set()


def test_a_word_is_found_inside_a_name(tmp_path: Path) -> None:
    """`min_accuracy` and `ImageRank` are such words, `class` of Python and `imagenet` are not."""
    file = tmp_path / "file.py"
    file.write_text("class A: min_accuracy = ImageRank('imagenet')  # inaccurate\n")

    assert said(ANSWERS, file) == {"accuracy"}
    assert said(EXAMPLES, file) == {"image"}
