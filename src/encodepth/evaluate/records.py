"""Measured results as JSON lines: one object per frame, modality, codec and setting.

A file may open with header lines (those with a "machine" field) that say when and on what the
records below them were measured. The fields are those of docs/evaluation.md; anchors read alike.
"""

from __future__ import annotations

import json
import math
import os
import platform
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any

from ..errors import EncodepthError

Record = dict[str, Any]
Key = tuple[Any, ...]

KEY_FIELDS = ("set", "sequence", "frame", "modality", "codec", "setting")
HOLDS_RECORDS = b'"codec"'  # stands in every record, so a file without it holds none
MODALITIES = ("color", "depth", "joint")

_DIGITS = {"bpp": 6, "psnr65535": 4, "psnr_max": 4, "psnr": 4, "edge_bad": 6, "edge_share": 6}
_LIBRARIES = ("encodepth", "numpy", "torch", "imagecodecs", "pillow", "av")


@dataclass
class RecordSet:
    """The records of one file, the machines they were measured on, and what was skipped."""

    records: list[Record] = field(default_factory=list)
    headers: list[Record] = field(default_factory=list)


def read_records(path: str | os.PathLike[str]) -> RecordSet:
    """Read a record file; a last line that was cut off is left out.

    Raises:
        EncodepthError: the file is missing, or a line is no record (the line is named).
    """
    lines = read_bytes(Path(path)).split(b"\n")
    found = RecordSet()
    for number, line in enumerate(lines, 1):
        if not line.strip() or (number == len(lines) and not _is_json(line)):
            continue
        entry = _parse(line, f"{os.fspath(path)}, line {number}")
        (found.headers if "machine" in entry else found.records).append(entry)
    return found


def key(record: Record) -> Key:
    """What makes a record one of a kind: set, sequence, frame, modality, codec and setting."""
    setting = record.get("setting")
    values = tuple(str(record.get(name, "")) for name in KEY_FIELDS[:-1])
    return (*values, float(setting) if setting is not None else None)


class RecordFile:
    """A record file open for adding to. Each record is whole on disk before `add` returns.

    Opening repairs a file whose last line was cut off by a crash, and `done` holds the keys of
    what is there already, so that a run can go on where it stopped. `weights` tells for each of
    our codecs with which weights it was measured.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.done: set[Key] = set()
        self.weights: dict[str, set[str]] = {}
        if self.path.exists():
            found = read_records(self.path).records
            self._cut_torn_line()
            for record in found:
                self.done.add(key(record))
                if record.get("weights"):
                    self.weights.setdefault(record["codec"], set()).add(record["weights"])
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self.path, "a", encoding="utf-8")  # noqa: SIM115
        except OSError as error:
            raise EncodepthError(f"{self.path} cannot be written: {error.strerror}") from None

    def add(self, record: Record) -> None:
        """Append one record or header line."""
        self._file.write(json.dumps(tidy(record), ensure_ascii=False, allow_nan=False) + "\n")
        self._file.flush()
        if "machine" not in record:
            self.done.add(key(record))

    def __enter__(self) -> RecordFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._file.close()

    def _cut_torn_line(self) -> None:
        data = read_bytes(self.path)
        if not data or data.endswith(b"\n"):
            return
        whole, last = data[: data.rfind(b"\n") + 1], data[data.rfind(b"\n") + 1 :]
        if not last.startswith(b"{"):
            raise EncodepthError(f"{self.path} is no record file; its last line is no JSON object")
        with open(self.path, "r+b") as file:
            if _is_json(last):  # only its newline is missing
                file.seek(0, os.SEEK_END)
                file.write(b"\n")
            else:
                file.truncate(len(whole))


def machine_header(**extra: Any) -> Record:
    """Say when, on what machine and with which versions the records that follow are measured."""
    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "machine": f"{_cpu_name()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "measured": time.strftime("%Y-%m-%d", time.gmtime()),
        "versions": versions,
        **extra,
    }


def tidy(record: Record) -> Record:
    """Round floats to what they are worth and turn infinite values (exact pictures) into null."""
    return {name: _tidy(name, value) for name, value in record.items()}


def only(records: Iterable[Record], **wanted: Any) -> list[Record]:
    """Return the records whose fields have the wanted values."""
    return [r for r in records if all(r.get(name) == value for name, value in wanted.items())]


def _tidy(name: str, value: Any) -> Any:
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return None
    return round(value, 3 if name.endswith("_ms") else _DIGITS.get(name, 5))


def read_bytes(path: Path) -> bytes:
    """Return what a file holds.

    Raises:
        EncodepthError: it is missing or cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise EncodepthError(f"record file {path} does not exist") from None
    except OSError as error:
        raise EncodepthError(f"record file {path} cannot be read: {error.strerror}") from None


def _is_json(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _parse(line: bytes, where: str) -> Record:
    try:
        entry = json.loads(line)
    except ValueError:
        raise EncodepthError(f"{where} is no JSON object") from None
    if not isinstance(entry, dict):
        raise EncodepthError(f"{where} is no JSON object")
    if "machine" in entry:
        return entry
    missing = [name for name in (*KEY_FIELDS[1:], "bytes", "width", "height") if name not in entry]
    if missing:
        raise EncodepthError(f'{where} has no field "{missing[0]}"')
    if entry["modality"] not in MODALITIES:
        raise EncodepthError(f'{where} has modality "{entry["modality"]}"; expected color or depth')
    return entry


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
