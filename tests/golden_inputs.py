"""What the golden files of version 1 were made from; runs/gates/write_golden.py writes them."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from PIL import Image

from encodepth import Intrinsics, RgbdImage, encode, read
from encodepth.codings.jpegxl import encode_frame
from encodepth.container.still import Still
from encodepth.container.stream import Stream


def scene(height: int = 48, width: int = 64) -> RgbdImage:
    """A tilted floor and a box, with a hole along the box's edge."""
    y, x = np.mgrid[:height, :width]
    depth = (4000 - 2000 * y / height + 3 * x).astype(np.uint16)
    box = (x > width * 0.4) & (x < width * 0.7) & (y > height * 0.3) & (y < height * 0.8)
    depth[box] = 900 + x[box]
    depth[(x == int(width * 0.4)) & (y > height * 0.2)] = 0
    color = np.stack([x * 255 // width, y * 255 // height, 128 + 60 * box], -1).astype(np.uint8)
    return RgbdImage(color, depth, 0.001, Intrinsics(525.0, 525.0, 31.5, 23.5))


def with_other_mask(data: bytes, depth: np.ndarray) -> bytes:
    """Return a file whose mask is coded by JPEG XL."""
    still = Still.parse(data)
    mask = Stream(2, 2, b"\1" + encode_frame((depth == 0).astype(np.uint8), 7))
    streams = tuple(mask if s.modality == mask.modality else s for s in still.streams)
    return replace(still, streams=streams).serialize()


def far_away(depth: np.ndarray) -> np.ndarray:
    """Return a depth map with a window in its wall, 50 m behind."""
    out = depth.copy()
    out[5:9, 40:50] = 50_000 + np.arange(10, dtype=np.uint16)
    return out


def rough(depth: np.ndarray) -> np.ndarray:
    """Return a depth map as a sensor with some noise would see it."""
    y, x = np.mgrid[: depth.shape[0], : depth.shape[1]]
    noise = (x * 7919 + y * 104729 + x * y * 31 ^ x * y) % 8191 % 7
    return np.where(depth > 0, depth + noise, 0).astype(np.uint16)


def stepped() -> np.ndarray:
    """Return a rough depth map with bars before it, from near to far: steps of any size."""
    depth = rough(scene(110, 150).depth)
    for k in range(6):
        depth[12 * k + k * k : 12 * k + 9, 8 * k : 20 + 17 * k] = 400 + 611 * k
    return depth


def further() -> dict[str, np.ndarray]:
    """Return a further plane of every kind, of several sizes and bits."""
    y, x = np.mgrid[:30, :40]
    return {
        "infrared": ((x * y * 37) % 1021).astype(np.uint16),
        "confidence": (x // 14).astype(np.uint8),
        "labels": (x[:20] // 9 + y[:20] // 7 * 8).astype(np.uint16),
    }


def photograph(height: int = 72, width: int = 88) -> RgbdImage:
    """Return colour of a JPEG file that EXIF wants turned; a tiny one is kept as it is."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:height, :width][..., None]
    waves = 128 + 50 * np.sin(x / 7) + 40 * np.cos(y / 5) + rng.normal(0, 12, (height, width, 3))
    exif, out = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    picture = Image.fromarray(np.clip(waves, 0, 255).astype(np.uint8))
    picture.save(out, "JPEG", quality=85, exif=exif)
    return read(out.getvalue())


def golden() -> dict[str, Callable[[], bytes]]:
    """Return name -> what makes the file, one of every way a conventional stream can be coded."""
    image = scene()
    depth = image.depth
    assert depth is not None
    coarse = (depth // 400 * 400).astype(np.uint16)  # few values, as of a sensor
    two = np.where(depth > 0, 1234, 0).astype(np.uint16)
    fine = RgbdImage(depth=depth * np.uint16(5), depth_unit=0.0002)
    sizes = RgbdImage(image.color, scene(24, 30).depth, 0.00025)
    return {
        "v1-avif-pair": lambda: encode(image, coding="av1", quality=60),
        "v1-avif-mask-jpegxl": lambda: with_other_mask(
            encode(image, coding="av1", quality=60), depth
        ),
        "v1-exact-pair": lambda: encode(image, lossless="both"),
        "v1-exact-few-values": lambda: encode(RgbdImage(depth=coarse), lossless="depth"),
        "v1-exact-surface": lambda: encode(scene(270, 360), lossless="depth"),
        "v1-exact-two-values": lambda: encode(RgbdImage(depth=two)),
        "v1-exact-one-hole": lambda: encode(RgbdImage(depth=np.zeros((1, 1), np.uint16))),
        "v1-bounded-10mm": lambda: encode(fine, max_depth_error=10),
        "v1-color-only": lambda: encode(RgbdImage(image.color), coding="av1", quality=20),
        # The next one was written with Y, Cb and Cr; read only.
        "v1-av1-10-bits": lambda: encode(RgbdImage(image.color), coding="av1", quality=60),
        "v1-av1-axes": lambda: encode(RgbdImage(image.color), coding="av1", quality=60),
        "v1-quick-5mm": lambda: encode(image, coding={"depth": "quick"}, max_depth_error=5),
        "v1-smoothed-30mm": lambda: encode(
            RgbdImage(depth=depth), coding={"depth": "quick"}, max_depth_error=30, smooth=True
        ),
        "v1-jpeg": lambda: encode(photograph(), lossless="color"),
        "v1-jpeg-as-it-is": lambda: encode(photograph(3, 2), lossless="color"),
        "v1-mixed-exact": lambda: encode(RgbdImage(depth=depth), coding={"depth": "mixed"}),
        # The next two were written with network 0, the two after them with 1 and 2; read only.
        "v1-surface-learned": lambda: encode(
            RgbdImage(depth=rough(scene(120, 160).depth)), coding={"depth": "surface-learned"}
        ),
        "v1-surface-learned-5mm": lambda: encode(
            RgbdImage(depth=rough(depth)), max_depth_error=5, coding={"depth": "surface-learned"}
        ),
        "v1-surface-learned-short": lambda: encode(
            RgbdImage(depth=rough(scene(110, 150).depth)), coding={"depth": "surface-learned"}
        ),
        "v1-surface-learned-wide": lambda: encode(
            RgbdImage(depth=rough(scene(120, 160).depth)),
            coding={"depth": "surface-learned"},
            effort=9,
        ),
        # Network 3, which is written, and 4, which is read only; then 5.
        "v1-surface-learned-further": lambda: encode(
            RgbdImage(depth=stepped()), coding={"depth": "surface-learned"}
        ),
        "v1-surface-learned-further-wide": lambda: encode(
            RgbdImage(depth=stepped()), coding={"depth": "surface-learned"}, effort=9
        ),
        "v1-surface-learned-choosy": lambda: encode(
            RgbdImage(depth=stepped()), coding={"depth": "surface-learned"}, effort=9
        ),
        "v1-far-pixels": lambda: encode(RgbdImage(depth=far_away(depth)), coding="av1", quality=70),
        "v1-further-planes": lambda: encode(RgbdImage(planes=further())),
        "v1-two-sizes": lambda: encode(sizes, coding="av1", effort=5),
    }


FOCUS = 90.0  # pixels, of the camera in the room


def turned(half: np.ndarray) -> np.ndarray:
    """Return the rotation whose axis has the length of the tangent of half its angle."""
    x, y, z = half
    across = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.linalg.solve(np.eye(3) - across, np.eye(3) + across)


def room(count: int, height: int = 72, width: int = 96) -> list[np.ndarray]:
    """Return what a turning and walking camera sees of walls, a floor and a ball, in mm."""
    y, x = np.mgrid[:height, :width]
    ray = np.stack([(x - (width - 1) / 2) / FOCUS, (y - (height - 1) / 2) / FOCUS, x * 0 + 1.0], -1)
    planes = []
    for k in range(count):
        turn = turned(np.array([0.002, -0.004, 0.003]) * k)
        shift = np.array([12.0, -7.0, 15.0]) * k
        way = ray @ turn  # the camera's rays in the world; it stands at shift
        depth = np.full(x.shape, np.inf)
        for normal, far in (
            ((0.1, 0.2, 1.0), 2500.0),
            ((1.0, 0.0, 0.3), 1500.0),
            ((0.1, 1.0, 0.1), 900.0),
            ((-1.0, 0.1, 0.4), 1900.0),
        ):
            across = way @ np.array(normal)
            away = (far - shift @ np.array(normal)) / np.where(across > 0, across, np.nan)
            depth = np.fmin(depth, np.where(away > 0, away, np.inf))
        centre = np.array([100.0, 50.0, 1300.0]) - shift
        along = way @ centre
        square = (way * way).sum(-1)
        inside = along**2 - square * (centre @ centre - 350.0**2)
        ball = (along - np.sqrt(np.maximum(inside, 0))) / square
        planes.append(np.rint(np.where(inside > 0, np.fmin(ball, depth), depth)).astype(np.uint16))
    return planes
