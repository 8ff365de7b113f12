"""Conventional codecs to measure ours against, in the pipelines of the anchor records.

A colour codec takes the 8-bit RGB picture. A depth codec takes the 16-bit map, or ("-lin") one
plane of it: holes filled, lowest to highest valid depth mapped linearly to the codec's bits, the
hole mask coded losslessly beside it and counted. docs/evaluation.md has every setting. One more
codec is one more row of `conventional`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from ..errors import EncodepthError
from ..frame import RgbdImage
from .coders import exact, stills, video
from .fields import color_fields, depth_fields, once, timed
from .plane import (
    RANGE_BYTES,
    Shape,
    decode_mask,
    encode_mask,
    fill_as_anchors,
    from_plane,
    to_plane,
)
from .records import Record
from .single import Single

FOREIGN = {
    # codecs that cannot run here; their records come from elsewhere
    "vvc-vvenc-420-10b-medium": "VVC 4:2:0",
    "vvc-vvenc-10b-medium-lin": "VVC 10 bit",
}


@dataclass(frozen=True)
class Conventional(Single):
    """One codec with its usual settings, as a pair of functions.

    Attributes:
        encode: (picture, setting) -> bytes.
        decode: (bytes, shape, setting) -> picture; the shape serves codecs without a header.
        bits: of the linearly mapped depth plane; 0 where the codec takes the picture as it is.
        prepare, restore: colour conversion around the codec, outside the times.
        needs: module without which the codec is skipped.
        title: what a page calls it.
        short: what a user types for it; a colour and a depth codec may share it.
        bounded: the setting is the largest error in steps of depth.
    """

    name: str
    modality: str
    settings: tuple[float, ...]
    encode: Callable[[NDArray, float], bytes]
    decode: Callable[[bytes, Shape, float], NDArray]
    bits: int = 0
    prepare: Callable[[NDArray], NDArray] = np.ascontiguousarray
    restore: Callable[[NDArray], NDArray] = np.asarray
    needs: str = "imagecodecs"
    title: str = ""
    short: str = ""
    bounded: bool = False

    def missing(self) -> str | None:
        """Say why the codec cannot run here, or None."""
        if importlib.util.find_spec(self.needs) is None:
            return f"{self.needs} is not installed"
        return None

    def measure(self, image: RgbdImage, setting: float) -> list[Record]:
        """Encode and decode one picture; return what was measured, or nothing to measure."""
        if self.modality == "color":
            return [] if image.color is None else [self._color(image.color, setting)]
        if image.depth is None or not image.depth.any():
            return []
        run = self._mapped if self.bits else self._direct
        return [run(image.depth, image.depth_unit, setting)]

    def _color(self, rgb: NDArray[np.uint8], setting: float) -> Record:
        planes = self.prepare(rgb)
        size, decoded, times = self._coded(planes, setting)
        return {**color_fields(size, self.restore(decoded), rgb), **times}

    def _direct(self, depth: NDArray[np.uint16], unit: float, setting: float) -> Record:
        size, decoded, times = self._coded(depth, setting)
        return {**depth_fields(size, decoded, depth, unit), **times}

    def _mapped(self, depth: NDArray[np.uint16], unit: float, setting: float) -> Record:
        filled, fill_ms = timed(partial(fill_as_anchors, depth))
        mask, mask_encode_ms = timed(partial(encode_mask, depth > 0))
        valid, mask_decode_ms = timed(partial(decode_mask, mask, depth.shape))
        low, high = int(depth[valid].min()), int(depth.max())
        plane = to_plane(filled, low, high, self.bits)
        size, decoded, times = self._coded(plane, setting)
        restored = from_plane(decoded, low, high, self.bits, valid)
        return {
            **depth_fields(size + len(mask) + RANGE_BYTES, restored, depth, unit),
            **times,
            "mask_bytes": len(mask),
            "mask_encode_ms": mask_encode_ms,
            "mask_decode_ms": mask_decode_ms,
            "fill_ms": fill_ms,
        }

    def _coded(self, picture: NDArray, setting: float) -> tuple[int, NDArray, Record]:
        """Return (bytes, decoded picture, times)."""
        data, encode_ms = timed(partial(self.encode, picture, setting))
        decoded, decode_ms = timed(partial(self.decode, data, picture.shape, setting))
        return len(data), decoded, {"encode_ms": encode_ms, "decode_ms": decode_ms}


def conventional() -> tuple[Conventional, ...]:
    """Every conventional codec, colour first, with the settings of the anchor records."""
    color = partial(Conventional, modality="color")
    depth = partial(Conventional, modality="depth")
    return (
        color(
            "jpeg-turbo-420", title="JPEG", short="jpeg",
            settings=(5, 10, 20, 30, 50, 75, 90),
            encode=stills.jpeg_encode, decode=stills.jpeg_decode,
        ),
        color(
            "webp-m6", title="WebP", short="webp",
            settings=(5, 15, 30, 50, 70, 85, 95),
            encode=stills.webp_encode, decode=stills.webp_decode,
        ),
        color(
            "jxl-e7", title="JPEG XL", short="jxl",
            settings=(12, 8, 5, 3, 2, 1, 0.5),
            encode=stills.jxl_encode, decode=stills.jxl_decode,
        ),
        color(
            "avif-aom-444-s6", title="AVIF", short="avif",
            settings=(10, 20, 35, 50, 65, 80, 90, 95),
            encode=stills.avif_encode, decode=stills.avif_decode,
        ),
        color(
            "avif-aom-444-s6-tunessim", title="AVIF, tune=ssim", short="avif-ssim",
            settings=(20, 35, 50, 65, 80, 90),
            encode=stills.avif_ssim_encode, decode=stills.pillow_decode, needs="PIL",
        ),
        color(
            "jp2k-8b", title="JPEG 2000", short="jpeg2000",
            settings=(24, 27, 30, 33, 36, 39, 42),
            encode=stills.jp2k_encode, decode=stills.jp2k_decode,
        ),
        color(
            "hevc-x265-444-slow", title="HEVC 4:4:4", short="hevc",
            settings=(47, 42, 37, 32, 27, 22, 17),
            encode=partial(video.hevc_encode, "yuv444p"), decode=video.hevc_decode,
            prepare=video.rgb_to_ycbcr, restore=video.ycbcr_to_rgb, needs="av",
        ),
        depth(
            "hevc-x265-12b-lin", title="HEVC 12 bit", short="hevc",
            settings=(48, 46, 42, 36, 30, 24, 18, 12), bits=12,
            encode=partial(video.hevc_encode, "gray12le"), decode=video.hevc_decode, needs="av",
        ),
        depth(
            "avif-aom-12b-s4-lin", title="AVIF 12 bit", short="avif",
            settings=(5, 15, 30, 45, 60, 75, 88, 96), bits=12,
            encode=stills.avif12_encode, decode=stills.avif12_decode,
        ),
        depth(
            "jp2k-16b-lin", title="JPEG 2000 16 bit", short="jpeg2000",
            settings=(30, 34, 38, 42, 46, 50, 56, 62), bits=16,
            encode=stills.jp2k_encode, decode=stills.jp2k_decode,
        ),
        depth(
            "quant-jxl-e7", title="quantised + JPEG XL", short="quant-jxl", bounded=True,
            settings=(20, 10, 5, 2, 1),
            encode=exact.quantised_encode, decode=exact.quantised_decode,
        ),
        depth(
            "png16", title="PNG 16 bit", settings=(6,),
            encode=exact.png_encode, decode=exact.png_decode,
        ),
        depth(
            "jxl-lossless-e7", title="JPEG XL lossless e7", short="jxl", settings=(7,),
            encode=stills.jxl_exact_encode, decode=stills.jxl_decode,
        ),
        depth(
            "jxl-lossless-e9", title="JPEG XL lossless e9", settings=(9,),
            encode=stills.jxl_exact_encode, decode=stills.jxl_decode,
        ),
        depth(
            "rvl", title="RVL", settings=(0,),
            encode=exact.rvl_encode, decode=exact.rvl_decode, needs="rvl",
        ),
        depth(
            "zstd19", title="zstd 19", short="zstd", settings=(19,),
            encode=exact.zstd_encode, decode=exact.zstd_decode,
        ),
        depth(
            "ffv1-gray16", title="FFV1", short="ffv1", settings=(1,),
            encode=video.ffv1_encode, decode=video.ffv1_decode, needs="av",
        ),
    )  # fmt: skip


def lossless_rgb() -> Conventional:
    """JPEG XL lossless of the colour picture; for depth as colour, where nothing may be lost."""
    return Conventional(
        "jxl-lossless-rgb", "color", (7,), stills.jxl_exact_encode, stills.jxl_decode,
        title="JPEG XL lossless",
    )  # fmt: skip


def reference_times(image: RgbdImage, modality: str) -> Record:
    """Time JPEG quality 75 (colour) or 16-bit PNG (depth) on the frame, to compare machines by."""
    if modality == "color" and image.color is not None:
        return _reference(image.color, stills.jpeg75_encode, stills.jpeg_decode, tries=5)
    if modality == "depth" and image.depth is not None:
        return _reference(image.depth, exact.png_encode, exact.png_decode, tries=3)
    return {}


def _reference(
    picture: NDArray,
    encode: Callable[[NDArray, float], bytes],
    decode: Callable[[bytes, Shape, float], NDArray],
    tries: int,
) -> Record:
    data = encode(picture, 6)  # the level of PNG; the JPEG has its own
    return {
        "ref_encode_ms": min(once(partial(encode, picture, 6))[1] for _ in range(tries)),
        "ref_decode_ms": min(once(partial(decode, data, (), 0))[1] for _ in range(tries)),
    }


# What `kinds` asks of a module ----------------------------------------------------------------


def usual() -> list[str]:
    """The short names, which a user is told of."""
    return list(short_names())


def names() -> list[str]:
    """Every name that a user may type."""
    return [*short_names(), *(codec.name for codec in conventional())]


def short_names() -> dict[str, list[str]]:
    """Short name -> the codecs that it stands for."""
    found: dict[str, list[str]] = {}
    for codec in conventional():
        if codec.short:
            found.setdefault(codec.short, []).append(codec.name)
    return found


def knows(name: str) -> bool:
    """Whether a codec in a record is one of these; its settings mean nothing for others."""
    return name in _titles()


def title(name: str) -> str:
    """Return what a page calls a codec."""
    return _titles()[name]


def is_bounded(name: str) -> bool:
    """Whether a codec's setting is the largest error that it allows."""
    return any(codec.bounded for codec in conventional() if codec.name == name)


def find(
    name: str, chosen: tuple[float, ...] | None = None, qualities: Sequence[float] | None = None
) -> list[tuple[Conventional, tuple[float, ...]]] | None:
    """Return the codecs that a full or a short name stands for, None if it is no such name.

    They keep the settings of the anchor records, or those `chosen`; qualities are for our models.

    Raises:
        EncodepthError: settings are given for a name of several codecs, for which they differ.
    """
    known = {codec.name: codec for codec in conventional()}
    meant = [name] if name in known else short_names().get(name)
    if meant is None:
        return None
    if chosen and len(meant) > 1:
        raise EncodepthError(f'settings of "{name}" differ by modality; say {" or ".join(meant)}')
    return [(known[one], chosen or known[one].settings) for one in meant]


@cache
def _titles() -> dict[str, str]:
    own = (*conventional(), lossless_rgb())
    return FOREIGN | {codec.name: codec.title for codec in own}
