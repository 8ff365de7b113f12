"""Groups of pictures: a key frame and what AV1 needs for each picture after it, one payload each.

A payload is the AV1 temporal unit of a picture (AV1 specification, 7.5) without its delimiter; the
first one begins with the sequence header. Frames that are only predicted from stand in the payload
of the picture with which they became known, so payloads are decoded in the order of the pictures.
Sizes are checked in the sequence header, in what the decoder is allowed to allocate and in what it
returns: no payload can ask for another one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import imagecodecs
import numpy as np

from ..errors import CorruptFileError, EncodepthError
from ..modalities import TOP_CODE
from . import av1_boxes, dav1d, libavif
from .av1_units import DELIMITER, FRAME, FRAME_HEADER, SEQUENCE, bits, units
from .base import DEFAULT_EFFORT
from .libaom import Encoder, Options, Usage

MAX_PICTURES = 1024  # of a group
MAX_UNITS = 40  # OBUs of a payload, so that one payload cannot keep a decoder busy for long

LOOKAHEAD = 35  # pictures, where a picture need not come out at once

_BEST = 99  # quality; 100 would be lossless to libaom, which the lossy codings never are
_GOOD, _REALTIME = Usage.GOOD, Usage.REALTIME
_AHEAD = (  # how libaom searches and at which speed, for effort 0..9
    *((_REALTIME, speed) for speed in (10, 10, 9, 8, 7, 6)),
    *((_GOOD, speed) for speed in (6, 5, 4, 3)),
)
_LIVE = tuple((_REALTIME, speed) for speed in (10, 10, 9, 9, 8, 8, 7, 7, 6, 5))
_OVER_TIME = {  # on top of what a still depth map is asked for with
    "arnr-maxframes": "0",  # filtering over time moves edges
    "enable-keyframe-filtering": "0",
    "min-partition-size": "4",  # what moves over what stands still wants small blocks
}


def color_options(quality: int, effort: int = DEFAULT_EFFORT, live: bool = False) -> Options:
    """Return what a group of colour pictures is encoded with.

    Args:
        quality: 0..100, of about the error that a still picture of that quality has.
        effort: 1 (fast) .. 9 (small).
        live: give out each picture's payload at once, at the cost of bytes.
    """
    return _options(quality, *(_LIVE if live else _AHEAD)[effort], {"tune": "psnr"})


def depth_options(quality: int, effort: int = DEFAULT_EFFORT, live: bool = False) -> Options:
    """Return what a group of depth planes, 12-bit codes, is encoded with; as `color_options`.

    One quantizer for all pictures and no look-ahead: a plane that is much finer than the others
    helps those that lean on it less than it costs (runs/results/over_time.py).

    Note:
        On a moving structured-light sensor stills of the same effort may be smaller at equal RMSE:
        whoever wants the least bytes has to try both.
    """
    usage, speed = (_LIVE if live else _AHEAD)[effort]
    return Options(quantizer(quality), speed, usage, lag=0, flat=True, extra=depth_extras(speed))


def depth_extras(speed: int) -> dict[str, str]:
    """Return libaom's options for depth: the least squared error, and no filter over time."""
    return libavif.depth_extras(speed) | _OVER_TIME


def quantizer(quality: int) -> int:
    """Return libaom's quantizer, 63 .. 0, for a quality of 0..100, as libavif has it."""
    return ((100 - min(quality, _BEST)) * 63 + 50) // 100


def _options(quality: int, usage: Usage, speed: int, extra: dict[str, str]) -> Options:
    lag = LOOKAHEAD if usage == _GOOD else 0  # real time gains nothing from waiting
    return Options(quantizer(quality), speed, usage, lag, extra=extra)


