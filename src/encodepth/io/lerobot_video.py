"""Frames into what LeRobot reads: video files, and pictures for the cells of a parquet file."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..errors import EncodepthError
from ..files import growing_file
from ..frame import RgbdImage
from .lerobot_planes import Codes, need
from .priority import kept_priority

_ENCODERS = {"av1": "libsvtav1", "hevc": "libx265", "h264": "libx264"}
_EXACT = {"x265-params": "lossless=1:log-level=none"}


def to_codes(image: RgbdImage, codes: Codes) -> np.ndarray:
    """Return the code nearest to each pixel of a depth map, uint16 (h, w).

    A hole is code 0, and nothing else is: depth of LeRobot's own frames comes back as its codes.
    """
    assert image.depth is not None
    steps = np.arange(int(image.depth.max(initial=0)) + 1)
    metres = codes.metres.astype(np.float64)
    middles = (metres[1:-1] + metres[2:]) / 2
    table = 1 + np.searchsorted(middles, steps * image.depth_unit)
    if image.depth_unit == codes.unit:  # where two codes have one step, the first
        own = codes.steps[1:]
        exact = np.searchsorted(own, steps)
        same = own[np.minimum(exact, own.size - 1)] == steps
        table = np.where(same, 1 + exact, table)
    table[0] = 0
    return table.astype(np.uint16)[image.depth]


def write_video(
    path: Path, frames: Iterable[tuple[np.ndarray, float]], facts: Mapping[str, Any], fps: float
) -> None:
    """Write a video whole or not at all: codes of depth exactly, colour as `facts` say.

    Args:
        path: of the .mp4 file.
        frames: uint8 (h, w, 3), or codes uint16 (h, w), each with its time in seconds.
        facts: LeRobot's "video.codec", "video.g", "video.crf", "video.preset" ..
        fps: frames a second.

    Raises:
        EncodepthError: PyAV is missing, lacks the codec, or the file cannot be written.
    """
    av = need("av")
    os.environ.setdefault("SVT_LOG", "1")  # errors alone
    rate = Fraction(fps).limit_denominator(1001)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with growing_file(path) as part, av.open(str(part), "w", format="mp4") as out:
            stream = None
            for array, time in frames:
                if stream is None:
                    stream = _stream(out, array, facts, rate)
                layout = "gray12le" if array.ndim == 2 else "rgb24"
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(array), format=layout)
                frame.pts, frame.time_base = round(time * rate), 1 / rate
                out.mux(stream.encode(frame))
            if stream is not None:
                out.mux(stream.encode(None))
    except (OSError, ValueError, av.error.FFmpegError) as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise EncodepthError(f"{path} cannot be written: {words}") from None


def _stream(out: Any, array: np.ndarray, facts: Mapping[str, Any], rate: Fraction) -> Any:
    depth = array.ndim == 2
    name = "hevc" if depth else str(facts.get("video.codec", "av1"))
    stream = out.add_stream(_ENCODERS.get(name, name), rate=rate)
    stream.height, stream.width = array.shape[:2]
    stream.pix_fmt = "gray12le" if depth else str(facts.get("video.pix_fmt", "yuv420p"))
    stream.time_base = 1 / rate
    options = {} if depth else dict(facts.get("video.extra_options") or {})
    for key in ("g",) if depth else ("g", "crf", "preset"):
        if facts.get(f"video.{key}") is not None:
            options[key] = str(facts[f"video.{key}"])
    stream.options = options | (_EXACT if depth else {})
    with kept_priority():
        stream.codec_context.open()
    return stream


def as_cell(image: RgbdImage, unit: float | None, number: int) -> dict[str, Any]:
    """Return a picture as a cell of parquet: PNG for colour, TIFF for depth, no value changed.

    Args:
        image: a frame.
        unit: metres per 1 of the numbers in depth maps: 0.001, or 1 for floats; None for colour.
        number: of the frame, for the name.
    """
    out = io.BytesIO()
    if unit is None:
        assert image.color is not None
        Image.fromarray(image.color).save(out, "PNG", compress_level=1)
        return {"bytes": out.getvalue(), "path": f"frame-{number:06d}.png"}
    assert image.depth is not None
    depth: np.ndarray = image.depth
    if unit != image.depth_unit:
        depth = (depth * (image.depth_unit / unit)).astype(np.float32)
    Image.fromarray(depth).save(out, "TIFF", compression="raw")
    return {"bytes": out.getvalue(), "path": f"frame-{number:06d}.tiff"}
