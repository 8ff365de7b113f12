"""Whole still pictures of every coding, and ten ways to damage one."""

from __future__ import annotations

import io
import random
import zlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from PIL import Image

from encodepth import Codec, EncodepthError, RgbdImage, encode, read
from encodepth.container.still import Still
from encodepth.container.stream import Stream

SIZES = ((16384, 8192), (65535, 2048), (2048, 65535), (1, 65535), (8192, 8192), (1, 1))
Damage = Callable[[random.Random, bytes, list[bytes]], bytes]


def pair(height: int = 240, width: int = 320) -> RgbdImage:
    """A textured room corner with ragged holes."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width]
    depth = (3000 - 4 * np.minimum(y, 240) + 2 * x + rng.integers(0, 12, y.shape)).astype(np.uint16)
    depth[(x - 160) ** 2 + (y - 120) ** 2 < 3000] = 900
    ragged = np.abs(x - 160 + rng.integers(-3, 4, y.shape)) < 8
    depth[ragged & (y > 60)] = 0
    color = np.stack([x % 256, y % 256, (x * y // 64) % 256], -1).astype(np.uint8)
    return RgbdImage(color, depth)


def photograph(height: int = 48, width: int = 64, **how: object) -> RgbdImage:
    """A picture read from a JPEG file with Exif."""
    exif, out = Image.Exif(), io.BytesIO()
    exif[0x0112], exif[0x010F] = 6, "somebody" * 9
    Image.fromarray(pair(height, width).color).save(out, "JPEG", **{"exif": exif, **how})
    return read(out.getvalue())


def far(image: RgbdImage) -> RgbdImage:
    """The same with a few pixels far away."""
    depth = image.depth.copy()
    depth[::7, ::9] = np.where(depth[::7, ::9] > 0, 50_000, 0)
    return RgbdImage(image.color, depth)


def further(image: RgbdImage) -> RgbdImage:
    """The same depth with every further plane."""
    planes = {
        "infrared": (image.depth // 3 * 7).astype(np.uint16),
        "confidence": (image.depth % 5).astype(np.uint8),
        "labels": (image.depth // 500).astype(np.uint16),
    }
    return RgbdImage(depth=image.depth, planes=planes)


def whole_files(codec: Codec | None) -> list[bytes]:
    """Return files of every coding, most of them small, to be damaged; networks' only once each."""
    image, small = pair(96, 128), pair(33, 47)
    files = [
        encode(image, coding="av1", quality=40),
        encode(pair(), coding="av1", quality=20),
        encode(image, lossless="both", effort=6),
        encode(RgbdImage(depth=image.depth, depth_unit=0.0002), max_depth_error=2, effort=6),
        encode(RgbdImage(depth=image.depth // 300 * 300), lossless="depth", effort=7),
        encode(RgbdImage(depth=image.depth), lossless="depth"),
        encode(RgbdImage(depth=np.where(image.depth > 0, 7, 0).astype(np.uint16))),
        encode(small, coding="av1"),
        encode(small, lossless="both"),
        encode(image, coding={"color": "av1", "depth": "quick"}),
        encode(small, coding={"color": "av1", "depth": "mixed"}, max_depth_error=3),
        encode(RgbdImage(depth=far(image).depth), quality=80),
        encode(RgbdImage(depth=image.depth), coding={"depth": "surface-learned"}),
        encode(further(small), effort=1),
        encode(further(small), effort=5),
        encode(further(small), effort=9),
        encode(photograph(), lossless="color"),
        encode(photograph(120, 90, quality=90, progressive=True, exif=b""), lossless="color"),
        encode(photograph(9, 5), lossless="color"),
    ]
    if codec is not None:
        files += [
            codec.encode(small, coding="learned", quality=90),
            codec.encode(pair(48, 64), coding="restored"),
            codec.encode(RgbdImage(pair(64, 96).color), coding="learned", quality=100),
        ]
    return files


def cut(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    return data[: rng.randrange(len(data))]


def flip(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    out = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def flip_and_seal(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    return seal(flip(rng, data[:-4], []))


def header_and_seal(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    out = bytearray(data[:-4])
    for _ in range(rng.randint(1, 3)):
        out[rng.randrange(4, min(len(out), 60))] = rng.choice(
            [0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)]
        )
    return seal(out)


def cut_payload(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    return with_payload(rng, data, lambda old: old[: rng.randrange(len(old) + 1)])


def random_payload(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    return with_payload(
        rng, data, lambda old: old[: rng.randint(0, 9)] + rng.randbytes(rng.randint(0, 4000))
    )


def other_payload(rng: random.Random, data: bytes, files: list[bytes]) -> bytes:
    other = rng.choice(Still.parse(rng.choice(files)).streams)
    return with_payload(rng, data, lambda _: other.payload)


def constant_payload(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    byte = bytes([rng.choice([0, 0xFF, rng.randrange(256)])])
    return with_payload(
        rng, data, lambda old: old[: rng.randint(0, 16)] + byte * rng.randint(0, 4000)
    )


def hostile_size(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    container = Still.parse(data)
    size = rng.choice(SIZES)
    if rng.random() < 0.3:
        size = (rng.randint(1, 2000), rng.randint(1, 2000))
    return replace(container, sizes=dict.fromkeys(container.sizes, size)).serialize()


def damaged_bytes(rng: random.Random, data: bytes) -> bytes:
    """Return bytes one of which is another."""
    at = rng.randrange(len(data))
    return data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]


def swapped_fields(rng: random.Random, data: bytes, files: list[bytes]) -> bytes:
    """Give a stream the fields of another file's stream of the same kind, or other numbers."""
    container, other = Still.parse(data), Still.parse(rng.choice(files))
    streams = []
    try:
        for stream in container.streams:
            match = next((s for s in other.streams if s.modality == stream.modality), None)
            if match is not None and rng.random() < 0.5:
                stream = replace(match, payload=stream.payload, references=())
            elif stream.parameters:
                stream = replace(stream, parameters=damaged_bytes(rng, stream.parameters))
            streams.append(stream)
        return replace(container, streams=tuple(streams)).serialize()
    except (ValueError, EncodepthError):
        return header_and_seal(rng, data, files)


WAYS: list[Damage] = [
    cut,
    flip,
    flip_and_seal,
    header_and_seal,
    cut_payload,
    random_payload,
    other_payload,
    constant_payload,
    hostile_size,
    swapped_fields,
]


def seal(body: bytes | bytearray) -> bytes:
    return bytes(body) + zlib.crc32(body).to_bytes(4, "little")


def with_payload(rng: random.Random, data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    container = Still.parse(data)
    streams: list[Stream] = list(container.streams)
    at = rng.randrange(len(streams))
    try:
        streams[at] = replace(streams[at], payload=change(streams[at].payload))
    except (ValueError, EncodepthError):  # the container says itself that this cannot be
        return header_and_seal(rng, data, [])
    return replace(container, streams=tuple(streams)).serialize()
