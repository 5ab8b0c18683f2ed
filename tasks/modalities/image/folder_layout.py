"""Which folder of an image folder is a split, which is a class, and what is neither.

    cat/1.png, dog/2.jpg                                  one set
    train/cat/1.png, test/dog/2.jpg, val/…                splits: training_set, seg_train/seg_train, TestImages, …
    archive/train/cat/1.png                               one folder around all of it is looked through

Where a top folder is a split, no top folder is a class: what lies beside the splits is left out by name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from featherline.tasks.contracts.refusal import examples, refuse
from featherline.tasks.data.sources.source import SourceSplit
from featherline.tasks.data.sources.split_names import ORDER, split_of_folder, splits_of_folders

Parts = tuple[str, ...]


@dataclass(frozen=True)
class Layout:
    """Where the classes lie.

    Attributes:
        roots: The folder whose folders are classes, for each split; `all` alone where there are no splits.
        beside: Folders beside the splits, which are left out.
        unlabelled: Splits whose images lie in no class folder, which are left out.
    """

    roots: dict[SourceSplit, tuple[Parts, ...]]
    beside: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()
    _by_root: dict[Parts, SourceSplit] = field(default_factory=dict)

    def place_of(self, name: str) -> tuple[SourceSplit, str] | None:
        """Return the split and the class of a file or folder, None where it lies in no class folder."""
        parts = PurePosixPath(name).parts
        for depth in range(len(parts)):
            split = self._by_root.get(parts[:depth])
            if split is not None:
                return (split, parts[depth]) if len(parts) > depth + 1 else None
        return None

    def class_folders(self, folders: Iterable[str]) -> list[str]:
        """Return which of all folders are a class's own."""
        parts = ((name, PurePosixPath(name).parts) for name in folders)
        return [name for name, part in parts if part[:-1] in self._by_root]


def layout_of(uri: str, images: list[str], classes: tuple[str, ...] | None) -> Layout:
    """Find the splits and classes among the folders of some images.

    Args:
        uri: Of the source, for messages.
        images: Their names.
        classes: Names that the recipe gives: a folder that it names is a class, whatever else it may be.

    Raises:
        Refused: Some images lie in no class folder, or there is no train split beside the others.
    """
    parts = [PurePosixPath(name).parts for name in images]
    top = _through_wrappers(parts, classes or ())
    below = [part[len(top) :] for part in parts if part[: len(top)] == top]
    folders = {part[0] for part in below if len(part) > 1}
    splits = {} if folders <= set(classes or ()) else splits_of_folders(folders)
    if not splits:
        _check_all_in_folders(uri, images, len(top) + 2, "class/image.png, or train/class/image.png")
        _check_no_splits_below(uri, below)
        return _layout({"all": (top,)})
    stray = ["/".join((*top, *part)) for part in below if len(part) == 1]
    roots: dict[SourceSplit, list[Parts]] = {}
    unlabelled = []
    for name in sorted(splits):
        inside = [part[1:] for part in below if part[0] == name]
        root = (name, *_through_same_split(inside, splits[name]))
        flat = [part for part in inside if len(part) == len(root)]
        if len(flat) < len(inside):
            stray += ["/".join((*top, name, *part)) for part in flat]
            roots.setdefault(splits[name], []).append((*top, *root))
        elif splits[name] == "train":
            stray += ["/".join((*top, name, *part)) for part in flat]
        else:
            unlabelled.append("/".join((*top, name)))
    if stray:
        raise _no_class(uri, stray, "train/class/image.png")
    if "train" not in roots:
        raise refuse(
            f"preprocess finds no train split in {uri}",
            expected="a folder train with a folder for each class, or none that is named as a split",
            got=examples(sorted(splits)),
            fix="add the folder train, rename these so that they are split by data.test_fraction, or name them in "
            "data.classes where they are classes",
        )
    beside = tuple("/".join((*top, name)) for name in sorted(folders - splits.keys()))
    return _layout({split: tuple(roots[split]) for split in ORDER if split in roots}, beside, tuple(unlabelled))


def _layout(
    roots: dict[SourceSplit, tuple[Parts, ...]], beside: tuple[str, ...] = (), unlabelled: tuple[str, ...] = ()
) -> Layout:
    return Layout(roots, beside, unlabelled, {root: split for split, every in roots.items() for root in every})


def _through_wrappers(parts: list[Parts], classes: tuple[str, ...]) -> Parts:
    """Return the folders that lie around everything and are no class: with one class there is nothing to tell apart."""
    top: Parts = ()
    while parts:
        names = {part[0] for part in parts}
        deeper = all(len(part) > 2 for part in parts)  # noqa: PLR2004 - wrapper, class, image
        only = next(iter(names))
        if len(names) > 1 or not deeper or only in classes or split_of_folder(only):
            break
        top, parts = (*top, only), [part[1:] for part in parts]
    return top


def _through_same_split(inside: list[Parts], split: SourceSplit) -> Parts:
    """Return the folders of the split's own name in which it is packed once more, as in seg_train/seg_train."""
    root: Parts = ()
    while inside and len(names := {part[0] for part in inside}) == 1:
        only = next(iter(names))
        if split_of_folder(only) != split or not all(len(part) > 1 for part in inside):
            break
        root, inside = (*root, only), [part[1:] for part in inside]
    return root


def _check_all_in_folders(uri: str, images: list[str], depth: int, expected: str) -> None:
    outside = [name for name in images if len(PurePosixPath(name).parts) < depth]
    if outside:
        raise _no_class(uri, outside, expected)


def _check_no_splits_below(uri: str, below: list[Parts]) -> None:
    """Refuse cat/train/1.png beside cat/test/2.png: the source has splits, which would be mixed."""
    second = {part[1] for part in below if len(part) > 2}  # noqa: PLR2004 - class, split, image
    found = splits_of_folders(second)
    if len(second) > 1 and found.keys() == second and "train" in found.values() and len(set(found.values())) > 1:
        raise refuse(
            f"preprocess meets splits within the classes of {uri}",
            expected="train/class/image.png, or class/image.png",
            got=examples(sorted(f"class/{name}" for name in second)),
            fix="move the folders, so that the split stands above the class",
        )


def _no_class(uri: str, outside: list[str], expected: str) -> Exception:
    return refuse(
        f"preprocess cannot tell the class of every image of {uri}",
        expected=expected,
        got=examples(outside),
        fix="move the images into folders of their classes; where a table names their classes, set data.format to "
        "manifest; a class that is named as a split is, stands in data.classes",
    )
