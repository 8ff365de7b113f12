"""Groups of pictures: a key frame and what AV1 needs for each picture after it, one payload each.

A payload is the AV1 temporal unit of a picture (AV1 specification, 7.5) without its delimiter; the
first one begins with the sequence header. Frames that are only predicted from stand in the payload
of the picture with which they became known, so payloads are decoded in the order of the pictures.
Sizes are checked in the sequence header, in what the decoder is allowed to allocate and in what it
returns: no payload can ask for another one. Before colour's key frame stand the axes that the
group's planes are coordinates along (`color_axes`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import imagecodecs
import numpy as np

from ..errors import CorruptFileError, EncodepthError
from ..modalities import TOP_CODE
from . import av1_boxes, av1_units, color_axes, dav1d, libavif, ycbcr_fine
from .av1_frames import depth_tools, quantizer
from .av1_units import DELIMITER, FRAME, FRAME_HEADER, SEQUENCE, units
from .base import DEFAULT_EFFORT
from .libaom import Encoder, Options, Usage

MAX_PICTURES = 1024  # of a group
MAX_UNITS = 40  # OBUs of a payload, so that one payload cannot keep a decoder busy for long

LOOKAHEAD = 35  # pictures, where a picture need not come out at once

COLOR_BITS = 10
TUNE = "psnr"  # what a group of colour is coded for that nobody said it of
_FINE_FROM = 5  # the effort from which on colour has them: they take a third more of the time
_GOOD, _REALTIME = Usage.GOOD, Usage.REALTIME
_AHEAD = (  # how libaom searches and at which speed, for effort 0..9
    *((_REALTIME, speed) for speed in (10, 10, 9, 8, 7, 6)),
    *((_GOOD, speed) for speed in (6, 5, 4, 3)),
)
_LIVE = tuple((_REALTIME, speed) for speed in (10, 10, 9, 9, 8, 8, 7, 7, 6, 5))
_YCBCR_WAS = 0.1  # squared error of the way there and back; 0.25 to 0.35 is usual
_BLOCKS = 640  # of a group, looked at for its axes
_FINER = 4  # of the quantizer's 63 that a picture of colour may be better than the others
_QUICKEST = 10  # libaom's speed from which on what symbols cost is not worked out anew:
_COSTS_KEPT = {  # a sixth less time; with those of motion as well libaom writes what nobody decodes
    f"{what}-cost-upd-freq": "3" for what in ("coeff", "mode")
}
_OVER_TIME = {  # on top of what a still depth map is asked for with
    "arnr-maxframes": "0",  # filtering over time moves edges
    "enable-keyframe-filtering": "0",
    "min-partition-size": "4",  # what moves over what stands still wants small blocks
}


def color_options(
    quality: int, effort: int = DEFAULT_EFFORT, live: bool = False, tune: str | None = None
) -> Options:
    """Return what a group of colour pictures is encoded with.

    Args:
        quality: 0..100, of about the error that a still picture of that quality has.
        effort: 1 (fast) .. 9 (small).
        live: give out each picture's payload at once, at the cost of bytes.
        tune: for "psnr" or "ssim"; `TUNE` without.
    """
    usage, speed = (_LIVE if live else _AHEAD)[effort]
    lag = LOOKAHEAD if usage == _GOOD else 0  # real time gains nothing from waiting
    extra = {"tune": tune or TUNE} | (_COSTS_KEPT if speed >= _QUICKEST else {})
    return Options(quantizer(quality), speed, usage, lag, finer=_FINER, extra=extra)


def color_bits(effort: int, live: bool = False) -> int:
    """Return the bits of a sample with which a group of colour pictures is coded."""
    return COLOR_BITS if effort >= _FINE_FROM and not live else 8


def color_axes_of(pictures: Sequence[np.ndarray], bits: int) -> color_axes.Axes | None:
    """Return the axes with which a group of colour pictures is coded.

    With 8 bits they are the same for all groups, for turned ones would leave less of what is grey
    so; and what was Y, Cb and Cr of 8 bits before it was RGB becomes just that again.
    """
    if bits == COLOR_BITS:
        return color_axes.find(pictures, _BLOCKS)
    from .ycbcr import to_planes, to_rgb  # compiled code, which `import encodepth` does without

    off = np.subtract(to_rgb(to_planes(pictures[0])), pictures[0], dtype=np.int16)
    return None if np.square(off).mean() < _YCBCR_WAS else color_axes.Axes()


def depth_options(quality: int, effort: int = DEFAULT_EFFORT, live: bool = False) -> Options:
    """Return what a group of depth planes, 12-bit codes, is encoded with; as `color_options`.

    One quantizer for all pictures and no look-ahead: a plane that is much finer than the others
    helps those that lean on it less than it costs (runs/results/over_time.py).

    Note:
        On a moving structured-light sensor stills of the same effort may be smaller at equal RMSE:
        whoever wants the least bytes has to try both.
    """
    usage, speed = (_LIVE if live else _AHEAD)[effort]
    return Options(quantizer(quality), speed, usage, lag=0, finer=0, extra=depth_extras(speed))


def depth_extras(speed: int) -> dict[str, str]:
    """Return libaom's options for depth: the least squared error, and no filter over time."""
    return depth_tools(speed) | _OVER_TIME