class GroupEncoder:
    """A group under way: pictures in, payloads out as soon as libaom has them.

    With `Options(lag=0)` a picture's payload is returned by the very `add` that brought it. Use it
    in a `with` block or call `close`.

    Args:
        shape: (H, W, 3) for uint8 colour, coded in 8 bits, or (h, w) for uint16 codes of 12 bits.
        options: what libaom is asked for.

    Raises:
        EncodepthError: there is no libaom 3 here, or it refuses the options.
    """

    def __init__(self, shape: tuple[int, ...], options: Options) -> None:
        self._shape, self._grey = shape, len(shape) == 2
        self._encoder = Encoder(shape[1], shape[0], 12 if self._grey else 8, self._grey, options)

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
        else:
            from .ycbcr import to_planes  # compiled code, which `import encodepth` does without

            planes = to_planes(picture)
        return [_strip(unit) for unit in self._encoder.add(planes)]

    def finish(self) -> list[bytes]:
        """Return the payloads that are still missing; the last call."""
        return [_strip(unit) for unit in self._encoder.finish()]

    def close(self) -> None:
        """Give the memory back."""
        self._encoder.close()

    def __enter__(self) -> GroupEncoder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def encode_group(pictures: Sequence[np.ndarray], options: Options) -> list[bytes]:
    """Return one payload for each picture; the first is a key frame, the others need it.

    Args:
        pictures: 1..1024 of uint8 (H, W, 3), or of uint16 (h, w) codes 0 .. 4095.
        options: what libaom is asked for; see `color_options` and `depth_options`.
    """
    if not 1 <= len(pictures) <= MAX_PICTURES:
        raise ValueError(f"{len(pictures)} pictures in a group; expected 1..{MAX_PICTURES}")
    with GroupEncoder(pictures[0].shape, options) as group:
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


def iterate_group(payloads: Sequence[bytes], shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """Yield what `decode_group` returns, decoding each picture when it is asked for."""
    grey = len(shape) == 2
    if not payloads:
        return
    for number, payload in enumerate(payloads):
        _check(payload, shape, number)
    if not dav1d.available():
        yield from _decode_boxes(payloads, shape)
        return
    bits = 12 if grey else 8
    for planes in dav1d.decode(list(payloads), (shape[0], shape[1]), bits, grey):
        if grey:
            yield planes[0]
            continue
        picture = libavif.to_rgb(planes)
        if picture is None:
            from .ycbcr import to_rgb

            picture = to_rgb(planes)
        yield picture


def _decode_boxes(payloads: Sequence[bytes], shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """Put an AVIF sequence's boxes around a group and let imagecodecs decode all of it."""
    try:
        pictures = imagecodecs.avif_decode(av1_boxes.sequence(payloads, shape))
    except Exception:
        raise CorruptFileError(f"damaged AV1 group of {len(payloads)} pictures") from None
    pictures = pictures.reshape(-1, *pictures.shape[-len(shape) :])
    dtype = np.uint16 if len(shape) == 2 else np.uint8
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


def _check(payload: bytes, shape: tuple[int, ...], number: int) -> None:
    """Refuse a payload that is not made of frames, the first one after its sequence header."""
    kinds = []
    for kind, _, body, stop in units(payload):
        kinds.append(kind)
        if len(kinds) > MAX_UNITS:
            raise CorruptFileError(f"AV1 picture {number} has more than {MAX_UNITS} units")
        if kind == SEQUENCE and number == 0 and len(kinds) == 1:
            size = announced_size(payload[body:stop])
            if size != (shape[1], shape[0]):
                raise CorruptFileError(
                    f"AV1 group announces {size[0]}x{size[1]}; expected {shape[1]}x{shape[0]}"
                )
        elif kind not in (FRAME, FRAME_HEADER):
            raise CorruptFileError(f"AV1 picture {number} has a unit of type {kind}")
    if (not kinds) or (number == 0 and (kinds[0] != SEQUENCE or len(kinds) == 1)):
        raise CorruptFileError(f"AV1 picture {number} of a group is incomplete")


def announced_size(sequence: bytes) -> tuple[int, int]:
    """Return (width, height) of a sequence header (AV1 specification, 5.5.1).

    Raises:
        CorruptFileError: it is a still picture's, or one of several layers or with timing.
    """
    take = bits(sequence)
    take(3)  # profile
    still, reduced, timing, delay, points = take(1), take(1), take(1), take(1), take(5)
    if still or reduced or timing or delay or points or take(12):  # the last: layers
        raise CorruptFileError("AV1 sequence header is not that of a group of pictures")
    if take(5) > 7:  # level, from 4.0 on with a tier
        take(1)
    bits_of = (take(4) + 1, take(4) + 1)  # frames write their own size, if they have one, so long
    width, height = take(bits_of[0]) + 1, take(bits_of[1]) + 1
    if bits_of != tuple(max((side - 1).bit_length(), 1) for side in (width, height)):
        raise CorruptFileError(f"AV1 sizes of {bits_of} bits are not {width}x{height}'s shortest")
    return width, height
