"""Conventional codecs to measure ours against, in the pipelines of the anchor records.

A colour codec takes the 8-bit RGB picture. A depth codec takes the 16-bit map, or ("-lin") one
plane of it: holes filled, lowest to highest valid depth mapped linearly to the codec's bits, the
hole mask coded losslessly beside it and counted. docs/evaluation.md has every setting.
"""

from __future__ import annotations

import importlib.util
import io
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import EncodepthError
from ..frame import RgbdImage
from ..metrics import bits_per_pixel, comprehensive_similarity_db, depth_errors, ms_ssim_db, psnr
from .records import Record

Shape = tuple[int, ...]
SHORT_MS = 25.0  # calls below this are repeated and the least time is taken
RANGE_BYTES = 4  # lowest and highest depth, two bytes each
EXACT_SETTINGS = (0.0,)


@dataclass(frozen=True)
class Conventional:
    """One codec with its usual settings, as a pair of functions.

    Attributes:
        encode: (picture, setting) -> bytes.
        decode: (bytes, shape, setting) -> picture; the shape serves codecs without a header.
        bits: of the linearly mapped depth plane; 0 where the codec takes the picture as it is.
        prepare, restore: colour conversion around the codec, outside the times.
        needs: module without which the codec is skipped.
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

    @property
    def spec(self) -> str:
        """What finds it again: its name."""
        return self.name

    def modalities(self) -> tuple[str, ...]:
        """Which of "color" and "depth" it measures."""
        return (self.modality,)

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
        data, encode_ms = timed(partial(self.encode, planes, setting))
        decoded, decode_ms = timed(partial(self.decode, data, planes.shape, setting))
        return {
            **color_fields(len(data), self.restore(decoded), rgb),
            "encode_ms": encode_ms,
            "decode_ms": decode_ms,
        }

    def _direct(self, depth: NDArray[np.uint16], unit: float, setting: float) -> Record:
        data, encode_ms = timed(partial(self.encode, depth, setting))
        decoded, decode_ms = timed(partial(self.decode, data, depth.shape, setting))
        return {
            **depth_fields(len(data), decoded, depth, unit),
            "encode_ms": encode_ms,
            "decode_ms": decode_ms,
        }

    def _mapped(self, depth: NDArray[np.uint16], unit: float, setting: float) -> Record:
        filled, fill_ms = timed(partial(fill_as_anchors, depth))
        mask, mask_encode_ms = timed(partial(encode_mask, depth > 0))
        valid, mask_decode_ms = timed(partial(decode_mask, mask, depth.shape))
        low, high = int(depth[valid].min()), int(depth.max())
        plane = to_plane(filled, low, high, self.bits)
        data, encode_ms = timed(partial(self.encode, plane, setting))
        decoded, decode_ms = timed(partial(self.decode, data, plane.shape, setting))
        restored = from_plane(decoded, low, high, self.bits, valid)
        return {
            **depth_fields(len(data) + len(mask) + RANGE_BYTES, restored, depth, unit),
            "encode_ms": encode_ms,
            "decode_ms": decode_ms,
            "mask_bytes": len(mask),
            "mask_encode_ms": mask_encode_ms,
            "mask_decode_ms": mask_decode_ms,
            "fill_ms": fill_ms,
        }


def color_fields(size: int, decoded: NDArray[np.uint8], rgb: NDArray[np.uint8]) -> Record:
    """Return the fields of a colour record that follow from the bytes and the decoded picture."""
    height, width = rgb.shape[:2]
    small = min(height, width) <= 160  # MS-SSIM has five scales of an 11-pixel window
    return {
        "modality": "color",
        "width": width,
        "height": height,
        "bytes": size,
        "bpp": bits_per_pixel(size, width, height),
        "psnr": psnr(decoded, rgb),
        "ms_ssim_db": None if small else ms_ssim_db(decoded, rgb),
    }


def depth_fields(
    size: int, decoded: NDArray[np.uint16], depth: NDArray[np.uint16], unit: float
) -> Record:
    """Return the fields of a depth record that follow from the bytes and the decoded map."""
    height, width = depth.shape
    small = min(height, width) <= 160
    return {
        "modality": "depth",
        "width": width,
        "height": height,
        "bytes": size,
        "bpp": bits_per_pixel(size, width, height),
        **vars(depth_errors(decoded, depth, depth_unit=unit)),
        "similarity_db": None if small else comprehensive_similarity_db(decoded, depth),
    }


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """Return the call's result and its time in ms: once, or the least of three where short."""
    result, least = _once(call)
    if least < SHORT_MS:
        least = min(least, *(_once(call)[1] for _ in range(2)))
    return result, least


