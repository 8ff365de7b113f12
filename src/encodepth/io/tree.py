"""Folders and zip archives as one tree of names, so that a reader need not know which it is in.

A file in an archive has the path `archive.zip/folder/file.png`; nothing is ever unpacked.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath

from ..errors import EncodepthError, InvalidImageError

MAX_MEMBER = 1 << 28  # bytes of one file in an archive; a picture is far smaller


@dataclass
class Folder:
    """One folder, or one archive seen as a folder.

    Attributes:
        path: where it is.
        files: names of the files in it, sorted; archives are folders, not files.
        folders: by name, sorted; an archive under its name without ".zip".
        above: the folder this one lies in, None for the one that was opened.
        left_out: (path, reason) of what lies in it and could not be listed.
    """

    path: Path
    files: list[str] = field(default_factory=list)
    folders: dict[str, Folder] = field(default_factory=dict)
    above: Folder | None = field(default=None, repr=False, compare=False)
    left_out: list[tuple[Path, str]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Name without ".zip"; of the folder that was opened, the name it has where it lies."""
        path = self.path if self.path.name not in ("", "..") else Path(os.path.abspath(self.path))
        return path.stem if path.suffix.lower() == ".zip" else path.name or "root"

    @property
    def trail(self) -> tuple[str, ...]:
        """Names of the folders from below the opened one down to this one.

        A folder that an archive of its own name holds is not named twice.
        """
        if self.above is None:
            return ()
        again = self.name == self.above.name and self.above.path.suffix.lower() == ".zip"
        return self.above.trail if again else (*self.above.trail, self.name)

    def sequence(self, *more: str) -> str:
        """Name what was recorded here: the path below what was opened, never out of it.

        Args:
            more: names below this folder.
        """
        top = self
        while top.above is not None:
            top = top.above
        return "/".join((*self.trail, *more)) or top.name

    def upwards(self) -> Iterator[Folder]:
        """Yield this folder and those it lies in, up to the one that was opened."""
        yield self
        if self.above is not None:
            yield from self.above.upwards()

    def text(self, name: str) -> str:
        """Return the contents of a small text file in this folder.

        Raises:
            EncodepthError: it cannot be read, or is not text.
        """
        path = self.path / name
        try:
            return read_bytes(path).decode("utf-8-sig")  # some editors put a mark before
        except UnicodeDecodeError:
            raise EncodepthError(f"{path} is not a text file") from None

    def walk(self) -> Iterator[Folder]:
        """Yield this folder and every folder below it."""
        yield self
        for folder in self.folders.values():
            yield from folder.walk()


def open_tree(path: Path) -> Folder:
    """List a folder or a .zip archive with everything below it.

    Raises:
        EncodepthError: it does not exist, or is neither.
    """
    if path.is_dir():
        return _list_folder(path, set())
    if path.suffix.lower() == ".zip" and path.is_file():
        return _list_archive(path)
    if not path.exists():
        raise EncodepthError(f"{path} does not exist")
    raise EncodepthError(f"{path} is neither a folder nor a .zip or .mat file")


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a file, which may lie in an archive.

    Raises:
        InvalidImageError: it does not exist, or the archive is broken there.
    """
    archive, member = split(path)
    try:
        if archive is None:
            return path.read_bytes()
        opened = _open_archive(archive, archive.stat().st_mtime_ns, os.getpid())
        info = opened.getinfo(member)
        if info.file_size > MAX_MEMBER:
            raise InvalidImageError(f"{path} is {info.file_size} bytes, above {MAX_MEMBER}")
        return opened.read(info)
    except KeyError:
        raise InvalidImageError(f"{path} does not exist") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InvalidImageError(f"{path} cannot be read: {reason}") from None
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise InvalidImageError(f"{path} cannot be read: {_one_line(error)}") from None
    except Exception as error:
        if type(error).__module__ in ("zlib", "lzma"):
            raise InvalidImageError(f"{path} cannot be read: {_one_line(error)}") from None
        raise


def split(path: Path) -> tuple[Path | None, str]:
    """Return (archive, name inside it), or (None, "") for a file of its own."""
    for i, part in enumerate(path.parts[:-1]):
        if part.lower().endswith(".zip"):
            archive = Path(*path.parts[: i + 1])
            if archive.is_file():
                return archive, "/".join(path.parts[i + 1 :])
    return None, ""


def size_of(path: Path) -> int:
    """Return the length of a file in bytes, which may lie in an archive; 0 if it is missing."""
    archive, member = split(path)
    try:
        if archive is None:
            return path.stat().st_size
        return (
            _open_archive(archive, archive.stat().st_mtime_ns, os.getpid())
            .getinfo(member)
            .file_size
        )
    except (OSError, KeyError, zipfile.BadZipFile):
        return 0


def _list_folder(path: Path, above: set[tuple[int, int]], inside: Folder | None = None) -> Folder:
    folder = Folder(path, above=inside)
    try:
        here = path.stat()
        identity = here.st_dev, here.st_ino
        if identity in above:  # a link that leads back up
            return folder
        entries = sorted(os.scandir(path), key=lambda e: e.name)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        if inside is None:
            raise EncodepthError(f"{path} cannot be listed: {reason}") from None
        inside.left_out.append((path, f"cannot be listed: {reason}"))
        return folder
    for entry in entries:
        place = path / entry.name
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            folder.folders[entry.name] = _list_folder(place, above | {identity}, folder)
        elif entry.name.lower().endswith(".zip"):
            _add_archive(folder, place)
        else:
            folder.files.append(entry.name)
    return folder


def _add_archive(folder: Folder, path: Path) -> None:
    """List an archive as a folder, unless it is unpacked beside itself or broken."""
    name = path.name[:-4]
    if (folder.path / name).is_dir():
        folder.left_out.append((path, f"left out: the folder {name} beside it is read"))
        return
    try:
        folder.folders[name] = _list_archive(path, folder)
    except EncodepthError as error:
        folder.left_out.append((path, str(error)))


def _list_archive(path: Path, inside: Folder | None = None) -> Folder:
    try:
        names = sorted(_open_archive(path, path.stat().st_mtime_ns, os.getpid()).namelist())
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise EncodepthError(f"{path} is not a whole .zip file: {_one_line(error)}") from None
    root = Folder(path, above=inside)
    for name in names:
        parts = PurePosixPath(name).parts
        if name.endswith("/") or any(
            p.startswith((".", "__MACOSX", "/")) or "\\" in p for p in parts
        ):
            continue
        folder = root
        for part in parts[:-1]:
            folder = folder.folders.setdefault(part, Folder(folder.path / part, above=folder))
        folder.files.append(parts[-1])
    return root


@lru_cache(maxsize=16)
def _open_archive(path: Path, changed: int, process: int) -> zipfile.ZipFile:
    """Open an archive once per process; it is read into memory only as members are asked for."""
    return zipfile.ZipFile(path)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def as_file(path: Path) -> io.BytesIO:
    """Return a file, which may lie in an archive, as a seekable stream."""
    return io.BytesIO(read_bytes(path))
