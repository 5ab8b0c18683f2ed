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

CONTAINERS = frozenset(
    (
        "contracts/request.py",
        "releasing/releases/held.py",
        "releasing/releases/provenance.py",
        "running/context.py",
        "running/execute.py",
        "running/external_state.py",
        "running/makers.py",
        "running/step_cache.py",
        "steps/publish.py",
    )
)
"""Files that speak of the image of a container."""
OLDER = frozenset(("judging/data/evidence.py", "litert/metadata.py"))
"""Readers of what an older version wrote."""
NAMES_OF_OTHERS = frozenset(("networks/foreign/allowed.py",))
"""Tables of what Keras and TensorFlow call their operations."""


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
    """Whoever does not know what an example is speaks of examples, values and strata; a needless exception goes."""
    named = {name for name, file in others().items() if said(EXAMPLES, file)}

    assert named == CONTAINERS | OLDER | NAMES_OF_OTHERS


def test_a_word_is_found_inside_a_name(tmp_path: Path) -> None:
    """`min_accuracy` and `ImageRank` are such words, `class` of Python and `imagenet` are not."""
    file = tmp_path / "file.py"
    file.write_text("class A: min_accuracy = ImageRank('imagenet')  # inaccurate\n")

    assert said(ANSWERS, file) == {"accuracy"}
    assert said(EXAMPLES, file) == {"image"}
