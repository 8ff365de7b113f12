"""libaom itself, for what AVIF has no place for: one picture in, one temporal unit out.

libavif hands a sequence out only when it is finished, steers real-time speeds by a target bit rate
and boosts no quantizer by hand. The library under it gives each picture's bytes at once if it is
not allowed to look ahead, and takes a constant quantizer at every speed. It is the library that
imagecodecs carries, or the system's; the layouts below are those of libaom 3, which refuses a
caller whose numbers of them differ from its own.
"""

from __future__ import annotations

import ctypes as c
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cache

import numpy as np

from ..errors import EncodepthError
from .carried import find

_ABI = 29  # AOM_ENCODER_ABI_VERSION of libaom 2.0 and all of 3
_HIGH_BIT_DEPTH = 0x40000
_I420, _I444, _WIDE = 0x102, 0x106, 0x800  # of aom_img_fmt
_FRAME_PACKET, _CONSTANT_QUALITY, _NO_KEY_FRAMES = 0, 3, 0
_ROW_THREADS, _MATRIX, _RANGE = 32, 47, 52  # of aome_enc_control_id
_BT601, _FULL = 6, 1
_FREE = 2048  # bytes behind the fields that are declared, more than libaom has there
_OTHER_CLOCK = 30  # ticks a second; the container keeps the times, so any number will do


class Usage(IntEnum):
    """How libaom searches: with all its tools, for cameras, or each picture for itself."""

    GOOD = 0
    REALTIME = 1
    ALL_INTRA = 2


@dataclass(frozen=True)
class Options:
    """What a stream is encoded with.

    Attributes:
        quantizer: 0 (fine) .. 63 (coarse).
        speed: 0 (slow) .. 6 for `Usage.GOOD`, 5 .. 11 for `Usage.REALTIME`.
        lag: pictures that may be waited for before one is coded, 0 .. 48.
        threads: one gives other bytes than more do.
        extra: further options of libaom by name, such as {"tune": "psnr"}.
        still: whether the one picture is all there is, which a shorter sequence header says.
        finer: by how much at most a picture that others lean on is quantized finer; 0 gives every
            picture that quantizer, None leaves it to libaom.
    """

    quantizer: int
    speed: int
    usage: Usage = Usage.GOOD
    lag: int = 35
    threads: int = 1
    extra: Mapping[str, str] = field(default_factory=dict)
    still: bool = False
    finer: int | None = None


class _Config(c.Structure):
    _fields_ = (
        ("usage", c.c_uint),
        ("threads", c.c_uint),
        ("profile", c.c_uint),
        ("width", c.c_uint),
        ("height", c.c_uint),
        ("limit", c.c_uint),
        ("forced_size", c.c_uint * 2),
        ("bit_depth", c.c_uint),
        ("input_bit_depth", c.c_uint),
        ("timebase", c.c_int * 2),
        ("error_resilient", c.c_uint32),
        ("passes", c.c_int),
        ("lag", c.c_uint),
        ("drop_threshold", c.c_uint),
        ("resize", c.c_uint * 3),
        ("superres", c.c_uint * 5),
        ("rate_control", c.c_int),
        ("first_pass", c.c_size_t * 4),
        ("bitrate", c.c_uint),
        ("min_quantizer", c.c_uint),
        ("max_quantizer", c.c_uint),
        ("rate_window", c.c_uint * 8),
        ("forward_keys", c.c_int),
        ("key_mode", c.c_int),
        ("key_min_distance", c.c_uint),
        ("key_max_distance", c.c_uint),
        ("s_frames", c.c_uint * 2),
        ("large_scale_tile", c.c_uint),
        ("monochrome", c.c_uint),
        ("free", c.c_uint8 * _FREE),
    )


class _Image(c.Structure):
    _fields_ = (
        ("format", c.c_int),
        ("primaries", c.c_int),
        ("transfer", c.c_int),
        ("matrix", c.c_int),
        ("monochrome", c.c_int),
        ("chroma_position", c.c_int),
        ("range", c.c_int),
        ("size", c.c_uint * 2),
        ("bit_depth", c.c_uint),
        ("display_size", c.c_uint * 2),
        ("render_size", c.c_uint * 2),
        ("chroma_shift", c.c_uint * 2),
        ("planes", c.c_void_p * 3),
        ("row_bytes", c.c_int * 3),
        ("free", c.c_uint8 * _FREE),
    )


class _Context(c.Structure):
    _fields_ = (
        ("name", c.c_char_p),
        ("interface", c.c_void_p),
        ("error", c.c_int),
        ("detail", c.c_char_p),
        ("flags", c.c_long),
        ("config", c.c_void_p),
        ("private", c.c_void_p),
        ("free", c.c_uint8 * 64),
    )


class _Packet(c.Structure):
    _fields_ = (
        ("kind", c.c_int),
        ("data", c.c_void_p),
        ("size", c.c_size_t),
        ("time", c.c_int64),
        ("duration", c.c_ulong),
        ("flags", c.c_uint32),
    )


