"""Which column of a parquet file holds the images and which the labels, and what the classes are called."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from featherline.tasks.contracts.refusal import Refused, examples, refuse
from featherline.tasks.contracts.steps.preprocess import PreprocessParams
from featherline.tasks.modalities.image.csv_columns import LABEL_COLUMNS, column_named

IMAGE_COLUMNS = ("image", "img")
LABEL_COLUMN = "label"


@dataclass(frozen=True)
class ParquetColumns:
    """The parts that columns play.

    Attributes:
        image: Of encoded images.
        label: None where the file has none.
        vocabulary: Of the label, where the file's own metadata has them.
    """

    image: str
    label: str | None
    vocabulary: tuple[str, ...] | None


def parquet_columns(
    name: str, schema: pa.Schema, params: PreprocessParams, *, with_label: bool = True
) -> ParquetColumns:
    """Find the columns of a file: those that the recipe names, else those called so, else the only ones that fit.

    `with_label=False` is for a file of which it is known that it has none.

    Raises:
        Refused: None fits, or several do.
    """
    features = _features(schema)
    if not with_label:
        return ParquetColumns(_image(name, schema, params.image_column), None, None)
    image = _image(name, schema, params.image_column)
    label = _label(name, schema, image, features, params.label_column)
    names = features.get(label or "", {}).get("names")
    known = tuple(str(item) for item in names) if isinstance(names, list) and names else None
    return ParquetColumns(image, label, known)


def no_label(name: str, schema: pa.Schema, image: str) -> Refused:
    """Return the refusal of a file without a column that could hold classes."""
    others = [column for column in schema.names if column != image]
    refused = [f"{column} ({schema.field(column).type})" for column in others]
    return refuse(
        f"preprocess misses label in {name}",
        expected="a column of integers or strings that holds the class (data.label_column)",
        got=f"the columns {examples([image, *refused])}",
        fix="add the column, or remove the file",
    )


def is_image(kind: pa.DataType) -> bool:
    """Return whether a column may hold encoded images."""
    if pa.types.is_struct(kind):
        if kind.get_field_index("bytes") < 0:
            return False
        path = kind.field("path").type if kind.get_field_index("path") >= 0 else pa.null()
        texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_null)
        kind = kind.field("bytes").type
        return any(check(path) for check in texts) and (_is_binary(kind) or pa.types.is_null(kind))
    return _is_binary(kind)


def is_label(kind: pa.DataType) -> bool:
    """Return whether a column may hold classes."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    checks = (pa.types.is_integer, pa.types.is_boolean, pa.types.is_string, pa.types.is_large_string)
    return any(check(kind) for check in checks) or pa.types.is_floating(kind)


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _image(name: str, schema: pa.Schema, asked: str | None) -> str:
    kinds = {column: schema.field(column).type for column in _unique(name, schema)}
    if asked:
        named: str | None = column_named(name, list(kinds), asked, "image_column")
    else:
        named = next((column for column in IMAGE_COLUMNS if column in kinds), None)
    fits = [column for column, kind in kinds.items() if is_image(kind)]
    if named is not None and is_image(kinds[named]):
        return named
    if named is not None:
        raise refuse(
            f"preprocess cannot take the column {named} of {name} for images",
            expected="binary, or struct<bytes: binary, path: string>, of encoded images",
            got=str(kinds[named]),
            fix=f"set data.image_column to {' or '.join(fits)}" if fits else "encode the images, for instance as PNG",
        )
    if len(fits) != 1:
        raise refuse(
            f"preprocess misses image in {name}",
            expected="a column `image`, or only one of encoded images (binary, or struct<bytes, path>)",
            got=f"the columns {examples(f'{column} ({kind})' for column, kind in kinds.items())}",
            fix=f"set data.image_column to {' or '.join(fits)}" if fits else "encode the images, for instance as PNG",
        )
    return fits[0]


def _label(
    name: str, schema: pa.Schema, image: str, features: dict[str, dict[str, Any]], asked: str | int | None
) -> str | None:
    kinds = {column: schema.field(column).type for column in schema.names if column != image}
    if isinstance(asked, int):
        if not -len(schema.names) <= asked < len(schema.names):
            raise refuse(
                f"preprocess has no column {asked} in {name}",
                expected=f"the name of a column (data.label_column), or a position below {len(schema.names)}",
                got=str(asked),
                fix="correct data.label_column",
            )
        asked = str(schema.names[asked])
    fits = [column for column, kind in kinds.items() if is_label(kind)]
    classes = [column for column in fits if features.get(column, {}).get("_type") == "ClassLabel"]
    if asked is not None:
        named: str | None = column_named(name, list(kinds), asked, "label_column")
    else:
        named = LABEL_COLUMN if LABEL_COLUMN in kinds else None
    if named is not None and named not in fits:
        raise refuse(
            f"preprocess cannot take the column {named} of {name} for classes",
            expected="integers or strings",
            got=str(kinds[named]),
            fix=f"set data.label_column to {' or '.join(fits)}" if fits else "cast the column to integers or strings",
        )
    if named is not None:
        return named
    called = [column for column in fits if column.lower() in LABEL_COLUMNS]
    for several in (classes, called, fits):
        if len(several) == 1:
            return str(several[0])
        if several:
            raise refuse(
                f"preprocess cannot tell the column of labels in {name}",
                expected="a column `label`, or only one of classes",
                got=f"the columns {examples(several)}",
                fix=f"set data.label_column to {' or '.join(several[:5])}",
            )
    return None


def _unique(name: str, schema: pa.Schema) -> list[str]:
    twice = [column for column in schema.names if schema.names.count(column) > 1]
    if twice:
        raise refuse(
            f"preprocess cannot read {name}",
            expected="columns of different names",
            got=examples(dict.fromkeys(twice)),
            fix="rename the columns",
        )
    return [str(column) for column in schema.names]


def _features(schema: pa.Schema) -> dict[str, dict[str, Any]]:
    """Return what the `datasets` library wrote into a file's metadata of each column; nothing where it is no such."""
    text = (schema.metadata or {}).get(b"huggingface")
    try:
        found: Any = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    for key in ("info", "features"):
        found = found.get(key) if isinstance(found, dict) else None
    every = found if isinstance(found, dict) else {}
    return {column: feature for column, feature in every.items() if isinstance(feature, dict)}
