"""Loading record files, each record with where it comes from: a page names a source for any number.

A file gets a letter; what its header lines say (day, machine, versions) is kept beside its digest.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import EncodepthError
from .records import HOLDS_RECORDS, Key, Record, key, read_bytes, read_records

README_LENGTH = 20_000  # characters of a README that are kept
QUALITIES = ("similarity_db", "ms_ssim_db")  # that the page shows and not every file has
ALSO = "_also"  # field that names the file of what was added to a record
SOURCE = "_source"  # field that names a record's file, by its letter


@dataclass(frozen=True)
class Source:
    """One record file (`.jsonl`) or profile (`.json`).

    Attributes:
        letter: its short name on the page.
        path: as given.
        digest: first 12 hex digits of its SHA-256.
        count: records in it.
        used: of these, how many no earlier file held already, or not as whole.
        headers: what it says about machines, in order, repeats left out.
        dated: the day of the file itself, for one without headers.
        readme: the README.md beside a file without headers, or nothing.
    """

    letter: str
    path: str
    digest: str
    count: int
    used: int
    headers: tuple[Record, ...] = ()
    dated: str = ""
    readme: str = ""


@dataclass
class Material:
    """All records (each with SOURCE), all profiles, and their files."""

    records: list[Record] = field(default_factory=list)
    profiles: list[Record] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)


def load_material(paths: Iterable[str | os.PathLike[str]]) -> Material:
    """Read record files and profiles; folders stand for such files right in them.

    Of a result that several files hold, the first counts, as in `compare`; what only a later one
    measured, of the same bytes, is added to it.

    Raises:
        EncodepthError: a file is missing or is neither, or there is no record at all.
    """
    named = [Path(path) for path in paths]
    files = [path for path in _expand(named) if path in named or _holds(path)]
    found = Material()
    places: dict[Key, int] = {}
    for path in files:
        letter = _letter(len(found.sources))
        add = _add_profiles if path.suffix == ".json" else _add_records
        found.sources.append(add(path, letter, found, places))
    if not found.records:
        names = ", ".join(map(str, files or named)) or "no file"
        raise EncodepthError(f"no records in {names}")
    return found


def load_records(paths: Iterable[str | os.PathLike[str]]) -> list[Record]:
    """Read record files, or the ones in a folder, as `load_material` does; the records alone.

    Raises:
        EncodepthError: a file is missing, is no record file, or all are empty.
    """
    return load_material(paths).records


def letters_of(records: Iterable[Record]) -> tuple[str, ...]:
    """Return the letters of the files that some records come from, in order."""
    found = {r[name] for r in records for name in (SOURCE, ALSO) if name in r}
    return tuple(sorted(found, key=lambda s: (len(s), s)))


def _holds(path: Path) -> bool:
    """Whether a file of a folder is one of ours: other lines and JSON may lie beside."""
    data = read_bytes(path)
    return bool(_profiles(path, data)) if path.suffix == ".json" else HOLDS_RECORDS in data


def _add_profiles(path: Path, letter: str, found: Material, _: dict[Key, int]) -> Source:
    data = read_bytes(path)
    profiles = _profiles(path, data)
    found.profiles += [{**p, SOURCE: letter} for p in profiles]
    headers = _distinct([_header(p) for p in profiles if "machine" in p])
    dated = "" if headers else _day(path)
    count = len(profiles)
    return Source(letter, str(path), _digest(data), count, count, headers, dated)


def _add_records(path: Path, letter: str, found: Material, places: dict[Key, int]) -> Source:
    """Add what no earlier file held, and to what one did the qualities that it lacked."""
    whole, used = read_records(path), 0
    for record in whole.records:
        name = key({**record, "set": ""})
        place = places.setdefault(name, len(found.records))
        if place == len(found.records):
            found.records.append({**record, SOURCE: letter})
        elif _adds(record, found.records[place]):
            found.records[place] = {**record, **found.records[place], ALSO: letter}
        else:
            continue
        used += 1
    source = Source(letter, str(path), _digest(read_bytes(path)), len(whole.records), used)
    if whole.headers:
        return replace(source, headers=_distinct(whole.headers))
    return replace(source, dated=_day(path), readme=_readme(path.parent))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


def _adds(record: Record, known: Record) -> bool:
    """Say whether a repeated record of the same bytes holds a quality that the first lacks."""
    same = record["bytes"] == known["bytes"]
    return same and any(record.get(n) is not None and n not in known for n in QUALITIES)


def _expand(paths: Iterable[str | os.PathLike[str]]) -> Iterable[Path]:
    for path in map(Path, paths):
        if path.is_dir():
            yield from sorted(f for f in path.iterdir() if f.suffix in (".jsonl", ".json"))
        else:
            yield path


def _letter(number: int) -> str:
    turn, place = divmod(number, 26)
    return chr(ord("A") + place) + (str(turn) if turn else "")


def _day(path: Path) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(path.stat().st_mtime))


def _readme(folder: Path) -> str:
    """Return the README.md of a folder of records: where files have no headers, it says how."""
    try:
        return (folder / "README.md").read_text(encoding="utf-8")[:README_LENGTH]
    except (OSError, UnicodeDecodeError):
        return ""


def _profiles(path: Path, data: bytes) -> list[dict[str, Any]]:
    """Return what `encodepth profile --json` printed; other JSON files hold nothing for us."""
    try:
        value = json.loads(data)
    except ValueError:
        raise EncodepthError(f"{path} is no JSON file") from None
    entries = value if isinstance(value, list) else [value]
    return [e for e in entries if isinstance(e, dict) and {"model", "macs", "parameters"} <= set(e)]


def _header(profile: dict[str, Any]) -> Record:
    """Return when and on what machine a profile was measured, as record files open with."""
    return {k: profile[k] for k in ("machine", "system", "measured", "versions") if k in profile}


def _distinct(headers: Sequence[Record]) -> tuple[Record, ...]:
    kept: list[Record] = []
    for header in headers:
        if header not in kept:
            kept.append(header)
    return tuple(kept)