class Encoder:
    """One AV1 stream under way: a key frame first, then as many pictures as are added.

    Use it in a `with` block or call `close`; it is not for two threads at once.

    Args:
        width, height: of every picture, in pixels.
        bits: 8, 10 or 12 of a sample.
        grey: one plane instead of three in 4:4:4.
        options: what to encode with.

    Raises:
        EncodepthError: there is no libaom 3 here, or it refuses the options.
    """

    def __init__(self, width: int, height: int, bits: int, grey: bool, options: Options) -> None:
        library = _library()
        if library is None:
            raise EncodepthError("groups of pictures need libaom 3, which imagecodecs carries")
        self._library, self._context = library, _Context()
        self._size, self._bits, self._grey, self._count = (width, height), bits, grey, 0
        config = _Config()
        self._try(
            library.aom_codec_enc_config_default(
                library.aom_codec_av1_cx(), c.byref(config), options.usage
            )
        )
        config.profile = 2 if bits == 12 else int(not grey)
        config.bit_depth = config.input_bit_depth = bits
        config.width, config.height, config.monochrome = width, height, grey
        config.threads, config.lag = options.threads, options.lag
        config.timebase[0], config.timebase[1] = 1, _OTHER_CLOCK
        config.limit = int(options.still)
        config.rate_control = _CONSTANT_QUALITY
        config.min_quantizer, config.max_quantizer = 0, 63
        config.key_mode = _NO_KEY_FRAMES  # but for the first picture
        finer = 0 if options.usage == Usage.REALTIME else options.finer  # which would stray
        if finer is not None:
            config.min_quantizer = max(options.quantizer - finer, 0)
            config.max_quantizer = options.quantizer
        self._config = config  # libaom keeps its address
        self._try(
            library.aom_codec_enc_init_ver(
                c.byref(self._context),
                library.aom_codec_av1_cx(),
                c.byref(config),
                _HIGH_BIT_DEPTH if bits > 8 else 0,
                _ABI,
            )
        )
        self._open = True
        settings = {
            "cpu-used": str(options.speed),
            "cq-level": str(options.quantizer),
            "row-mt": "1",
            **options.extra,
        }
        try:
            for name, value in settings.items():
                self._set(name, value)
            for control, number in ((_RANGE, _FULL), (_MATRIX, _BT601)):
                self._try(
                    library.aom_codec_control(c.byref(self._context), control, c.c_int(number))
                )
        except EncodepthError:
            self.close()
            raise

    def add(self, planes: Sequence[np.ndarray]) -> list[bytes]:
        """Encode a picture; return the temporal units that are ready, one a picture.

        Args:
            planes: one or three (height, width) arrays, uint8 or, above 8 bits, uint16.
        """
        width, height = self._size
        dtype = np.uint8 if self._bits == 8 else np.uint16
        held = [np.ascontiguousarray(plane, dtype) for plane in planes]
        if [plane.shape for plane in held] != [(height, width)] * (1 if self._grey else 3):
            raise ValueError(f"planes are {[p.shape for p in held]}; expected {(height, width)}")
        image = _Image()
        wide = self._bits > 8
        image.format = (_I420 if self._grey else _I444) | (_WIDE if wide else 0)
        image.matrix, image.range, image.monochrome = _BT601, _FULL, self._grey
        image.bit_depth = 16 if wide else 8
        for size in (image.size, image.display_size):
            size[0], size[1] = width, height
        if self._grey:
            image.chroma_shift[0] = image.chroma_shift[1] = 1
        for i, plane in enumerate(held):
            image.planes[i], image.row_bytes[i] = plane.ctypes.data, plane.strides[0]
        self._try(
            self._library.aom_codec_encode(
                c.byref(self._context), c.byref(image), self._count, 1, 0
            )
        )
        self._count += 1
        return list(self._packets())

    def finish(self) -> list[bytes]:
        """Return the temporal units of all pictures that were waited with; the last call."""
        units: list[bytes] = []
        while True:
            self._try(
                self._library.aom_codec_encode(c.byref(self._context), None, self._count, 1, 0)
            )
            more = list(self._packets())
            if not more:
                return units
            units += more

    def close(self) -> None:
        """Give the encoder's memory back."""
        if getattr(self, "_open", False):
            self._library.aom_codec_destroy(c.byref(self._context))
            self._open = False

    def __enter__(self) -> Encoder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def _set(self, name: str, value: str) -> None:
        context = c.byref(self._context)
        code = self._library.aom_codec_set_option(context, name.encode(), value.encode())
        self._try(code, f"option {name}={value}")

    def _packets(self) -> Iterator[bytes]:
        place = c.c_void_p()
        while True:
            packet = self._library.aom_codec_get_cx_data(c.byref(self._context), c.byref(place))
            if not packet:
                return
            if packet.contents.kind == _FRAME_PACKET:
                yield c.string_at(packet.contents.data, packet.contents.size)

    def _try(self, code: int, what: str = "encoding") -> None:
        if code:
            detail = self._context.detail or self._library.aom_codec_err_to_string(code)
            raise EncodepthError(f"libaom refuses {what}: {detail.decode(errors='replace')}")


def available() -> bool:
    """Say whether libaom 3 can be reached here."""
    return _library() is not None


@cache
def _library() -> c.CDLL | None:
    """Return libaom 3, None where there is none."""
    context, config, image = c.POINTER(_Context), c.POINTER(_Config), c.POINTER(_Image)
    functions = (
        ("aom_codec_version", c.c_int, ()),
        ("aom_codec_err_to_string", c.c_char_p, (c.c_int,)),
        ("aom_codec_av1_cx", c.c_void_p, ()),
        ("aom_codec_enc_config_default", c.c_int, (c.c_void_p, config, c.c_uint)),
        (
            "aom_codec_enc_init_ver",
            c.c_int,
            (context, c.c_void_p, config, c.c_long, c.c_int),
        ),
        ("aom_codec_set_option", c.c_int, (context, c.c_char_p, c.c_char_p)),
        ("aom_codec_control", c.c_int, (context, c.c_int)),
        (
            "aom_codec_encode",
            c.c_int,
            (context, image, c.c_int64, c.c_ulong, c.c_long),
        ),
        ("aom_codec_get_cx_data", c.POINTER(_Packet), (context, c.POINTER(c.c_void_p))),
        ("aom_codec_destroy", c.c_int, (context,)),
    )
    return find(("aom",), functions, lambda library: library.aom_codec_version() >> 16 == 3)
