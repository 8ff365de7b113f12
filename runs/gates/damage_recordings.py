"""Whole recordings of every coding, and ways to damage one that its checksums do not show."""

from __future__ import annotations

import io
import random
import zlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from encodepth import Codec, EncodepthError, Reader, RgbdImage, Writer
from encodepth.container.chunk import PREFIX_SIZE, Chunk, Frame, Prefix
from encodepth.container.header import Camera, Header
from encodepth.container.sequence import SequenceReader, SequenceWriter
from encodepth.container.stream import Stream

from .damage_ways import SIZES, Damage, cut, damaged_bytes, far, flip, further, pair, photograph

MAX_READ = 64  # frames of a damaged recording that are asked for


def whole_recordings(codec: Codec | None) -> list[bytes]:
    """Return recordings of every coding, a few small frames each."""
    moved = [_shifted(pair(40, 64), i) for i in range(5)]
    files = [
        _recording(moved, quality=40),
        _recording([RgbdImage(depth=far(image).depth) for image in moved], quality=80),
        _recording(moved, lossless="both"),
        _recording(moved[:3], lossless="both", effort=1),
        _recording(moved[:3], max_depth_error=5, effort=4),
        _recording([further(image) for image in moved[:3]], effort=2),
        _recording([photograph(40, 48, quality=60 + i) for i in range(3)], lossless="color"),
    ]
    if codec is not None:
        files.append(_recording(moved[:2], coding="restored"))
    return files


def _shifted(image: RgbdImage, by: int) -> RgbdImage:
    return RgbdImage(np.roll(image.color, by, 1).copy(), np.roll(image.depth, by, 1).copy())


def _recording(images: list[RgbdImage], **settings: object) -> bytes:
    out = io.BytesIO()
    cameras = {"depth": Camera((50.0, 50.0), (32.0, 20.0))} if "depth" in images[0].held else {}
    with Writer(out, rate=30, key_interval=3, cameras=cameras, **settings) as writer:
        for i, image in enumerate(images):
            pose = np.eye(4)
            pose[0, 3] = i
            writer.append(image, pose=pose)
    return out.getvalue()


def read_all(data: bytes) -> str:
    """Decode what can be had of a recording; return "decoded", or the first error's name.

    Raises:
        BaseException: whatever is no `EncodepthError` of one line.
    """
    failed = ""
    try:
        with Reader(data) as reader:
            failed = "named problems" if reader.problems else ""
            for number in range(min(len(reader), MAX_READ)):
                try:
                    reader[number]
                except EncodepthError as error:
                    failed = failed or type(error).__name__
                    if "\n" in str(error):
                        raise ValueError(f"several lines: {error}") from None
    except EncodepthError as error:
        failed = failed or type(error).__name__
    return failed or "decoded"


