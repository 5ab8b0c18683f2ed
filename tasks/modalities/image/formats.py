"""Finding out what a source is: by the format that the recipe names, else by the kinds of files in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import NamedTuple

from featherline.tasks.contracts.problems.parameters import VOCABULARY_FILE
from featherline.tasks.contracts.refusal import Refused, examples, refuse
from featherline.tasks.contracts.steps.preprocess import PreprocessParams
from featherline.tasks.data.sources.csv_files import ENDINGS as CSV_ENDINGS
from featherline.tasks.data.sources.intake import IntakeLog
from featherline.tasks.data.sources.place import Place, open_place
from featherline.tasks.data.sources.source import Source
from featherline.tasks.data.sources.vocabulary import read_vocabulary
from featherline.tasks.modalities.image.decode import SUFFIXES
from featherline.tasks.modalities.image.folder_layout import layout_of
from featherline.tasks.modalities.image.image_folder import ImageFolderSource
from featherline.tasks.modalities.image.manifest import ManifestSource, names_images
from featherline.tasks.modalities.image.parquet import ParquetSource
from featherline.tasks.modalities.image.pixel_csv import PixelCsvSource


@dataclass(frozen=True)
class Found:
    """What lies in a source: all names, and those of each format that has endings of its own."""

    place: Place
    names: list[str]
    files: dict[str, list[str]]
    vocabulary: tuple[str, ...] | None
    log: IntakeLog
    params: PreprocessParams


class Format(NamedTuple):
    """How a source of the format is opened, and the endings that it is known by; none where another one has them."""

    open: Callable[[Found], Source]
    endings: tuple[str, ...] = ()


def _parquet(found: Found) -> Source:
    return ParquetSource(found.place, found.files["parquet"], found.vocabulary, found.log, found.params)


def _pixel_csv(found: Found) -> Source:
    return PixelCsvSource(found.place, found.files["csv"], found.vocabulary, found.log, found.params)


def _image_folder(found: Found) -> Source:
    return ImageFolderSource(found.place, found.names, found.vocabulary, found.log, classes=found.params.classes)


def _manifest(found: Found) -> Source:
    return ManifestSource(
        found.place,
        found.files["csv"],
        found.files["image_folder"],
        vocabulary=found.vocabulary,
        log=found.log,
        params=found.params,
    )


FORMATS: dict[str, Format] = {
    "parquet": Format(_parquet, (".parquet",)),
    "csv": Format(_pixel_csv, CSV_ENDINGS),
    "image_folder": Format(_image_folder, tuple(sorted(SUFFIXES))),
    "manifest": Format(_manifest),
}
ENDINGS = {name: known.endings for name, known in FORMATS.items() if known.endings}


def open_source(params: PreprocessParams) -> Source:
    """Open the source that the recipe names.

    Raises:
        Refused: It is not there, is empty, or holds no format or several of those that are read.
    """
    if params.format == "digits" or (params.format == "auto" and params.source == "digits"):
        from featherline.tasks.modalities.image.digits import DigitsSource  # noqa: PLC0415 - scikit-learn: 100 MB that others do not need

        return DigitsSource()
    place = open_place(params.source)
    names = place.names()
    if not names:
        unusable = [f"{name} ({kind})" for name, kind in place.unusable.items()]
        raise refuse(
            f"preprocess finds nothing in {params.source}",
            expected="files (data.source)",
            got=examples(unusable) or "none",
            fix="correct data.source, or fill it",
        )
    vocabulary = read_vocabulary(place, names)
    found = {kind: [name for name in names if name.lower().endswith(endings)] for kind, endings in ENDINGS.items()}
    kind = _kind(params, place, found, names)
    log = IntakeLog(format=kind)
    if place.hidden:
        log.leave_out("hidden, by a dot before its name, or left by a desktop", place.hidden[0], len(place.hidden))
    if kind != "image_folder":  # it leaves out by itself what is no image
        used = found[{"manifest": "csv"}.get(kind, kind)]
        _leave_out_others(place, names, {*used, *(found["image_folder"] if kind == "manifest" else ())}, log)
    return FORMATS[kind].open(Found(place, names, found, vocabulary, log, params))


def _kind(params: PreprocessParams, place: Place, found: dict[str, list[str]], names: list[str]) -> str:
    """Return the format. Raises `Refused` where there is none, or several."""
    needed = {"manifest": ("csv", "image_folder"), "auto": ()}.get(params.format, (params.format,))
    missing = [kind for kind in needed if not found[kind]]
    if params.format == "image_folder" and missing and _without_ending(names):
        missing = []
    if missing or not any(found.values()):
        known = missing or list(found)
        raise refuse(
            f"preprocess finds no file that it can read in {params.source}",
            expected=", ".join(ending for kind in known for ending in ENDINGS[kind]),
            got=examples(names),
            fix="convert the data to one of these, or correct data.source and data.format",
        )
    if params.format != "auto":
        return params.format
    present = [kind for kind, files in found.items() if files]
    if len(present) == 1:
        return present[0]
    fitting, sure = present, True
    if set(present) == {"csv", "image_folder"}:
        fitting = ["manifest"] if names_images(place, found["csv"], found["image_folder"]) else []
        fitting += ["image_folder"] if _has_classes(params, place, found["image_folder"]) else []
        sure = bool(fitting)
    if len(fitting) == 1:
        return fitting[0]
    fix = f"set data.format to {' or '.join(fitting)}"
    if not sure:
        fix = "set data.format to csv where its columns are pixels; else name the images in a column of the table"
    raise refuse(
        f"preprocess finds several formats in {params.source}",
        expected="one of them",
        got=", ".join(f"{len(found[kind])} of {kind}, such as {found[kind][0]}" for kind in present),
        fix=fix,
    )


def _has_classes(params: PreprocessParams, place: Place, images: list[str]) -> bool:
    """Return whether the folders of the images are classes, at least two."""
    try:
        layout = layout_of(place.uri, images, params.classes)
    except Refused:
        return False
    classes = {found[1] for name in images if (found := layout.place_of(name))}
    return len(classes) > 1


def _without_ending(names: list[str]) -> bool:
    return any(not PurePosixPath(name).suffix and len(PurePosixPath(name).parts) > 1 for name in names)


def _leave_out_others(place: Place, names: list[str], used: set[str], log: IntakeLog) -> None:
    """Count what is of no format that is read here; images that rows of parquet files name are read all the same."""
    for name in names:
        if name not in used and name != VOCABULARY_FILE:
            suffix = PurePosixPath(name).suffix.lower()
            log.leave_out(f"a file of {suffix or 'no ending'} beside the {log.format}", name)
    for name, kind in place.unusable.items():
        log.leave_out(kind, name)
