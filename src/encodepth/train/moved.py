"""Recordings out of photographs: a view that moves over one, things that move before it, grain.

Stands for what a hand-held or still camera sees as far as a video codec is concerned: sharpness
that does not change from picture to picture, any speed, what comes into sight, noise of its own in
every picture.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Picture = NDArray[np.uint8]
_FINER = 2  # pixels of a view are means of so many a side, so that none is blurred by its phase
_STEP = 1.33  # pixels of the photograph in one of the view
_SHARE = 0.8  # of a photograph's side that a view sees
_SPEEDS = (0.05, 12.0)  # pixels a picture
_GRAIN = (0.0, 0.7, 1.5, 3.0)  # standard deviations, of 255


def least_side(side: int) -> int:
    """Return the least side of a photograph whose views have this one, a multiple of 16."""
    return int(side * _STEP / _SHARE) + 1


def moved(
    rng: np.random.Generator, photographs: Sequence[Picture], i: int, count: int
) -> list[Picture]:
    """Return pictures of a view that moves over photograph i, all (H, W, 3) of one size.

    Args:
        rng: of everything random.
        photographs: of RGB, one of which may move before it.
        i: which is seen.
        count: pictures.
    """
    photo = photographs[i]
    height, width = (int(n * _SHARE / _STEP) // 16 * 16 for n in photo.shape[:2])
    around = [(n, n) for n in photo.shape[:2]]
    ground = Image.fromarray(np.pad(photo, [*around, (0, 0)], mode="symmetric"))
    path = _path(rng, count, still=rng.random() < 0.2)
    things = [_thing(rng, photographs, width, height) for _ in range(int(rng.integers(3)))]
    ways = [_path(rng, count, still=False) for _ in things]
    grain = float(rng.choice(_GRAIN))
    pictures = []
    for n in range(count):
        view = _seen(ground, path[n], width, height)
        for (thing, place), way in zip(things, ways, strict=True):
            x, y = (place + way[n, :2]) * _FINER
            view.paste(thing, (round(x), round(y)), thing)
        picture = np.asarray(view.reduce(_FINER).convert("RGB"))
        if grain:
            noise = rng.standard_normal((height, width, 1), np.float32)
            noise = noise + np.float32(0.5) * rng.standard_normal((height, width, 3), np.float32)
            picture = np.rint(picture + grain * noise).clip(0, 255).astype(np.uint8)
        pictures.append(picture)
    return pictures


def _path(rng: np.random.Generator, count: int, *, still: bool) -> NDArray[np.float64]:
    """Return (count, 4): how far a view is off in x and y, how it is turned, log of its zoom."""
    if still:
        return np.zeros((count, 4))
    low, high = np.log(_SPEEDS)
    speed, heading = np.exp(rng.uniform(low, high)), rng.uniform(0, 2 * np.pi)
    mean = np.array([speed * np.cos(heading), speed * np.sin(heading), 0, 0])
    spread = np.array([1, 1, 0.003, 0.003]) * np.array([speed, speed, 1, 1]) * rng.uniform(0, 0.5)
    mean[2:] = rng.normal(0, 0.002, 2)
    velocity, steps = mean.copy(), []
    for _ in range(count):
        velocity += 0.3 * (mean - velocity) + spread * rng.standard_normal(4)
        steps.append(velocity.copy())
    path = np.cumsum(steps, axis=0)
    return path - path[count // 2]


def _seen(photo: Image.Image, pose: NDArray[np.float64], width: int, height: int) -> Image.Image:
    """Return a view of `_FINER` times its size on a photograph amid its mirror images."""
    x, y, turn, zoom = pose
    scale = _STEP / _FINER * np.exp(zoom)
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    middle = np.array(photo.size) / 2 + _STEP * np.array([x, y])
    middle = middle.clip(np.array(photo.size) / 4, np.array(photo.size) * 0.75)
    across, down = _FINER * width / 2, _FINER * height / 2
    left, top = middle - (cos * across - sin * down, sin * across + cos * down)
    size, data = (width * _FINER, height * _FINER), (cos, -sin, left, sin, cos, top)
    return photo.transform(size, Image.Transform.AFFINE, data, Image.Resampling.BICUBIC)


def _thing(
    rng: np.random.Generator, photographs: Sequence[Picture], width: int, height: int
) -> tuple[Image.Image, NDArray[np.float64]]:
    """Return a part of a photograph with a soft outline, of `_FINER` times its size, and where."""
    photo = photographs[int(rng.integers(len(photographs)))]
    size = rng.integers(24, max(width, height) // 2, 2)
    box = [int(rng.integers(max(n - 2 * s, 1))) for n, s in zip(photo.shape[:2], size, strict=True)]
    part = photo[box[0] : box[0] + _FINER * size[0], box[1] : box[1] + _FINER * size[1]]
    thing = Image.fromarray(np.ascontiguousarray(part))
    outline = Image.new("L", thing.size)
    draw = ImageDraw.Draw(outline)
    (draw.ellipse if rng.random() < 0.5 else draw.rectangle)(
        (3, 3, thing.size[0] - 4, thing.size[1] - 4), fill=255
    )
    thing.putalpha(outline.filter(ImageFilter.GaussianBlur(1.2)))
    return thing, rng.uniform(0, 1, 2) * (width, height) - np.array(size[::-1]) / 2