def body_and_seal(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    """Damage the bytes of a chunk's body and make its checksums fit."""
    whole, chunks = _opened(data)
    at = rng.randrange(len(chunks))
    body = bytearray(chunks[at][PREFIX_SIZE:])
    for _ in range(rng.randint(1, 4)):
        reach = len(body) if rng.random() < 0.5 else min(len(body), 80)
        body[rng.randrange(reach)] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
    if rng.random() < 0.2:
        body = body[: rng.randint(4, len(body))]
    prefix = Prefix.parse(chunks[at])
    sealed = replace(prefix, length=len(body), checksum=zlib.crc32(body))
    chunks[at] = sealed.serialize() + bytes(body)
    return _joined(whole, chunks)


def prefix_and_seal(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    """Give a chunk's prefix other numbers and make its checksum fit."""
    whole, chunks = _opened(data)
    at = rng.randrange(len(chunks))
    prefix = Prefix.parse(chunks[at])
    field = rng.choice(["first", "start", "end", "frames", "length"])
    value = rng.choice([0, 1, 4, 65536, 1 << 30, 1 << 47, rng.randrange(1 << 20)])
    if field in ("frames", "length"):
        value = min(value, (1 << 32) - 1)
    chunks[at] = replace(prefix, **{field: value}).serialize() + chunks[at][PREFIX_SIZE:]
    return whole.header.serialize() + b"".join(chunks)


def other_sizes(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    """Announce other sizes or bits for some modality."""
    whole, chunks = _opened(data)
    at = rng.randrange(len(whole.header.modalities))
    old = whole.header.modalities[at]
    width, height = rng.choice(SIZES)
    if rng.random() < 0.4:
        width, height = rng.randint(1, 2000), rng.randint(1, 2000)
    new = replace(old, width=width, height=height)
    if rng.random() < 0.3:
        new = replace(old, bits=rng.randint(1, 16), channels=rng.randint(1, 4))
    held = (*whole.header.modalities[:at], new, *whole.header.modalities[at + 1 :])
    return _joined(whole, chunks, replace(whole.header, modalities=held))


def _payload(change: Callable[[random.Random, Stream, list[Stream]], Stream]) -> Damage:
    """Return the damage that changes one stream of one frame."""

    def damage(rng: random.Random, data: bytes, files: list[bytes]) -> bytes:
        whole, chunks = _opened(data)
        at = rng.randrange(len(chunks))
        frames = list(whole.read(at).frames)
        i = rng.randrange(len(frames))
        streams = list(frames[i].streams)
        k = rng.randrange(len(streams))
        others = [s for frame in _frames(rng.choice(files)) for s in frame.streams]
        streams[k] = change(rng, streams[k], others)
        frames[i] = replace(frames[i], streams=tuple(streams))
        try:
            chunks[at] = Chunk(whole.read(at).first, tuple(frames)).serialize()
        except ValueError:  # the container says itself that this cannot be
            return body_and_seal(rng, data, files)
        return _joined(whole, chunks)

    damage.__name__ = change.__name__.strip("_")
    return damage


def _cut_stream(rng: random.Random, stream: Stream, _: list[Stream]) -> Stream:
    return replace(stream, payload=stream.payload[: rng.randrange(len(stream.payload) + 1)])


def _flipped_stream(rng: random.Random, stream: Stream, _: list[Stream]) -> Stream:
    payload = stream.payload
    for _ in range(rng.randint(1, 4) if payload else 0):
        payload = damaged_bytes(rng, payload)
    return replace(stream, payload=payload)


def _random_stream(rng: random.Random, stream: Stream, _: list[Stream]) -> Stream:
    kept = stream.payload[: rng.randint(0, 20)]
    return replace(stream, payload=kept + rng.randbytes(rng.randint(0, 3000)))


def _other_stream(rng: random.Random, stream: Stream, others: list[Stream]) -> Stream:
    other = rng.choice(others)
    if rng.random() < 0.5:
        return replace(stream, payload=other.payload)
    return replace(other, modality=stream.modality, references=stream.references)


def _other_coding(rng: random.Random, stream: Stream, others: list[Stream]) -> Stream:
    if stream.parameters and rng.random() < 0.5:
        return replace(stream, parameters=damaged_bytes(rng, stream.parameters))
    if rng.random() < 0.5:
        return replace(stream, coding=rng.randrange(10))
    return replace(stream, parameters=rng.choice(others).parameters, references=())


RECORDING_WAYS: list[Damage] = [
    cut,
    flip,
    body_and_seal,
    prefix_and_seal,
    other_sizes,
    *map(_payload, (_cut_stream, _flipped_stream, _random_stream, _other_stream, _other_coding)),
]


def _opened(data: bytes) -> tuple[SequenceReader, list[bytes]]:
    whole = SequenceReader(lambda at, size: data[at : at + size], len(data))
    return whole, [whole.raw(number) for number in range(len(whole.chunks))]


def _frames(data: bytes) -> tuple[Frame, ...]:
    return _opened(data)[0].read(0).frames


def _joined(whole: SequenceReader, chunks: list[bytes], header: Header | None = None) -> bytes:
    """Return a recording of these chunks, with an index of its own."""
    out = io.BytesIO()
    try:
        writer = SequenceWriter(out, header or whole.header)
        for chunk in chunks:
            writer.copy(chunk)
        writer.close()
    except (ValueError, EncodepthError):
        return (header or whole.header).serialize() + b"".join(chunks)
    return out.getvalue()
