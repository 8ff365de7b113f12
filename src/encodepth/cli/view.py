"""`encodepth view`: a picture pair as an interactive page or as one PNG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import EncodepthError
from .recording import FrameRange, chosen
from .shared import (
    PIPE,
    check_free,
    device_option,
    fail,
    force_option,
    head_of,
    quiet_option,
    read_bytes,
    save,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..frame import RgbdImage
    from ..info import StreamInfo
    from ..view.geometry import Viewpoint

MAGIC = b"\x9aRZD"


class _Numbers(click.ParamType):
    """Numbers with commas between, so many as the metavar names."""

    name = "numbers"

    def __init__(self, least: int, most: int) -> None:
        self.counts = range(least, most + 1)

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        try:
            numbers = tuple(float(part) for part in str(value).split(","))
        except ValueError:
            numbers = ()
        if len(numbers) not in self.counts or not all(map(math.isfinite, numbers)):
            names = param.metavar if param is not None else "numbers"
            self.fail(f'"{value}" is not {names}', param, ctx)
        return numbers


@click.command("view")
@click.argument("file")
@click.argument("depth", required=False)
@click.option(
    "-o", "--output", metavar="FILE", help="A .png or .html file.  [default: FILE's name + .html]"
)
@click.option(
    "--diff",
    metavar="OTHER",
    help="Compare the depth with that of another .rgbd file or depth map.",
)
@click.option(
    "--from",
    "views",
    type=_Numbers(2, 3),
    multiple=True,
    metavar="YAW,PITCH[,DISTANCE]",
    help="Viewpoint of the PNG, in degrees to the right and up; may be repeated.",
)
@click.option(
    "--depth-unit",
    type=float,
    metavar="M",
    help="Metres per step of depth maps; .rgbd files say theirs.  [default: 0.001, and for --diff "
    "that of FILE]",
)
@click.option(
    "--intrinsics",
    type=_Numbers(4, 4),
    metavar="FX,FY,CX,CY",
    help="Focal lengths and centre in pixels, where the file has none.",
)
@click.option(
    "--frames", type=FrameRange(), metavar="A:B", help="Of a recording: from A on and before B."
)
@click.option(
    "--limit",
    type=click.IntRange(1, 2000),
    metavar="N",
    help="Of a recording: at most N frames, evenly spread.  [default: 60, on a PNG 8]",
)
@click.option("--open", "open_it", is_flag=True, help="Open the page in the browser.")
@device_option
@force_option
@quiet_option
def command(
    file: str,
    depth: str | None,
    output: str | None,
    diff: str | None,
    views: tuple[tuple[float, ...], ...],
    depth_unit: float | None,
    intrinsics: tuple[float, ...] | None,
    frames: slice | None,
    limit: int | None,
    open_it: bool,
    device: str,
    force: bool,
    quiet: bool,
) -> None:
    """Show FILE, an .rgbd file, or a colour picture and a depth map.

    Writes a page that turns the point cloud in any browser, offline too, or a PNG with colour,
    depth and the point cloud from several sides. A single depth map is shown too. Of a recording,
    the page plays, and the PNG has frames spread over it and its bytes over time.
    """
    target = _target(file, output, views, open_it)
    sources = [name for name in (file, depth, diff) if name is not None]
    check_free(target, force=force, sources=sources)
    from ..sequence.about import is_recording

    if file != PIPE and is_recording(head_of(file)):
        for name, value in (("DEPTH", depth), ("--diff", diff), ("--from", views)):
            if value:
                raise click.UsageError(f"{name} goes with a picture, and {file} is a recording")
        if depth_unit is not None:
            raise click.UsageError("--depth-unit goes with depth maps; a recording says its own")
        made = _recording(file, target, frames or slice(None), limit, intrinsics, device, quiet)
        _finish(target, made, open_it)
        return
    for name, given in (("--frames", frames), ("--limit", limit)):
        if given is not None:
            raise click.UsageError(f"{name} is for a recording")
    image, facts, details = _load(file, depth, depth_unit or 0.001, intrinsics, device)
    original = None
    if diff:
        original = _load(diff, None, depth_unit or image.depth_unit, intrinsics, device)[0]
        from ..view.geometry import error_mm

        error_mm(image, original)  # say now if they cannot be compared
    guess = _guessed_camera(image)
    if guess:
        facts += f" · camera not in the file: {guess}"
        if not quiet:
            click.echo(f"encodepth: {file} has no intrinsics; {guess} (--intrinsics)", err=True)
    title = Path(file).name
    if target.suffix.lower() == ".png":
        made = _png(_sheet(image, f"{title} · {facts}", original, views))
    else:
        from ..view.page import view_page

        name = Path(diff).name if diff else ""
        page = view_page(
            image, title, facts, original=original, original_title=name, details=details
        )
        made = page.encode("utf-8")
    _finish(target, made, open_it)


def _finish(target: Path, made: bytes, open_it: bool) -> None:
    save(target, made)
    click.echo(str(target))
    if open_it:
        import webbrowser

        webbrowser.open(target.resolve().as_uri())


def _recording(
    file: str,
    target: Path,
    which: slice,
    limit: int | None,
    intrinsics: Sequence[float] | None,
    device: str,
    quiet: bool,
) -> bytes:
    """Return a page or a picture of a recording, and say how much of it that shows."""
    from ..frame import Intrinsics
    from ..sequence.about import inspect_recording
    from ..sequence.reader import Reader
    from ..view import recording
    from ..view.timeline import timeline

    is_png = target.suffix.lower() == ".png"
    about = inspect_recording(file, file)
    with Reader(file, device=device) as reader:
        numbers = chosen(which, len(reader))
        most = limit or (recording.CELLS if is_png else recording.FRAMES)
        some = recording.shown(reader, numbers, most)
        line = timeline(reader.container)
    if intrinsics is not None and some.frames[0].image.intrinsics is None:
        some = recording.with_camera(some, Intrinsics(*intrinsics))
    count = len(some.frames)
    every = f", one in {some.stride}" if some.stride > 1 else ""
    words = f"{count:,} of {about.frames:,} frames shown{every}"
    if not quiet:
        more = "" if some.stride == 1 else " (--limit shows more, --frames a part)"
        fail(f"{file}: {words}{more}")
        for problem in about.problems:
            fail(f"{file}: {problem}")
    guess = _guessed_camera(some.frames[0].image)
    facts = f"{_size(about.bytes)} · {about.seconds:.2f} s · {about.megabits:.3g} Mbit/s · {words}"
    facts += f" · camera not in the file: {guess}" if guess else ""
    title = Path(file).name
    if is_png:
        return _png(recording.contact_sheet(some, line, f"{title} · {facts}"))
    rows = [
        (t.modality, f"{t.bytes:,} bytes, {t.size[0]} × {t.size[1]}, {' and '.join(t.codings)}, "
         f"{t.frames:,} frames, {t.key_frames:,} of them key frames")
        for t in about.tracks
    ]  # fmt: skip
    if about.depth_unit_m is not None:
        rows.append(("depth unit", f"{about.depth_unit_m:g} m"))
    rows += [("problem", problem) for problem in about.problems]
    return recording.page(some, line, title, facts, rows).encode("utf-8")


def _target(file: str, output: str | None, views: Sequence[Sequence[float]], open_it: bool) -> Path:
    """Return what is written, after checking that the options go with it.

    Raises:
        click.UsageError: they do not.
    """
    if file == PIPE and output is None:
        raise click.UsageError("a picture from stdin needs -o FILE")
    target = Path(output) if output else Path(Path(file).name).with_suffix(".html")
    suffix = target.suffix.lower()
    if suffix not in (".png", ".html", ".htm"):
        raise click.UsageError(f'"{target}" should end in .png or .html')
    if views and suffix != ".png":
        raise click.UsageError("--from is for a .png; on a page the point cloud turns by itself")
    if open_it and suffix == ".png":
        raise click.UsageError("--open is for a page; say -o FILE.html")
    return target


def _guessed_camera(image: RgbdImage) -> str:
    """Say what camera is guessed for a picture that has none, or nothing."""
    if image.depth is None or image.intrinsics is not None:
        return ""
    from ..view.geometry import depth_intrinsics

    camera, _ = depth_intrinsics(image)
    return f"guessing fx = fy = {camera.fx:g} pixels, centre {camera.cx:g}, {camera.cy:g}"


def _load(
    file: str,
    depth: str | None,
    unit: float,
    intrinsics: Sequence[float] | None,
    device: str,
) -> tuple[RgbdImage, str, list[tuple[str, str]]]:
    """Return the picture, a line about it, and rows about the file."""
    from ..frame import Intrinsics, RgbdImage

    data = read_bytes(file)
    if depth is None and (data[:4] == MAGIC or Path(file).suffix.lower() == ".rgbd"):
        from ..codec import decode

        image = decode(data, device=device)
        if image.intrinsics is None and intrinsics is not None:
            camera = Intrinsics(*intrinsics)
            image = RgbdImage(image.color, image.depth, image.depth_unit, camera)
        return image, *_words(file, data)
    from ..io.pictures import read

    if depth is None:
        return _single(file, unit, intrinsics), _size(len(data)), []
    image = read(file, depth, depth_unit=unit, intrinsics=intrinsics)
    both = len(data) + len(read_bytes(depth))
    return image, f"{_size(both)} in two files", [("colour", file), ("depth", depth)]


def _single(file: str, unit: float, intrinsics: Sequence[float] | None) -> RgbdImage:
    """Read a picture file as depth if it has 16 bits, else as colour."""
    from ..io.pictures import read

    try:
        return read(None, file, depth_unit=unit, intrinsics=intrinsics)
    except EncodepthError as as_depth:
        try:
            return read(file, None, intrinsics=intrinsics)
        except EncodepthError:
            raise as_depth from None


def _words(file: str, data: bytes) -> tuple[str, list[tuple[str, str]]]:
    """Return what an .rgbd file says of itself: a line, and rows."""
    from ..info import inspect

    found = inspect(data, file)
    sizes = [
        f"{s.modality.replace('color', 'colour')} {s.size[0]} × {s.size[1]}"
        for s in found.streams
        if s.modality != "mask"
    ]
    line = " · ".join([*sizes, _size(found.bytes), f"{found.bits_per_pixel:.4g} bits per pixel"])
    rows = [(s.modality, f"{s.bytes:,} bytes, {_how(s)}") for s in found.streams]
    rows.append(("header", f"{found.header_bytes} bytes"))
    if found.depth_unit_m is not None:
        rows.append(("depth unit", f"{found.depth_unit_m:g} m"))
    if found.intrinsics is not None:
        rows.append(("camera", ", ".join(f"{k} {v:g}" for k, v in found.intrinsics.items())))
    return line, rows


def _how(stream: StreamInfo) -> str:
    weights = f", weights {stream.weights}" if stream.weights else ""
    after = ", after the colour stream" if stream.references else ""
    return f"{stream.how}{weights}{after}"


def _size(count: int) -> str:
    return f"{count:,} bytes"


def _sheet(
    image: RgbdImage, title: str, original: RgbdImage | None, views: Sequence[Sequence[float]]
) -> NDArray[np.uint8]:
    """Return the picture of a pair."""
    from ..view.geometry import VIEWPOINTS
    from ..view.sheet import sheet

    chosen = [_viewpoint(view) for view in views] or VIEWPOINTS
    return sheet(image, title, original=original, views=chosen)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def _viewpoint(numbers: Sequence[float]) -> Viewpoint:
    from ..view.geometry import Viewpoint

    yaw, pitch, distance = (*numbers, 1.0)[:3]
    if not distance > 0:
        raise EncodepthError(f"distance {distance:g} of the viewpoint is not above 0")
    sideways = f"{abs(yaw):g}° to the {'right' if yaw > 0 else 'left'}"
    upwards = f"{abs(pitch):g}° {'above' if pitch > 0 else 'below'}"
    name = ", ".join(text for text, angle in ((sideways, yaw), (upwards, pitch)) if angle)
    return Viewpoint(name or "from the camera", yaw, pitch, distance)
