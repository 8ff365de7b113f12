"""Write the golden files of tests/golden and tests/golden-errors.

    python -m runs.gates.write_golden

Time: a second.

Golden files are added to, never edited: a name that exists is left as it is. (A learned one goes
with its weights, which may happen before a first release.) What each file in golden-errors says
is written beside it, by hand where it is new, never by running this twice.
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from encodepth import Codec, Coding, Container, Intrinsics, Kind, RgbdImage, Stream, decode, encode
from encodepth.codings.jpegxl import encode_frame
from encodepth.codings.mask import encode_mask
from encodepth.errors import CorruptFileError

TESTS = Path(__file__).parents[2] / "tests"


def scene(height: int = 48, width: int = 64) -> RgbdImage:
    """A tilted floor and a box, with a hole along the box's edge."""
    y, x = np.mgrid[:height, :width]
    depth = (4000 - 2000 * y / height + 3 * x).astype(np.uint16)
    box = (x > width * 0.4) & (x < width * 0.7) & (y > height * 0.3) & (y < height * 0.8)
    depth[box] = 900 + x[box]
    depth[(x == int(width * 0.4)) & (y > height * 0.2)] = 0
    color = np.stack([x * 255 // width, y * 255 // height, 128 + 60 * box], -1).astype(np.uint8)
    return RgbdImage(color, depth, 0.001, Intrinsics(525.0, 525.0, 31.5, 23.5))


def golden() -> dict[str, bytes]:
    """Return name -> file, one of every way a conventional stream can be coded."""
    image = scene()
    assert image.depth is not None
    coarse = (image.depth // 400 * 400).astype(np.uint16)  # few values, as of a sensor
    avif = encode(image, coder="avif", quality=60)
    parts = Container.parse(avif)
    mask = Stream(
        Kind.MASK, Coding.EXACT, b"\1" + encode_frame((image.depth == 0).astype(np.uint8), 7)
    )
    other_mask = replace(
        parts, streams=tuple(mask if s.kind == Kind.MASK else s for s in parts.streams)
    )
    return {
        "v1-avif-pair": avif,
        "v1-avif-mask-jpegxl": other_mask.serialize(),
        "v1-exact-pair": encode(image, lossless="both"),
        "v1-exact-few-values": encode(RgbdImage(depth=coarse), lossless="depth"),
        "v1-exact-surface": encode(scene(270, 360), lossless="depth"),
        "v1-exact-two-values": encode(
            RgbdImage(depth=np.where(image.depth > 0, 1234, 0).astype(np.uint16))
        ),
        "v1-exact-one-hole": encode(RgbdImage(depth=np.zeros((1, 1), np.uint16))),
        "v1-bounded-10mm": encode(
            RgbdImage(depth=image.depth * np.uint16(5), depth_unit=0.0002), max_depth_error=10
        ),
        "v1-color-only": encode(RgbdImage(image.color), coder="avif", quality=20),
        "v1-two-sizes": encode(
            RgbdImage(image.color, scene(24, 30).depth, 0.00025), coder="avif", effort=5
        ),
    }


def learned() -> dict[str, bytes]:
    """Return name -> file made with the weights that ship, which it names."""
    data = Codec().encode(scene(97, 131), quality=60, coder="learned")
    return {f"learned-{Container.parse(data).streams[0].weights:08x}": data}


def errors() -> dict[str, bytes]:
    """Return name -> a file that is refused."""
    exact = encode(scene(), lossless="both")
    avif = encode(scene(), coder="avif", quality=60)
    body = bytearray(exact[:-4])
    parts = Container.parse(avif)
    color, mask, depth = parts.streams
    exact_depth = Container.parse(exact).streams[1]
    surface = Container.parse(encode(RgbdImage(depth=scene(270, 360).depth), lossless="depth"))
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
        "other-size": replace(parts, color_size=(64, 64), depth_size=(64, 64)).serialize(),
        "stray-avif": with_payload(parts, color, b"\x0a" + bytes(40)),
        "stray-mask": with_payload(parts, mask, b"\7"),
        "short-mask": with_payload(parts, mask, encode_mask(noise())[:20]),
        "empty-depth": with_payload(parts, depth, b""),
        "short-surface": with_payload(surface, surface.streams[0], surface.streams[0].payload[:99]),
        "short-jpegxl": with_payload(Container.parse(exact), exact_depth, exact_depth.payload[:60]),
    }


def noise() -> np.ndarray:
    return np.random.default_rng(0).random((48, 64)) < 0.5


def seal(body: bytes | bytearray) -> bytes:
    """Return the bytes with a right checksum after them."""
    return bytes(body) + zlib.crc32(body).to_bytes(4, "little")


def with_payload(container: Container, stream: Stream, payload: bytes) -> bytes:
    """Return the file with one stream's payload replaced."""
    streams = tuple(replace(s, payload=payload) if s == stream else s for s in container.streams)
    return replace(container, streams=streams).serialize()


def main() -> None:
    for name, data in (golden() | learned()).items():
        path = TESTS / "golden" / f"{name}.rgbd"
        if not path.exists():
            image = decode(data)
            arrays = {n: a for n in ("color", "depth") if (a := getattr(image, n)) is not None}
            path.write_bytes(data)
            np.savez_compressed(path.with_suffix(".npz"), **arrays)
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
