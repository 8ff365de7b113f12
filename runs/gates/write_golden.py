"""Write the golden files of tests/golden and tests/golden-errors.

    PYTHONPATH=tests python -m runs.gates.write_golden

Time: a second.

Golden files are added to, never edited: a name that exists is left as it is. (A learned one goes
with its weights, which may happen before a first release.) What each file in golden-errors says
is written beside it, by hand where it is new, never by running this twice.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from encodepth import Codec, Reader, RgbdImage, Writer, decode, encode, inspect
from encodepth.codings.mask import encode_mask
from encodepth.container.still import Still
from encodepth.container.stream import Stream
from encodepth.errors import CorruptFileError
from encodepth.learned.restore import MAX_STRENGTH, said_of
from golden_inputs import golden, room, scene

TESTS = Path(__file__).parents[2] / "tests"


def learned() -> dict[str, bytes]:
    """Return name -> file made with the weights that ship, which it names.

    In one half of what depth's network sees counts.
    """
    data = Codec().encode(
        scene(97, 131), quality=60, coding={"color": "learned", "depth": "restored"}
    )
    name, still = f"learned-{inspect(data).streams[0].weights}", Still.parse(data)
    *others, depth = still.streams
    said = bytes([said_of(depth.payload[0] % MAX_STRENGTH, 2)])
    half = replace(depth, payload=said + depth.payload[1:])
    return {name: data, f"{name}-half": replace(still, streams=(*others, half)).serialize()}


def moving() -> Iterator[RgbdImage]:
    """Yield five parts of a picture, each further down and right than the one before."""
    whole = scene(48 + 16, 64 + 16)
    assert whole.color is not None
    assert whole.depth is not None
    for i in range(5):
        part = np.s_[i : 48 + i, 2 * i : 64 + 2 * i]
        yield RgbdImage(whole.color[part].copy(), whole.depth[part].copy())


def recording() -> dict[str, bytes]:
    """Return name -> a recording of two groups: lossy colour, depth, and masks over time."""
    out = io.BytesIO()
    with Writer(out, rate=30, key_interval=3, quality=60) as writer:
        for image in moving():
            writer.append(image)
    masks = io.BytesIO()
    y, x = np.mgrid[:48, :64]
    rough = (x * 7919 + y * 104729 + x * y * 31) % 8191 % 5
    with Writer(masks, rate=30, key_interval=4, quality=60) as writer:
        for i in range(6):
            hole = np.hypot(x - 20 - i, y - 24) + rough < 15
            depth = np.where(hole, 0, 1000 + 3 * x + 2 * y).astype(np.uint16)
            writer.append(RgbdImage(depth=depth))
    made = {"v2-av1-inter": out.getvalue(), "v2-contexts-inter": masks.getvalue()} | live()
    return made | {"v2-av1-axes": made["v2-av1-inter"]}  # the other one has Y, Cb and Cr


def live() -> dict[str, bytes]:
    """Return name -> a recording whose groups were written frame by frame."""
    out = io.BytesIO()
    with Writer(out, rate=30, live=True, key_interval=3, effort=1, lossless="depth") as writer:
        for image in moving():
            writer.append(image)
    return {"v2-live": out.getvalue()}


def depth_recordings() -> dict[str, bytes]:
    """Return name -> depth alone: exact before a moving camera, bounded before a still one."""
    rng = np.random.default_rng(0)
    seen = scene(48 + 8, 32 + 8).depth
    assert seen is not None
    moving = [seen[i : 48 + i, 2 * i : 32 + 2 * i].copy() for i in range(4)]
    flat = np.where(seen > 0, seen // 40 * 40 + 20, seen)[:48, :32].astype(np.uint16)
    still = [np.where(flat > 0, flat + rng.integers(0, 4, flat.shape), 0) for _ in range(4)]
    return {
        "v2-surface-inter": depth_recording(moving, lossless=("depth",)),
        "v2-surface-inter-5mm": depth_recording(still, max_depth_error=5),
        "v2-smoothed-30mm": depth_recording(moving, max_depth_error=30, smooth=True),
        "v2-surface-inter-moved": depth_recording(room(4, 54, 72), lossless=("depth",)),
        "v2-surface-learned-inter": depth_recording(moving, 8, lossless=("depth",)),
        "v2-surface-learned-inter-5mm": depth_recording(still, 8, max_depth_error=5),
        "v2-surface-learned-inter-moved": depth_recording(room(4, 54, 72), 8, lossless=("depth",)),
    }


def depth_recording(planes: list[np.ndarray], effort: int = 7, **settings: Any) -> bytes:
    out = io.BytesIO()
    with Writer(out, rate=30, key_interval=4, effort=effort, **settings) as writer:
        for plane in planes:
            writer.append(RgbdImage(depth=plane.astype(np.uint16)))
    return out.getvalue()


def errors() -> dict[str, bytes]:
    """Return name -> a file that is refused."""
    exact = encode(scene(), lossless="both")
    avif = encode(scene(), coding="av1", quality=60)
    body = bytearray(exact[:-4])
    parts = Still.parse(avif)
    color, mask, depth = parts.streams
    exact_depth = Still.parse(exact).streams[1]
    surface = Still.parse(encode(RgbdImage(depth=scene(270, 360).depth), lossless="depth"))
    return {
        "empty": b"",
        "text": b"hello, world\n",
        "png": b"\x89PNG\r\n\x1a\n",
        "cut": avif[: len(avif) // 2],
        "flipped": avif[:60] + bytes([avif[60] ^ 1]) + avif[61:],
        "version-9": exact[:4] + b"\x09" + exact[5:],
        "unknown-feature": seal(body[:5] + bytes([body[5] | 0x10]) + body[6:]),
        "no-streams": seal(body[:6] + b"\0" + body[7:]),
        "huge-size": seal(body[:7] + b"\xff\xff\x7f\xff\xff\x7f" + body[9:]),
        "other-size": replace(parts, sizes={0: (64, 64), 1: (64, 64)}).serialize(),
        "stray-avif": with_payload(parts, color, b"\x0a" + bytes(40)),
        "stray-mask": with_payload(parts, mask, b"\7"),
        "short-mask": with_payload(parts, mask, encode_mask(noise())[:20]),
        "empty-depth": with_payload(parts, depth, b""),
        "short-surface": with_payload(surface, surface.streams[0], surface.streams[0].payload[:99]),
        "short-jpegxl": with_payload(Still.parse(exact), exact_depth, exact_depth.payload[:60]),
    }


def noise() -> np.ndarray:
    return np.random.default_rng(0).random((48, 64)) < 0.5


def seal(body: bytes | bytearray) -> bytes:
    """Return the bytes with a right checksum after them."""
    return bytes(body) + zlib.crc32(body).to_bytes(4, "little")


def with_payload(still: Still, stream: Stream, payload: bytes) -> bytes:
    """Return the file with one stream's payload replaced."""
    streams = tuple(replace(s, payload=payload) if s == stream else s for s in still.streams)
    return replace(still, streams=streams).serialize()


def main() -> None:
    for name, data in ({n: make() for n, make in golden().items()} | learned()).items():
        path = TESTS / "golden" / f"{name}.rgbd"
        if not path.exists():
            image = decode(data)
            arrays = image.arrays
            path.write_bytes(data)
            np.savez_compressed(path.with_suffix(".npz"), **arrays)
            print(f"{path.name}: {len(data)} bytes")
    for name, data in (recording() | depth_recordings()).items():
        path = TESTS / "golden" / f"{name}.rgbd"
        if not path.exists():
            images = [frame.image.arrays for frame in Reader(data)]
            path.write_bytes(data)
            stacks = {kind: np.stack([image[kind] for image in images]) for kind in images[0]}
            np.savez_compressed(path.with_suffix(".npz"), **stacks)
            print(f"{path.name}: {len(data)} bytes")
    for name, data in errors().items():
        path = TESTS / "golden-errors" / f"{name}.rgbd"
        if not path.exists():
            try:
                decode(data)
            except CorruptFileError as error:
                path.write_bytes(data)
                path.with_suffix(".txt").write_text(f"{error}\n")
                print(f"{path.name}: {error}")
            else:
                raise SystemExit(f"{name} decodes, and it should not")


if __name__ == "__main__":
    main()