class GroupEncoder:
    """A group under way: pictures in, payloads out as soon as libaom has them.

    With `Options(lag=0)` a picture's payload is returned by the very `add` that brought it. Use it
    in a `with` block or call `close`.

    Args:
        shape: (H, W, 3) for uint8 colour, or (h, w) for uint16 codes of 12 bits.
        options: what libaom is asked for.
        bits: of colour, 8 or 10.
        axes: that colour's planes are coordinates along; Y, Cb and Cr without.

    Raises:
        EncodepthError: there is no libaom 3 here, or it refuses the options.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        options: Options,
        bits: int = 8,
        axes: color_axes.Axes | None = None,
    ) -> None:
        self._shape, self._grey = shape, len(shape) == 2
        self._bits = 12 if self._grey else bits
        self._axes, self._head = axes, color_axes.pack(axes)
        self._encoder = Encoder(shape[1], shape[0], self._bits, self._grey, options)

    def add(self, picture: np.ndarray) -> list[bytes]:
        """Encode a picture; return the payloads that are ready, of the earliest pictures first.

        Raises:
            ValueError: the picture has another shape or type than the group.
        """
        dtype = np.uint16 if self._grey else np.uint8
        if picture.shape != self._shape or picture.dtype != dtype:
            raise ValueError(
                f"picture is {picture.dtype} {picture.shape}; "
                f"expected {np.dtype(dtype)} {self._shape}"
            )
        if self._grey:
            if int(picture.max()) > TOP_CODE:
                raise ValueError(f"code {int(picture.max())} is above {TOP_CODE}")
            planes = [picture]
        elif self._bits > 8:
            planes = ycbcr_fine.to_planes(picture, self._bits, self._axes)
        else:
            from .ycbcr import to_planes  # compiled code, which `import encodepth` does without

            planes = to_planes(picture, self._axes)
        return self._payloads(self._encoder.add(planes))

    def finish(self) -> list[bytes]:
        """Return the payloads that are still missing; the last call."""
        return self._payloads(self._encoder.finish())

    def _payloads(self, units: list[bytes]) -> list[bytes]:
        """Return the payloads of temporal units, the first of all behind the axes."""
        made = []
        for unit in units:
            made.append(self._head + _strip(unit))
            self._head = b""
        return made

    def close(self) -> None:
        """Give the memory back."""
        self._encoder.close()

    def __enter__(self) -> GroupEncoder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def encode_group(pictures: Sequence[np.ndarray], options: Options, bits: int = 8) -> list[bytes]:
    """Return one payload for each picture; the first is a key frame, the others need it.

    Args:
        pictures: 1..1024 of uint8 (H, W, 3), or of uint16 (h, w) codes 0 .. 4095.
        options: what libaom is asked for; see `color_options` and `depth_options`.
        bits: of colour, 8 or 10; see `color_bits`.
    """
    if not 1 <= len(pictures) <= MAX_PICTURES:
        raise ValueError(f"{len(pictures)} pictures in a group; expected 1..{MAX_PICTURES}")
    axes = None if pictures[0].ndim == 2 else color_axes_of(pictures, bits)
    with GroupEncoder(pictures[0].shape, options, bits, axes) as group:
        payloads = [payload for picture in pictures for payload in group.add(picture)]
        payloads += group.finish()
    if len(payloads) != len(pictures):
        raise EncodepthError(f"libaom gave {len(payloads)} units for {len(pictures)} pictures")
    return payloads


def decode_group(
    payloads: Sequence[bytes], shape: tuple[int, ...], count: int | None = None
) -> list[np.ndarray]:
    """Decode the first `count` pictures of a group, all without it.

    Args:
        payloads: of a group, from its key frame on; the last ones may be missing.
        shape: (H, W, 3) or (h, w) of every picture.

    Returns:
        uint8 (H, W, 3) or uint16 (h, w) arrays.

    Raises:
        CorruptFileError: the payloads are not a group of such pictures.
    """
    wanted = payloads if count is None else payloads[:count]
    return list(iterate_group(wanted, shape))


def iterate_group(
    payloads: Sequence[bytes], shape: tuple[int, ...], *, finely: bool = False
) -> Iterator[np.ndarray]:
    """Yield what `decode_group` returns, decoding each picture when it is asked for.

    Args:
        payloads: of a group.
        shape: of every picture.
        finely: give colour as float32, 0..255, not rounded to 8 bits where a stream has more.
    """
    grey, axes = len(shape) == 2, None
    if not payloads:
        return
    if not grey:
        axes, first = color_axes.split(payloads[0])
        payloads = [first, *payloads[1:]]
    bits = _check(payloads[0], shape, 0)
    if grey != (bits == 12):
        wanted = "12" if grey else f"8 or {COLOR_BITS}"
        raise CorruptFileError(f"AV1 group has samples of {bits} bits; expected {wanted}")
    for number, payload in enumerate(payloads[1:], 1):
        _check(payload, shape, number)
    make = partial(_picture, bits=bits, axes=axes)
    if dav1d.available():
        pictures = dav1d.decode(list(payloads), (shape[0], shape[1]), bits, grey, make)
    elif bits == COLOR_BITS or axes is not None:
        codes = _decode_boxes(payloads, shape, bits, plain=True)
        pictures = (make(ycbcr_fine.of_codes(picture)) for picture in codes)
    else:
        pictures = _decode_boxes(payloads, shape, bits)
    for picture in pictures:
        if not grey and finely != (picture.dtype == np.float32):
            picture = picture.astype(np.float32) if finely else np.rint(picture).astype(np.uint8)
        yield picture


def _picture(planes: list[np.ndarray], bits: int, axes: color_axes.Axes | None) -> np.ndarray:
    """Return a grey plane, uint8 colour of 8 bits, or float32, not rounded, of more."""
    if len(planes) == 1:
        return planes[0].copy()
    if bits > 8:
        return ycbcr_fine.to_rgb(planes, bits, axes)
    picture = libavif.to_rgb(planes) if axes is None else None
    if picture is None:
        from .ycbcr import to_rgb

        picture = to_rgb(planes, axes)
    return picture


def _decode_boxes(
    payloads: Sequence[bytes], shape: tuple[int, ...], bits: int, plain: bool = False
) -> Iterator[np.ndarray]:
    """Put an AVIF sequence's boxes around a group and let imagecodecs decode all of it."""
    try:
        pictures = imagecodecs.avif_decode(av1_boxes.sequence(payloads, shape, bits, plain))
    except Exception:
        raise CorruptFileError(f"damaged AV1 group of {len(payloads)} pictures") from None
    pictures = pictures.reshape(-1, *pictures.shape[-len(shape) :])
    dtype = np.uint16 if bits > 8 else np.uint8
    if pictures.shape != (len(payloads), *shape) or pictures.dtype != dtype:
        raise CorruptFileError(
            f"AV1 group holds {pictures.dtype} {pictures.shape}; "
            f"expected {np.dtype(dtype)} {(len(payloads), *shape)}"
        )
    yield from pictures


