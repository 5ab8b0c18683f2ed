"""Finding out what a source is: by the format that the recipe names, else by the kinds of files in it."""

from __future__ import annotations

from tasks.contracts.data import PreprocessParams
from tasks.contracts.refusal import examples, refuse
from tasks.sources.image_folder import SUFFIXES, ImageFolderSource
from tasks.sources.parquet import ParquetSource
from tasks.sources.pixel_csv import PixelCsvSource
from tasks.sources.place import Place, open_place
from tasks.sources.source import Source

CLASSES_FILE = "classes.txt"
"""Class names, a line each, in label order."""

ENDINGS: dict[str, tuple[str, ...]] = {
    "parquet": (".parquet",),
    "csv": (".csv", ".csv.gz"),
    "image_folder": SUFFIXES,
}


def open_source(params: PreprocessParams) -> Source:
    """Open the source that the recipe names.

    Raises:
        Refused: It is not there, is empty, or holds no format or several of those that are read.
    """
    if params.format == "digits" or (params.format == "auto" and params.source == "digits"):
        from tasks.sources.digits import DigitsSource  # noqa: PLC0415 - scikit-learn: 100 MB that others do not need

        return DigitsSource()
    place = open_place(params.source)
    names = place.names()
    if not names:
        raise refuse(
            f"preprocess finds nothing in {params.source}",
            expected="files (data.source)",
            got="none",
            fix="correct data.source, or fill it",
        )
    kind, chosen = _kind(params, names)
    class_names = _class_names(place, names)
    if kind == "parquet":
        return ParquetSource(place, chosen, class_names)
    if kind == "image_folder":
        return ImageFolderSource(place, chosen, class_names)
    known = (*params.image_size, params.channels or 1) if params.image_size else ()
    return PixelCsvSource(place, chosen, class_names, known=known)


def _kind(params: PreprocessParams, names: list[str]) -> tuple[str, list[str]]:
    """Return the format and its files."""
    found = {
        kind: [name for name in names if name.lower().endswith(endings)]
        for kind, endings in ENDINGS.items()
        if params.format in {kind, "auto"}
    }
    present = {kind: files for kind, files in found.items() if files}
    if len(present) == 1:
        return next(iter(present.items()))
    if not present:
        raise refuse(
            f"preprocess finds no file that it can read in {params.source}",
            expected=", ".join(ending for kind in found for ending in ENDINGS[kind]),
            got=examples(names),
            fix="convert the data to one of these, or correct data.source and data.format",
        )
    raise refuse(
        f"preprocess finds several formats in {params.source}",
        expected="one of them",
        got=", ".join(f"{len(files)} of {kind}, such as {files[0]}" for kind, files in present.items()),
        fix=f"set data.format to {' or '.join(present)}",
    )


def _class_names(place: Place, names: list[str]) -> tuple[str, ...] | None:
    if CLASSES_FILE not in names:
        return None
    lines = place.read(CLASSES_FILE).decode().splitlines()
    found = tuple(line.strip() for line in lines if line.strip())
    if len(set(found)) != len(found) or not found:
        raise refuse(
            f"preprocess cannot use {CLASSES_FILE} of {place.uri}",
            expected="a class name a line, each once",
            got=examples(name for name in found if found.count(name) > 1) or "no names",
            fix=f"correct {CLASSES_FILE}, or remove it and give data.classes",
        )
    return found
