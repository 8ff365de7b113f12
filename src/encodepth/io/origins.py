"""Files and folders that recordings are made of, found below a folder or a bucket by their names.

Nothing is opened here: a bag in a bucket is fetched by whoever makes a recording of it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from posixpath import basename, dirname
from tempfile import TemporaryDirectory
from typing import Any

from ..errors import EncodepthError
from ..sequence.about import is_recording
from ..sequence.find import SUFFIX
from ..sequence.source import is_url, open_filesystem
from .found import COLORS, Problem
from .lerobot import INFO, is_lerobot
from .ros.bag import KINDS, is_bag

_ARCHIVE = ".zip"
_METADATA = "metadata.yaml"  # beside the files of a ROS 2 bag


@dataclass(frozen=True)
class Origin:
    """A file or folder that one recording or several are made of.

    Attributes:
        at: its path or URL.
        name: what recordings of it are called: its path below what was searched, without suffix
            unless that tells two apart.
        stamp: what changes when its bytes do.
    """

    at: str
    name: str
    stamp: str

    @contextmanager
    def here(self) -> Iterator[Path]:
        """Give its path on this machine, fetched for as long as it is needed if it is a URL.

        Raises:
            EncodepthError: it cannot be fetched.
        """
        if not is_url(self.at):
            yield Path(self.at)
            return
        system, path = open_filesystem(self.at)
        with TemporaryDirectory(prefix="encodepth-") as place:
            own = Path(place, basename(path.rstrip("/")))
            with _told(self.at):
                _fetch(system, path, own)
            try:
                yield own
            except EncodepthError as error:
                raise type(error)(self.said(error, own)) from None

    def said(self, words: object, here: Path) -> str:
        """Return words in which this is called as it was named, wherever it was fetched to."""
        return str(words).replace(str(here), self.at)


def find_origins(where: str) -> tuple[list[Origin], list[Problem]]:
    """List bags, recordings and archives at or below a folder, a bucket or a URL, by name.

    Archives are listed where there are bags or recordings beside them, and below URLs; a folder of
    pictures or archives alone is a dataset, for `open_recordable`.

    Returns:
        What was found, none for a path that is no folder or a dataset; and what is left out.

    Raises:
        EncodepthError: a URL cannot be read, or has nothing of these.
    """
    return _in_url(where) if is_url(where) else _on_disk(where)


def _on_disk(where: str) -> tuple[list[Origin], list[Problem]]:
    if not os.path.isdir(where) or is_bag(where) or is_lerobot(where):
        return [], []
    files = dict(_walk(where))

    def recording(name: str) -> bool:
        with open(os.path.join(where, name), "rb") as file:
            return is_recording(file.read(16))

    names = _origins(files, recording)
    if all(name.endswith(_ARCHIVE) for name in names):
        return [], []
    join = os.path.join
    return _named(where, names, files, join), _left_out(where, names, files)


def _walk(where: str) -> Iterator[tuple[str, str]]:
    """Yield every file's name below a folder with its length and time."""
    for place, below, files in os.walk(where):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                path = os.path.join(place, name)
                try:
                    found = os.stat(path)
                except OSError:
                    continue  # a link to nothing
                relative = os.path.relpath(path, where).replace(os.sep, "/")
                yield relative, f"{found.st_size} {found.st_mtime_ns}"


def _in_url(where: str) -> tuple[list[Origin], list[Problem]]:
    system, root = open_filesystem(where)
    with _told(where):
        if not system.exists(root):
            raise EncodepthError(f"{where} does not exist")
        if system.isfile(root):
            name = basename(root)
            return [Origin(where, _bare(name), _stamp(system.info(root)))], []
        found = system.find(root, detail=True)
    start = len(root.rstrip("/")) + 1
    files = {path[start:]: _stamp(facts) for path, facts in sorted(found.items())}

    def recording(name: str) -> bool:
        with _told(f"{where}/{name}"):
            return is_recording(system.cat_file(f"{root.rstrip('/')}/{name}", 0, 16))

    names = _origins(files, recording)
    if not names:
        raise EncodepthError(
            f"{where} has no bag ({', '.join(KINDS)}), recording or .zip archive; pictures in a "
            "bucket are read from archives"
        )

    def join(base: str, name: str) -> str:
        return f"{base.rstrip('/')}/{name}"

    return _named(where, names, files, join), _left_out(where, names, files)


