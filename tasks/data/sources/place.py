"""Where a source's files lie: a folder of this machine or a prefix of a bucket. Nothing is read outside of it."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import Protocol

from featherline.tasks.contracts.refusal import Refused, examples, refuse
from featherline.tasks.store.blobs import S3Blobs

LARGEST_FILE_BYTES = 256 * 2**20
"""Of a file that is read as a whole, such as an example."""
LITTER_FOLDERS = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information"})
"""What desktops and their archives leave beside the data: no labels, and thumbnails that are no examples of any."""
MOST_FILES = 5_000_000
"""Of a source; more examples are for parquet files."""


class Place(Protocol):
    """Files under relative names, with slashes.

    Attributes:
        uri: For messages.
        unusable: After `names`: what lies there and is no file that can be read, by name, with the reason.
        hidden: After `names`: files and folders whose names begin with a dot or are of `LITTER_FOLDERS`, left out.
    """

    uri: str
    unusable: dict[str, str]
    hidden: list[str]

    def names(self) -> list[str]:
        """Return the names of all files, sorted; hidden ones are left out."""

    def folders(self) -> list[str]:
        """Return the names of all folders that are not hidden, also of empty ones, sorted."""

    def read(self, name: str) -> bytes:
        """Return a small file as a whole. Raises `OSError` where it cannot be read."""

    def local(self, name: str) -> AbstractContextManager[Path]:
        """Give a file as one of this machine, for as long as the block runs."""


class FolderPlace:
    """A folder of this machine, or a single file of it."""

    def __init__(self, path: Path) -> None:
        """Use `path`. Raises `Refused` where there is nothing, or neither a folder nor a regular file."""
        self.uri = str(path)
        self.unusable: dict[str, str] = {}
        self.hidden: list[str] = []
        self._folders: list[str] = []
        problem = _unusable_source(path)
        if problem:
            raise refuse(
                f"preprocess finds no source at {path}",
                expected="a folder or a file (data.source)",
                got=problem,
                fix="correct data.source; a relative path starts where the step runs",
            )
        self.only = path.name if path.is_file() else None
        self.folder = Path(os.path.realpath(path.parent if path.is_file() else path))

    def names(self) -> list[str]:
        """Return the names of all files, sorted. Raises `Refused` where a link leads out, or to a folder."""
        if self.only is not None:
            return [self.only]
        found: list[str] = []
        self.unusable, self.hidden, self._folders = {}, [], []
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            for name, kind in self._listed(folder):
                if kind == "folder":
                    self._folders.append(name)
                    waiting.append(name)
                elif kind == "file":
                    found.append(name)
                else:
                    self.unusable[name] = kind
            if len(found) > MOST_FILES:
                raise too_many(self.uri)
        self._check_links([*found, *self.unusable])
        return sorted(found)

    def folders(self) -> list[str]:
        """Return the names of all visible folders, after `names`."""
        return sorted(self._folders)

    def read(self, name: str) -> bytes:
        """Return a small file. Raises `Refused` where its name leads out, `OSError` where it cannot be read."""
        path = self._inside(name)
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:  # noqa: PTH123 - of a number
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode):
                raise OSError(_kind(state.st_mode))
            data = file.read(min(state.st_size, LARGEST_FILE_BYTES) + 1)  # Python makes room for all that is asked for
        if len(data) > LARGEST_FILE_BYTES:
            raise OSError(f"more than {LARGEST_FILE_BYTES // 2**20} MiB")
        return data

    @contextmanager
    def local(self, name: str) -> Iterator[Path]:
        """Give the file itself."""
        path = self._inside(name)
        if not path.is_file():
            raise FileNotFoundError(f"{self.uri}/{name}")
        yield path

    def _listed(self, folder: str) -> Iterator[tuple[str, str]]:
        """Yield what lies in a folder and what it is: a folder, a file, or why it is neither."""
        try:
            with os.scandir(self.folder / folder) as entries:
                listed = list(entries)
        except OSError as error:
            yield folder or ".", f"a folder that cannot be listed ({error.strerror})"
            return
        for entry in listed:
            name = f"{folder}/{entry.name}" if folder else entry.name
            if _is_hidden(entry.name):
                self.hidden.append(name)
            else:
                yield name, _kind_of(entry)

    def _check_links(self, names: list[str]) -> None:
        links = [name for name in names if (self.folder / name).is_symlink()]
        escaped = [name for name in sorted(links) if not self._real(name).is_relative_to(self.folder)]
        if escaped:
            raise escape(self.uri, escaped)
        folders = [name for name in sorted(links) if self.unusable.get(name) == LINKED_FOLDER]
        if folders:
            raise refuse(
                f"preprocess does not follow links to folders in {self.uri}",
                expected="folders and files, and links to files",
                got=examples(folders),
                fix="remove the link, or copy the folder in its place",
            )

    def _real(self, name: str) -> Path:
        return Path(os.path.realpath(self.folder / name))

    def _inside(self, name: str) -> Path:
        if "\0" in name:
            raise FileNotFoundError(name)
        path = self._real(name)
        if not path.is_relative_to(self.folder):
            raise escape(self.uri, [name])
        return path


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in LITTER_FOLDERS


LINKED_FOLDER = "a link to a folder"


def _kind_of(entry: os.DirEntry[str]) -> str:
    """Return `folder`, `file`, or what else a name stands for."""
    try:
        if entry.is_dir(follow_symlinks=False):
            return "folder"
        mode = entry.stat().st_mode
    except OSError as error:
        if entry.is_symlink():
            return "a link that leads round in a circle" if error.errno == errno.ELOOP else "a link that leads nowhere"
        return f"a file that cannot be read ({error.strerror})"
    if entry.is_symlink() and stat.S_ISDIR(mode):
        return LINKED_FOLDER
    return "file" if stat.S_ISREG(mode) else _kind(mode)


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFIFO: "a FIFO",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
        stat.S_IFDIR: "a folder",
    }
    return kinds.get(stat.S_IFMT(mode), "no regular file")


def _unusable_source(path: Path) -> str:
    """Return why `path` can be no source, or nothing."""
    try:
        mode = path.stat().st_mode
    except ValueError:
        return "a path with a NUL character"
    except OSError as error:
        return "nothing there" if error.errno in {errno.ENOENT, errno.ENOTDIR} else str(error.strerror)
    if stat.S_ISDIR(mode):
        return "" if os.access(path, os.R_OK | os.X_OK) else "a folder that may not be read"
    if stat.S_ISREG(mode):
        return "" if os.access(path, os.R_OK) else "a file that may not be read"
    return _kind(mode)


class BucketPlace:
    """A prefix of a bucket. Files are fetched one at a time into a temporary folder."""

    def __init__(self, uri: str) -> None:
        """Use `s3://bucket/prefix`."""
        self.blobs = S3Blobs(uri)
        self.uri = self.blobs.uri
        self.unusable: dict[str, str] = {}
        self.hidden: list[str] = []
        self._folders: set[str] = set()
        self._sizes: dict[str, int] = {}

    def names(self) -> list[str]:
        """Return the keys below the prefix, sorted. Raises `Refused` for a key such as `../x`."""
        start = len(self.blobs.prefix)
        listed = {str(key)[start:]: int(size) for key, size, _ in self.blobs.listing()}
        escaped = [key for key in listed if leads_out(key)]
        if escaped:
            raise escape(self.uri, escaped)
        if len(listed) > MOST_FILES:
            raise too_many(self.uri)
        self.hidden = [key for key in listed if any(_is_hidden(part) for part in key.split("/"))]
        visible_keys = listed.keys() - set(self.hidden) - {""}
        self._sizes = {key: listed[key] for key in visible_keys if not key.endswith("/")}
        parents = (str(parent) for key in visible_keys for parent in PurePosixPath(f"{key}_").parents)
        self._folders = {*parents} - {".", "/"}
        return sorted(self._sizes)

    def folders(self) -> list[str]:
        """Return the prefixes of all keys, and the markers of folders, after `names`."""
        return sorted(self._folders)

    def read(self, name: str) -> bytes:
        """Return a small object. Raises `FileNotFoundError` where it is gone, `OSError` where it is too large."""
        if leads_out(name):
            raise escape(self.uri, [name])
        if "\0" in name:
            raise FileNotFoundError(name)
        if self._sizes.get(name, 0) > LARGEST_FILE_BYTES:
            raise OSError(f"more than {LARGEST_FILE_BYTES // 2**20} MiB")
        data = self.blobs.read(name)
        if data is None:
            raise FileNotFoundError(f"{self.uri}/{name}")
        return data

    @contextmanager
    def local(self, name: str) -> Iterator[Path]:
        """Fetch the object; it is deleted after the block."""
        with tempfile.TemporaryDirectory(prefix="featherline-source-") as folder:
            path = Path(folder, "object")  # a key may hold what no file name can
            if not self.blobs.download(name, path):
                raise FileNotFoundError(f"{self.uri}/{name}")
            yield path


def open_place(source: str) -> Place:
    """Open a folder, a file or `s3://bucket/prefix`."""
    return BucketPlace(source) if source.startswith("s3://") else FolderPlace(Path(source))


@contextmanager
def opened(place: Place, name: str) -> Iterator[Path]:
    """Give a file of a place. Raises `Refused` where it is gone since it was listed, or may not be read."""
    with ExitStack() as stack:
        try:
            path = stack.enter_context(place.local(name))
            with path.open("rb"):
                pass
        except OSError as error:
            raise refuse(
                f"preprocess cannot read {name}",
                expected="a file that may be read, and that stays while it is read",
                got=error.strerror or "it is gone",
                fix="correct its permissions, or wait until the export that writes it is done, and run again",
            ) from error
        yield path


def leads_out(name: str) -> bool:
    """Return whether a relative name leads out of its folder."""
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts


def too_many(uri: str) -> Refused:
    """Return the refusal of more files than a listing can hold."""
    return refuse(
        f"preprocess cannot list {uri}",
        expected=f"at most {MOST_FILES:,} files",
        got="more",
        fix="pack the examples into parquet files",
    )


def escape(uri: str, names: list[str]) -> Refused:
    """Return the refusal of names that lead out of a source."""
    return refuse(
        f"preprocess does not leave the source {uri}",
        expected="files inside of it",
        got=examples(names),
        fix="copy the files into the source, or make data.source the folder that holds them all",
    )