def reference_times(image: RgbdImage, modality: str) -> Record:
    """Time JPEG quality 75 (colour) or 16-bit PNG (depth) on the frame, to compare machines by."""
    if modality == "color" and image.color is not None:
        return _reference(image.color, _reference_jpeg, _jpeg_decode, tries=5)
    if modality == "depth" and image.depth is not None:
        return _reference(image.depth, _png_encode, _png_decode, tries=3)
    return {}


def _reference(
    picture: NDArray,
    encode: Callable[[NDArray, float], bytes],
    decode: Callable[[bytes, Shape, float], NDArray],
    tries: int,
) -> Record:
    data = encode(picture, 6)  # the level of PNG; the JPEG has its own
    return {
        "ref_encode_ms": min(_once(partial(encode, picture, 6))[1] for _ in range(tries)),
        "ref_decode_ms": min(_once(partial(decode, data, (), 0))[1] for _ in range(tries)),
    }


def fill_as_anchors(depth: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Fill holes by the pull-push of the anchor records, which `image.fill_holes` is not quite.

    Here a coarse value is a mean weighted by the share that is valid, odd sides are halved to the
    next whole number, and the result is rounded. Lossy bytes of frames with holes depend on it.
    """
    holes = depth == 0
    if not holes.any() or holes.all():
        return depth
    levels = [(depth.astype(np.float64), (~holes).astype(np.float64))]
    while min(levels[-1][0].shape) > 4:
        values, share = levels[-1]
        down, across = (_area_means(side) for side in values.shape)
        coarse = down @ share @ across.T
        total = down @ (values * share) @ across.T
        levels.append(
            (np.divide(total, coarse, out=np.zeros_like(total), where=coarse > 0), coarse)
        )
    values, share = levels.pop()
    filled = np.where(share > 0, values, (values * share).sum() / share.sum())
    for values, share in reversed(levels):
        down, across = (_enlarge(a, b) for a, b in zip(values.shape, filled.shape, strict=True))
        filled = np.where(share > 0, values, down @ filled @ across.T)
    return np.rint(filled).astype(np.uint16)


def to_plane(filled: NDArray, low: int, high: int, bits: int) -> NDArray[np.uint16]:
    """Map depth linearly so that `low` is 0 and `high` is the largest code of `bits` bits."""
    top = 2**bits - 1
    # divide first, as the anchors do: the quotient times `top` rounds ties in other ways
    code = np.rint((filled.astype(np.float64) - low) / max(high - low, 1) * top)
    return np.clip(code, 0, top).astype(np.uint16)


def from_plane(
    plane: NDArray, low: int, high: int, bits: int, valid: NDArray[np.bool_]
) -> NDArray[np.uint16]:
    """Invert `to_plane`, round to whole steps, and set the holes to 0."""
    depth = np.rint(plane.astype(np.float64) * ((high - low) / (2**bits - 1)) + low)
    return np.where(valid, np.clip(depth, 1, 65535), 0).astype(np.uint16)


def encode_mask(valid: NDArray[np.bool_]) -> bytes:
    """Code the hole mask by the smaller of JPEG XL and WebP lossless; one byte without holes."""
    if valid.all():
        return b"\0"
    import imagecodecs

    as_jxl = imagecodecs.jpegxl_encode(
        valid.astype(np.uint8), lossless=True, effort=7, numthreads=1
    )
    grey = np.repeat(np.where(valid, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    as_webp = imagecodecs.webp_encode(grey, level=100, method=6, lossless=True)
    return min(bytes(as_jxl), bytes(as_webp), key=len)


def decode_mask(data: bytes, shape: Shape) -> NDArray[np.bool_]:
    """Invert `encode_mask`."""
    if len(data) == 1:
        return np.ones(shape, bool)
    import imagecodecs

    if data[:4] == b"RIFF":
        return np.asarray(imagecodecs.webp_decode(data))[..., 0] == 0
    return np.asarray(imagecodecs.jpegxl_decode(data)) > 0


def conventional() -> tuple[Conventional, ...]:
    """Every conventional codec, colour first, with the settings of the anchor records."""
    color = partial(Conventional, modality="color")
    depth = partial(Conventional, modality="depth")
    return (
        color(
            "jpeg-turbo-420", settings=(5, 10, 20, 30, 50, 75, 90),
            encode=_jpeg_encode, decode=_jpeg_decode,
        ),
        color(
            "webp-m6", settings=(5, 15, 30, 50, 70, 85, 95),
            encode=_webp_encode, decode=_webp_decode,
        ),
        color(
            "jxl-e7", settings=(12, 8, 5, 3, 2, 1, 0.5),
            encode=_jxl_encode, decode=_jxl_decode,
        ),
        color(
            "avif-aom-444-s6", settings=(10, 20, 35, 50, 65, 80, 90, 95),
            encode=_avif_encode, decode=_avif_decode,
        ),
        color(
            "avif-aom-444-s6-tunessim", settings=(20, 35, 50, 65, 80, 90),
            encode=_avif_ssim_encode, decode=_pillow_decode, needs="PIL",
        ),
        color(
            "jp2k-8b", settings=(24, 27, 30, 33, 36, 39, 42),
            encode=_jp2k_encode, decode=_jp2k_decode,
        ),
        color(
            "hevc-x265-444-slow", settings=(47, 42, 37, 32, 27, 22, 17),
            encode=partial(_hevc_encode, "yuv444p"), decode=_hevc_decode,
            prepare=rgb_to_ycbcr, restore=ycbcr_to_rgb, needs="av",
        ),
        depth(
            "hevc-x265-12b-lin", settings=(48, 46, 42, 36, 30, 24, 18, 12), bits=12,
            encode=partial(_hevc_encode, "gray12le"), decode=_hevc_decode, needs="av",
        ),
        depth(
            "avif-aom-12b-s4-lin", settings=(5, 15, 30, 45, 60, 75, 88, 96), bits=12,
            encode=_avif12_encode, decode=_avif12_decode,
        ),
        depth(
            "jp2k-16b-lin", settings=(30, 34, 38, 42, 46, 50, 56, 62), bits=16,
            encode=_jp2k_encode, decode=_jp2k_decode,
        ),
        depth(
            "quant-jxl-e7", settings=(20, 10, 5, 2, 1),
            encode=_quantised_encode, decode=_quantised_decode,
        ),
        depth("png16", settings=(6,), encode=_png_encode, decode=_png_decode),
        depth("jxl-lossless-e7", settings=(7,), encode=_jxl_exact_encode, decode=_jxl_decode),
        depth("jxl-lossless-e9", settings=(9,), encode=_jxl_exact_encode, decode=_jxl_decode),
        depth("rvl", settings=(0,), encode=_rvl_encode, decode=_rvl_decode, needs="rvl"),
        depth("zstd19", settings=(19,), encode=_zstd_encode, decode=_zstd_decode),
        depth("ffv1-gray16", settings=(1,), encode=_ffv1_encode, decode=_ffv1_decode, needs="av"),
    )  # fmt: skip


def lossless_rgb() -> Conventional:
    """JPEG XL lossless of the colour picture; for depth as colour, where nothing may be lost."""
    return Conventional("jxl-lossless-rgb", "color", (7,), _jxl_exact_encode, _jxl_decode)


SHORT_NAMES = {
    "jpeg": ("jpeg-turbo-420",),
    "webp": ("webp-m6",),
    "jxl": ("jxl-e7", "jxl-lossless-e7"),
    "avif": ("avif-aom-444-s6", "avif-aom-12b-s4-lin"),
    "avif-ssim": ("avif-aom-444-s6-tunessim",),
    "hevc": ("hevc-x265-444-slow", "hevc-x265-12b-lin"),
    "jpeg2000": ("jp2k-8b", "jp2k-16b-lin"),
    "quant-jxl": ("quant-jxl-e7",),
    "zstd": ("zstd19",),
    "ffv1": ("ffv1-gray16",),
}
"""What a user types, and the codecs of the anchor records that it stands for."""


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


def _area_means(side: int) -> NDArray[np.float64]:
    """Matrix (ceil(side / 2), side) whose rows average equal shares of the side."""
    rows = (side + 1) // 2
    edges = np.linspace(0, side, rows + 1)
    pixel = np.arange(side)
    inside = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    return np.clip(inside, 0, None) * (rows / side)


def _enlarge(side: int, coarse: int) -> NDArray[np.float64]:
    """Matrix (side, coarse) that interpolates linearly between pixel centres."""
    at = np.clip((np.arange(side) + 0.5) * (coarse / side) - 0.5, 0, coarse - 1)
    return np.clip(1 - np.abs(at[:, None] - np.arange(coarse)), 0, None)


def _once(call: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    result = call()
    return result, (time.perf_counter() - start) * 1000


def _codecs() -> Any:
    import imagecodecs

    return imagecodecs


def _jpeg_encode(rgb: NDArray, quality: float) -> bytes:
    return bytes(_codecs().jpeg8_encode(rgb, level=int(quality), subsampling="420", optimize=True))


def _reference_jpeg(rgb: NDArray, _: float) -> bytes:
    return bytes(_codecs().jpeg8_encode(rgb, level=75, subsampling="420", optimize=False))


def _jpeg_decode(data: bytes, shape: Shape, setting: float) -> NDArray:
    return np.asarray(_codecs().jpeg8_decode(data))


def _webp_encode(rgb: NDArray, quality: float) -> bytes:
    return bytes(_codecs().webp_encode(rgb, level=quality, method=6, lossless=False))


def _webp_decode(data: bytes, shape: Shape, setting: float) -> NDArray:
    return np.asarray(_codecs().webp_decode(data))[..., :3]


def _jxl_encode(rgb: NDArray, distance: float) -> bytes:
    return bytes(
        _codecs().jpegxl_encode(rgb, distance=distance, effort=7, lossless=False, numthreads=1)
    )


def _jxl_exact_encode(picture: NDArray, effort: float) -> bytes:
    return bytes(_codecs().jpegxl_encode(picture, lossless=True, effort=int(effort), numthreads=1))


def _jxl_decode(data: bytes, shape: Shape, setting: float) -> NDArray:
    return np.asarray(_codecs().jpegxl_decode(data, numthreads=1))


def _avif_encode(rgb: NDArray, quality: float) -> bytes:
    return bytes(
        _codecs().avif_encode(
            rgb, level=int(quality), speed=6, pixelformat="444", codec="aom", numthreads=1
        )
    )


def _avif_decode(data: bytes, shape: Shape, setting: float) -> NDArray:
    return np.asarray(_codecs().avif_decode(data, numthreads=1))


def _avif12_encode(plane: NDArray, quality: float) -> bytes:
    grey = np.repeat(plane[..., None], 3, axis=2)  # a 2-D array would be coded losslessly
    return bytes(
        _codecs().avif_encode(
            grey, level=int(quality), speed=4, bitspersample=12, pixelformat="400",
            codec="aom", numthreads=1,
        )
    )  # fmt: skip


def _avif12_decode(data: bytes, shape: Shape, setting: float) -> NDArray:
    plane = _avif_decode(data, shape, setting)
    return plane[..., 0] if plane.ndim == 3 else plane


def _avif_ssim_encode(rgb: NDArray, quality: float) -> bytes:
    from PIL import Image, features

    if not features.check("avif"):
        raise EncodepthError("this Pillow was built without AVIF")
    out = io.BytesIO()
    Image.fromarray(rgb).save(
        out, "AVIF", quality=int(quality), speed=6, subsampling="4:4:4", codec="aom",
        max_threads=1, advanced={"tune": "ssim"},
    )  # fmt: skip
    return out.getvalue()


def _pillow_decode(data: bytes, shape: Shape, setting: float) -> NDArray:
    from PIL import Image

    return np.array(Image.open(io.BytesIO(data)).convert("RGB"))


def _jp2k_encode(picture: NDArray, decibels: float) -> bytes:
    return bytes(
        _codecs().jpeg2k_encode(
            picture, level=decibels, reversible=False, codecformat="j2k", numthreads=1
        )
    )


def _jp2k_decode(data: bytes, shape: Shape, setting: float) -> NDArray:
    return np.asarray(_codecs().jpeg2k_decode(data, numthreads=1))


def _quantised_encode(depth: NDArray, bound: float) -> bytes:
    """Quantise by 2E+1 steps, holes 0, then JPEG XL lossless; E = setting in steps (mm)."""
    half = int(bound)
    quantised = (depth.astype(np.int64) + half) // (2 * half + 1)
    return _jxl_exact_encode(quantised.astype(np.uint16), 7)


def _quantised_decode(data: bytes, shape: Shape, bound: float) -> NDArray:
    quantised = _jxl_decode(data, shape, bound).astype(np.int64)
    return np.clip(quantised * (2 * int(bound) + 1), 0, 65535).astype(np.uint16)


def _png_encode(depth: NDArray, level: float) -> bytes:
    return bytes(_codecs().png_encode(depth, level=int(level)))


def _png_decode(data: bytes, shape: Shape, setting: float) -> NDArray:
    return np.asarray(_codecs().png_decode(data))


def _zstd_encode(depth: NDArray, level: float) -> bytes:
    return bytes(_codecs().zstd_encode(depth.astype("<u2").tobytes(), level=int(level)))


def _zstd_decode(data: bytes, shape: Shape, setting: float) -> NDArray:
    return np.frombuffer(_codecs().zstd_decode(data), "<u2").reshape(shape)


def _rvl_encode(depth: NDArray, _: float) -> bytes:
    import rvl

    return bytes(rvl.compress(depth.astype("<u2").tobytes()))


def _rvl_decode(data: bytes, shape: Shape, setting: float) -> NDArray:
    import rvl

    return np.frombuffer(rvl.decompress(data), "<u2")[: shape[0] * shape[1]].reshape(shape)


def _hevc_encode(pix_fmt: str, planes: NDArray, qp: float) -> bytes:
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


def _hevc_decode(data: bytes, shape: Shape, setting: float) -> NDArray:
    import av

    decoder = av.CodecContext.create("hevc", "r")
    decoder.thread_count = 1
    return [*decoder.decode(av.Packet(data)), *decoder.decode(None)][0].to_ndarray()


def _ffv1_encode(depth: NDArray, context: float) -> bytes:
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


def _ffv1_decode(data: bytes, shape: Shape, setting: float) -> NDArray:
    import av

    (size,) = struct.unpack_from("<H", data)
    decoder = av.CodecContext.create("ffv1", "r")
    decoder.thread_count = 1
    decoder.extradata = data[2 : 2 + size]
    decoder.width, decoder.height, decoder.pix_fmt = shape[1], shape[0], "gray16le"
    return [*decoder.decode(av.Packet(data[2 + size :])), *decoder.decode(None)][0].to_ndarray()