def _origins(files: Mapping[str, str], recording: Any) -> list[str]:
    """Return which names are origins: files by suffix, folders of ROS 2 bags."""
    bags = {dirname(n) for n in files if n.endswith(f"/{_METADATA}")}
    bags = {b for b in bags if any(_storage(n) for n in files if dirname(n) == b)}
    sets = _lerobots(files)
    found = set(bags)
    for name in files:
        suffix = os.path.splitext(name)[1].lower()
        if dirname(name) in bags or _below(name, sets):
            continue
        if suffix in (*KINDS, _ARCHIVE) or (suffix == SUFFIX and recording(name)):
            found.add(name)
    return sorted(found)


def _storage(name: str) -> bool:
    return any(kind in basename(name).lower() for kind in (".db3", ".mcap"))


def _lerobots(files: Mapping[str, str]) -> set[str]:
    return {name.removesuffix(f"/{INFO}") for name in files if name.endswith(f"/{INFO}")}


def _below(name: str, folders: set[str]) -> bool:
    return any(name.startswith(f"{folder}/") for folder in folders)


def _named(where: str, names: list[str], files: Mapping[str, str], join: Any) -> list[Origin]:
    bare = Counter(_bare(name) for name in names)
    return [
        Origin(
            join(where, name),
            _bare(name) if bare[_bare(name)] == 1 else name,
            files.get(name) or repr([f for f in files.items() if dirname(f[0]) == name]),
        )
        for name in names
    ]


def _left_out(where: str, names: list[str], files: Mapping[str, str]) -> list[Problem]:
    """Say what lies beside origins and is none."""
    found = [
        Problem(Path(f"{where}/{name}"), "a LeRobot dataset; encode it by itself", fatal=False)
        for name in sorted(_lerobots(files))
    ]
    folders = _lerobots(files) | set(names)
    pictures = [
        name for name in files if name.lower().endswith(COLORS) and not _below(name, folders)
    ]
    if pictures:
        words = "pictures beside bags and recordings are not taken; name their folder by itself"
        found.append(Problem(Path(f"{where}/{pictures[0]}"), words, False, len(pictures)))
    return found


def _bare(name: str) -> str:
    stem, suffix = os.path.splitext(name)
    return stem if suffix.lower() in (*KINDS, _ARCHIVE, SUFFIX) else name


def _stamp(facts: Mapping[str, Any]) -> str:
    """Return length and whatever else a file system says that changes with a file."""
    held = ("size", "mtime", "LastModified", "last_modified", "updated", "ETag", "etag", "md5Hash")
    return repr([(key, str(facts[key])) for key in held if facts.get(key) is not None])


def _fetch(system: Any, path: str, own: Path) -> None:
    """Bring a file, or the files of a folder, to this machine."""
    if not system.isdir(path):
        system.get_file(path, str(own))
        return
    own.mkdir()
    for one in system.ls(path, detail=False):
        if system.isfile(one):
            system.get_file(one, str(own / basename(one)))


@contextmanager
def _told(url: str) -> Iterator[None]:
    """Say in one line what a file system says.

    Raises:
        EncodepthError: it raised anything.
    """
    try:
        yield
    except EncodepthError:
        raise
    except FileNotFoundError:
        raise EncodepthError(f"{url} does not exist") from None
    except Exception as error:  # of whatever package serves the URL
        words = " ".join(str(error).split()) or type(error).__name__
        raise EncodepthError(f"{url} cannot be read: {words}") from None
