"""`encodepth info`: what .rgbd files say of themselves; needs no weights and no torch."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from .shared import PIPE, attempt_all, coded_files, head_of, json_option, read_bytes, refuse_folder

if TYPE_CHECKING:
    from ..codec import Encoded
    from ..info import FileInfo
    from ..sequence.about import RecordingInfo


@click.command("info")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@json_option("One JSON object per file and line.")
def command(files: tuple[str, ...], as_json: bool) -> None:
    """Say what each FILE holds: sizes, codings, bytes, depth unit, camera. "-" is stdin.

    Of a folder, each .rgbd file below it; of a ROS bag, which topics of pictures there are and
    which would be taken.
    """
    from ..info import inspect
    from ..io.ros.about import inspect_bag
    from ..io.ros.bag import is_bag
    from ..sequence.about import inspect_recording, is_recording

    expanded = [one for path in files for one in ([path] if is_bag(path) else coded_files([path]))]

    def show(path: str) -> None:
        refuse_folder(path)
        if path != PIPE and is_recording(head_of(path)):
            recording = inspect_recording(path, path)
            click.echo(recording.json() if as_json else _recording(recording))
            return
        if path != PIPE and is_bag(path):
            bag = inspect_bag(path)
            click.echo(json.dumps(bag.as_dict()) if as_json else "\n".join(bag.lines()))
            return
        found = inspect(read_bytes(path), path)
        click.echo(found.json() if as_json else _text(found))

    click.get_current_context().exit(attempt_all(expanded, show))


def summary(found: FileInfo) -> str:
    """Return one line: the bytes of the file and of its parts."""
    parts = [f"{stream.modality} {stream.bytes:,} ({stream.how})" for stream in found.streams]
    parts.append(f"header {found.header_bytes}")
    return f"{found.file}: {found.bytes:,} bytes = " + " + ".join(parts)


def line(name: str, coded: Encoded) -> str:
    """Return one line on a file just made: its bytes, those of its parts, depth's error."""
    from ..info import inspect

    text, off = summary(inspect(coded.data, name)), coded.depth_error
    return text if off is None else f"{text}; depth {off.words}"


def as_dict(name: str, coded: Encoded) -> dict[str, Any]:
    """Return the same as plain data, and what was changed on the picture's way in."""
    from ..info import inspect

    off = coded.depth_error
    errors = dict.fromkeys(("depth_rmse_mm", "depth_max_error_mm")) if off is None else off.facts
    notes = [str(note) for note in coded.image.notes]
    return inspect(coded.data, name).as_dict() | errors | {"notes": notes}


def _recording(found: RecordingInfo) -> str:
    lines = [
        f"{found.file}: {found.bytes:,} bytes, {found.frames:,} frames, {found.seconds:.2f} s, "
        f"{found.megabits:.3g} Mbit/s, {found.chunks} chunks, format version {found.version}"
    ]
    for track in found.tracks:
        lines.append(
            f"  {track.modality:10}{track.bytes:>13,} bytes  {track.size[0]}x{track.size[1]}, "
            f"{' and '.join(track.codings)}, {track.frames:,} frames, {track.key_frames:,} of them "
            f"key frames, {track.bytes / track.frames:,.0f} bytes each"
        )
    if found.depth_unit_m is not None:
        lines.append(f"  depth unit {found.depth_unit_m:g} m")
    return "\n".join([*lines, *(f"  problem: {problem}" for problem in found.problems)])


def _text(found: FileInfo) -> str:
    lines = [
        f"{found.file}: {found.bytes:,} bytes, {found.bits_per_pixel:.4g} bits per pixel, "
        f"format version {found.version}"
    ]
    for stream in found.streams:
        notes = [f"{stream.size[0]}x{stream.size[1]}", stream.how]
        if stream.range_m:
            notes.append(f"{stream.range_m[0]:g} to {stream.range_m[1]:g} m")
        if stream.weights:
            notes.append(f"weights {stream.weights}")
        notes += [f"needs {name}" for name, _ in stream.references]
        lines.append(f"  {stream.modality:10}{stream.bytes:>11,} bytes  {', '.join(notes)}")
    lines.append(f"  header    {found.header_bytes:>11,} bytes")
    if found.depth_unit_m:
        lines.append(f"  depth unit {found.depth_unit_m:g} m")
    if found.intrinsics:
        camera = "  ".join(f"{name} {value:g}" for name, value in found.intrinsics.items())
        lines.append(f"  intrinsics {camera}")
    return "\n".join(lines)