def _strip(unit: bytes) -> bytes:
    """Return a temporal unit without its delimiter.

    Raises:
        EncodepthError: libaom wrote something that a payload has no place for.
    """
    kept = bytearray()
    for kind, start, _, stop in units(unit):
        if kind not in (DELIMITER, SEQUENCE, FRAME_HEADER, FRAME):
            raise EncodepthError(f"the AV1 encoder wrote an unexpected unit of type {kind}")
        if kind != DELIMITER:
            kept += unit[start:stop]
    return bytes(kept)


def _check(payload: bytes, shape: tuple[int, ...], number: int) -> int:
    """Refuse a payload that is not made of frames, the first one after its sequence header.

    Returns:
        bits of a sample, as the sequence header says; 0 where there is none.
    """
    kinds: list[int] = []
    depth = 0
    for kind, _, body, stop in units(payload):
        kinds.append(kind)
        if len(kinds) > MAX_UNITS:
            raise CorruptFileError(f"AV1 picture {number} has more than {MAX_UNITS} units")
        if kind == SEQUENCE and number == 0 and len(kinds) == 1:
            *size, depth = announced(payload[body:stop])
            if size != [shape[1], shape[0]]:
                raise CorruptFileError(
                    f"AV1 group announces {size[0]}x{size[1]}; expected {shape[1]}x{shape[0]}"
                )
        elif kind not in (FRAME, FRAME_HEADER):
            raise CorruptFileError(f"AV1 picture {number} has a unit of type {kind}")
    if (not kinds) or (number == 0 and (kinds[0] != SEQUENCE or len(kinds) == 1)):
        raise CorruptFileError(f"AV1 picture {number} of a group is incomplete")
    return depth


def announced(sequence: bytes) -> tuple[int, int, int]:
    """Return (width, height, bits of a sample) of a group's sequence header.

    Raises:
        CorruptFileError: it is a still picture's, or one of several layers or with timing.
    """
    said = av1_units.announced(sequence)
    if said is None or said.still:
        raise CorruptFileError("AV1 sequence header is not that of a group of pictures")
    width, height, bits_of = said.width, said.height, said.bits_of
    # frames write their own size, if they have one, so long
    if bits_of != tuple(max((side - 1).bit_length(), 1) for side in (width, height)):
        raise CorruptFileError(f"AV1 sizes of {bits_of} bits are not {width}x{height}'s shortest")
    return width, height, said.depth
