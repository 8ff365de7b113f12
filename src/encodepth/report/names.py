"""What codecs are called on the page: short names for readers, the records' names as tips."""

from __future__ import annotations

from html import escape

from ..thesis.colormap import MAPS

SHORT = {
    "jpeg-turbo-420": "JPEG",
    "webp-m6": "WebP",
    "jxl-e7": "JPEG XL",
    "avif-aom-444-s6": "AVIF",
    "avif-aom-444-s6-tunessim": "AVIF, tune=ssim",
    "hevc-x265-444-slow": "HEVC 4:4:4",
    "vvc-vvenc-420-10b-medium": "VVC 4:2:0",
    "jp2k-8b": "JPEG 2000",
    "hevc-x265-12b-lin": "HEVC 12 bit",
    "avif-aom-12b-s4-lin": "AVIF 12 bit",
    "jp2k-16b-lin": "JPEG 2000 16 bit",
    "vvc-vvenc-10b-medium-lin": "VVC 10 bit",
    "quant-jxl-e7": "quantised + JPEG XL",
    "png16": "PNG 16 bit",
    "jxl-lossless-e7": "JPEG XL lossless e7",
    "jxl-lossless-e9": "JPEG XL lossless e9",
    "jxl-lossless-rgb": "JPEG XL lossless",
    "rvl": "RVL",
    "zstd19": "zstd 19",
    "ffv1-gray16": "FFV1",
}
OURS = "encodepth"
_WAYS = {
    "": "", "learned": "", "auto": " auto", "avif": " with AVIF", "bound": " bounded",
    "lossless": " lossless",
}  # fmt: skip


def plain(codec: str) -> str:
    """Return a codec's short name as text; "alone" files hold depth without colour.

    `base+avif+alone` is "encodepth with AVIF, alone", `turbo+jp2k-8b` "turbo + JPEG 2000".
    """
    if codec in SHORT:
        return SHORT[codec]
    head, _, rest = codec.partition("+")
    if is_painted(codec) and rest:
        return f"{head.replace('-exact', ' exact')} + {plain(rest)}"
    if not is_ours(codec):
        return codec
    words = rest.split("+") if rest else []
    alone = ", alone" if "alone" in words else ""
    ways = [word for word in words if word != "alone"]
    way = _WAYS.get(ways[0], f" {ways[0]}") if ways else ""
    return f"{OURS}{head.removeprefix('base')}{way}{alone}"


def short(codec: str) -> str:
    """Return a codec's short name as HTML, with the whole one as its tip."""
    known = plain(codec)
    if known == codec:
        return escape(codec)
    return f'<abbr title="{escape(codec)}">{escape(known)}</abbr>'


def is_painted(codec: str) -> bool:
    """Say whether depth went through a colour map (thesis section 5.4)."""
    return codec.split("+")[0].removesuffix("-exact") in MAPS


def is_ours(codec: str) -> bool:
    """Say whether a codec is the default model or another way of making .rgbd files."""
    return codec.split("+")[0] == "base" or codec.split("+")[0].startswith("base-")


def is_bounded(codec: str) -> bool:
    """Say whether a codec's setting is the largest error in mm that it allows."""
    return codec == "quant-jxl-e7" or "bound" in codec.split("+")[1:]
