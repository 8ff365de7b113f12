"""Single frames by video codecs (PyAV), called as those of stills."""

from __future__ import annotations

import struct
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from .stills import Shape


def rgb_to_ycbcr(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """BT.709 full range, 8 bits, (H, W, 3) to (3, H, W)."""
    red, green, blue = rgb.astype(np.float64).transpose(2, 0, 1)
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    planes = np.stack([luma, (blue - luma) / 1.8556 + 128, (red - luma) / 1.5748 + 128])
    return np.clip(np.rint(planes), 0, 255).astype(np.uint8)


def ycbcr_to_rgb(planes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Invert `rgb_to_ycbcr` up to rounding."""
    luma, cb, cr = planes.astype(np.float64)
    red, blue = luma + 1.5748 * (cr - 128), luma + 1.8556 * (cb - 128)
    green = (luma - 0.2126 * red - 0.0722 * blue) / 0.7152
    return np.clip(np.rint(np.stack([red, green, blue], axis=-1)), 0, 255).astype(np.uint8)


def hevc_encode(pix_fmt: str, planes: NDArray, qp: float) -> bytes:
    """One x265 intra picture at a constant QP, with parameter sets and without SEI text."""
    import av

    height, width = planes.shape[-2:]
    coder = av.CodecContext.create("libx265", "w")
    coder.width, coder.height, coder.pix_fmt = width, height, pix_fmt
    coder.time_base = Fraction(1, 25)
    coder.options = {
        "preset": "slow",
        "x265-params": f"qp={int(qp)}:keyint=1:psy-rd=0:psy-rdoq=0:aq-mode=0:ipratio=1:pools=1"
        ":frame-threads=1:repeat-headers=1:info=0:log-level=none",
    }
    picture = av.VideoFrame.from_ndarray(planes, format=pix_fmt)
    return b"".join(bytes(packet) for packet in [*coder.encode(picture), *coder.encode(None)])


def hevc_decode(data: bytes, shape: Shape, setting: float) -> NDArray:
    import av

    decoder = av.CodecContext.create("hevc", "r")
    decoder.thread_count = 1
    return [*decoder.decode(av.Packet(data)), *decoder.decode(None)][0].to_ndarray()


def ffv1_encode(depth: NDArray, context: float) -> bytes:
    """FFV1 level 3; the codec header precedes the picture, its length in two bytes."""
    import av

    coder = av.CodecContext.create("ffv1", "w")
    coder.width, coder.height, coder.pix_fmt = depth.shape[1], depth.shape[0], "gray16le"
    coder.time_base = Fraction(1, 25)
    coder.options = {
        "level": "3", "coder": "2", "context": str(int(context)), "slices": "4", "slicecrc": "0",
    }  # fmt: skip
    picture = av.VideoFrame.from_ndarray(depth, format="gray16le")
    data = b"".join(bytes(packet) for packet in [*coder.encode(picture), *coder.encode(None)])
    header = bytes(coder.extradata or b"")
    return struct.pack("<H", len(header)) + header + data


def ffv1_decode(data: bytes, shape: Shape, setting: float) -> NDArray:
    import av

    (size,) = struct.unpack_from("<H", data)
    decoder = av.CodecContext.create("ffv1", "r")
    decoder.thread_count = 1
    decoder.extradata = data[2 : 2 + size]
    decoder.width, decoder.height, decoder.pix_fmt = shape[1], shape[0], "gray16le"
    return [*decoder.decode(av.Packet(data[2 + size :])), *decoder.decode(None)][0].to_ndarray()
