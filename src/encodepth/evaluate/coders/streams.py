"""Frames in order by video codecs (PyAV): one stream, a packet for each frame.

What a stream needs beside its packets, the codec's header, is counted with the first of them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...io.priority import kept_priority

RATE = 30  # frames a second, which only headers tell

COLOR, GREY12, GREY16 = "rgb24", "gray12le", "gray16le"


@dataclass(frozen=True)
class Stream:
    """How frames become a stream.

    Attributes:
        encoder, decoder: of FFmpeg.
        layout: of the arrays: COLOR (H, W, 3) uint8, or GREY12 or GREY16 (H, W) uint16.
        pixels: of the stream; sides are filled up to even ones where colour is halved.
        group: frames from one key frame to the next.
        options: further ones of the encoder.
    """

    encoder: str
    decoder: str
    layout: str
    pixels: str
    group: int
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Coded:
    """A stream: packets in the order they are decoded in, each with its frame's place."""

    packets: tuple[Any, ...]
    header: bytes
    shape: tuple[int, ...]  # of a frame

    def sizes(self) -> list[int]:
        """Return bytes of each frame, in the frames' order; the header is the first one's."""
        found = [p.size for p in sorted(self.packets, key=lambda p: p.pts)]
        found[0] += len(self.header)
        return found


def encode(frames: Sequence[NDArray], stream: Stream) -> Coded:
    """Code frames of one shape as one stream.

    Raises:
        FFmpegError: the encoder is missing or refuses them.
    """
    import av

    os.environ.setdefault("SVT_LOG", "1")  # errors alone
    coder: Any = av.CodecContext.create(stream.encoder, "w")
    shape = frames[0].shape
    even = stream.pixels == "yuv420p"
    coder.height, coder.width = (side + side % 2 if even else side for side in shape[:2])
    coder.pix_fmt, coder.framerate, coder.gop_size = stream.pixels, RATE, stream.group
    coder.time_base = Fraction(1, RATE)
    coder.options = dict(stream.options)
    with kept_priority():
        coder.open()
    packets = []
    for i, picture in enumerate(frames):
        whole = _filled(picture, coder.height, coder.width)
        frame = av.VideoFrame.from_ndarray(whole, stream.layout).reformat(format=stream.pixels)
        frame.pts = i
        packets += coder.encode(frame)
    packets += coder.encode(None)
    return Coded(tuple(packets), bytes(coder.extradata or b""), shape)


def decode(coded: Coded, stream: Stream) -> list[NDArray]:
    """Return the frames of a stream, in order."""
    import av

    decoder: Any = av.CodecContext.create(stream.decoder, "r")
    decoder.thread_count = 1
    if stream.encoder == "ffv1":  # which says its size nowhere else
        decoder.height, decoder.width, decoder.pix_fmt = *coded.shape[:2], stream.pixels
    if coded.header:
        decoder.extradata = coded.header
    height, width = coded.shape[:2]
    frames = [f for packet in [*coded.packets, None] for f in decoder.decode(packet)]
    return [f.to_ndarray(format=stream.layout)[:height, :width] for f in frames]


def _filled(picture: NDArray, height: int, width: int) -> NDArray:
    below, beside = height - picture.shape[0], width - picture.shape[1]
    if not below and not beside:
        return np.ascontiguousarray(picture)
    more = [(0, below), (0, beside), *[(0, 0)] * (picture.ndim - 2)]
    return np.pad(picture, more, mode="edge")


def svt_av1(crf: float) -> Stream:
    """Return colour as datasets of robots use it: preset 12, 4:2:0, a key frame every 30."""
    options = {"preset": "12", "crf": str(int(crf)), "svtav1-params": "lp=1"}
    return Stream("libsvtav1", "libdav1d", COLOR, "yuv420p", 30, options)


def x264(crf: float) -> Stream:
    """Return colour as cameras and streams use it: preset veryfast, 4:2:0, a key frame every 30."""
    options = {"preset": "veryfast", "crf": str(int(crf)), "threads": "1"}
    return Stream("libx264", "h264", COLOR, "yuv420p", 30, options)


def ffv1(_: float) -> Stream:
    """Return 16 bits exactly; tables go on from frame to frame within groups of 30."""
    options = {"level": "3", "coder": "2", "context": "1", "slices": "4", "slicecrc": "0"}
    return Stream("ffv1", "ffv1", GREY16, "gray16le", 30, options)


def hevc12(_: float) -> Stream:
    """Return 12 bits exactly by x265, a key frame every other frame, as LeRobot codes depth."""
    params = "lossless=1:log-level=none:pools=1:frame-threads=1:info=0"
    return Stream("libx265", "hevc", GREY12, "gray12le", 2, {"x265-params": params})
