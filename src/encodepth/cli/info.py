"""`encodepth info`: what .rgbd files say of themselves; needs no weights and no torch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from .shared import attempt_all, json_option, read_bytes

if TYPE_CHECKING:
    from ..container import Container, Stream


@dataclass(frozen=True)
class StreamInfo:
    """One stream, in words."""

    kind: str  # color, depth or mask
    coding: str  # learned, avif or exact
    bytes: int
    quality: int | None  # 0..100, lossy codings only
    max_error_mm: float | None  # exact depth only; 0 = lossless
    range_m: tuple[float, float] | None  # nearest and farthest depth, lossy depth only
    weights: str | None  # fingerprint, learned only
    depends_on_color: bool


@dataclass(frozen=True)
class FileInfo:
    """One file, in words."""

    file: str
    bytes: int
    bits_per_pixel: float
    version: int
    color_size: tuple[int, int] | None  # width, height
    depth_size: tuple[int, int] | None
    depth_unit_m: float | None
    intrinsics: dict[str, float] | None
    header_bytes: int  # everything but the payloads
    streams: tuple[StreamInfo, ...]

    def json(self) -> str:
        """Return the fields as one line of JSON."""
        return json.dumps(asdict(self))


@click.command("info")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@json_option("One JSON object per file and line.")
def command(files: tuple[str, ...], as_json: bool) -> None:
    """Say what each FILE holds: sizes, codings, bytes, depth unit, camera. "-" is stdin."""

    def show(path: str) -> None:
        found = describe(path, read_bytes(path))
        click.echo(found.json() if as_json else _text(found))

    click.get_current_context().exit(attempt_all(files, show))


def describe(name: str, data: bytes) -> FileInfo:
    """Parse a file and say what it holds.

    Raises:
        CorruptFileError: the bytes are not a whole, valid .rgbd file.
    """
    from ..container import VERSION, Container

    container = Container.parse(data)
    width, height = container.color_size or container.depth_size or (1, 1)
    payloads = sum(len(stream.payload) for stream in container.streams)
    camera = container.intrinsics
    return FileInfo(
        file=name,
        bytes=len(data),
        bits_per_pixel=round(8 * len(data) / (width * height), 6),
        version=VERSION,
        color_size=container.color_size,
        depth_size=container.depth_size,
        depth_unit_m=container.depth_unit if container.depth_size else None,
        intrinsics=None if camera is None else {k: round(v, 4) for k, v in asdict(camera).items()},
        header_bytes=len(data) - payloads,
        streams=tuple(_stream(container, stream) for stream in container.streams),
    )


def summary(found: FileInfo) -> str:
    """Return one line: the bytes of the file and of its parts."""
    parts = [f"{stream.kind} {stream.bytes:,} ({_how(stream)})" for stream in found.streams]
    parts.append(f"header {found.header_bytes}")
    return f"{found.file}: {found.bytes:,} bytes = " + " + ".join(parts)


def _stream(container: Container, stream: Stream) -> StreamInfo:
    from ..container import Coding, Kind

    unit, lossy = container.depth_unit, stream.coding != Coding.EXACT
    exact_depth = stream.kind == Kind.DEPTH and not lossy
    lossy_depth = stream.kind == Kind.DEPTH and lossy
    return StreamInfo(
        kind=stream.kind.name.lower(),
        coding=stream.coding.name.lower(),
        bytes=len(stream.payload),
        quality=stream.quality if lossy else None,
        max_error_mm=round(stream.max_error * unit * 1000, 6) if exact_depth else None,
        range_m=(round(stream.low * unit, 9), round(stream.high * unit, 9))
        if lossy_depth
        else None,
        weights=f"{stream.weights:08x}" if stream.coding == Coding.LEARNED else None,
        depends_on_color=stream.depends,
    )


def _how(stream: StreamInfo) -> str:
    if stream.coding != "exact":
        return f"{stream.coding}, quality {stream.quality}"
    return f"within {stream.max_error_mm:g} mm" if stream.max_error_mm else "exact"


def _text(found: FileInfo) -> str:
    lines = [
        f"{found.file}: {found.bytes:,} bytes, {found.bits_per_pixel:.4g} bits per pixel, "
        f"format version {found.version}"
    ]
    for stream in found.streams:
        size = found.color_size if stream.kind == "color" else found.depth_size
        assert size is not None
        notes = [f"{size[0]}x{size[1]}", _how(stream)]
        if stream.range_m:
            notes.append(f"{stream.range_m[0]:g} to {stream.range_m[1]:g} m")
        if stream.weights:
            notes.append(f"weights {stream.weights}")
        if stream.depends_on_color:
            notes.append("needs color")
        lines.append(f"  {stream.kind:7}{stream.bytes:>11,} bytes  {', '.join(notes)}")
    lines.append(f"  header {found.header_bytes:>11,} bytes")
    if found.depth_unit_m:
        lines.append(f"  depth unit {found.depth_unit_m:g} m")
    if found.intrinsics:
        camera = "  ".join(f"{name} {value:g}" for name, value in found.intrinsics.items())
        lines.append(f"  intrinsics {camera}")
    return "\n".join(lines)
