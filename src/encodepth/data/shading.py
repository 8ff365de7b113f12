"""Colours a cast scene: photograph textures, Lambert light with falloff, creases, camera noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .raycast import Camera, Surfaces
from .solids import Array

TILE = 256  # texels a side at the finest level; a power of two
_LEVELS = 5
Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Material:
    """How a surface looks.

    Attributes:
        slot: which tile of the scene's atlas.
        scale: texels per metre.
        offset: texels, (u, v).
        tint: linear colour the tile is mixed with, (3,), 0..1.
        contrast: share of the tile, 0..1; 0 is a plain painted surface.
        gloss: strength of the highlight, 0..1.
    """

    slot: int
    scale: float
    offset: tuple[float, float]
    tint: tuple[float, float, float]
    contrast: float
    gloss: float


@dataclass(frozen=True)
class Light:
    """A point light: world position in metres and linear colour at one metre."""

    position: tuple[float, float, float]
    color: tuple[float, float, float]


def tiles(rng: np.random.Generator, count: int, photographs: Sequence[Image] | None) -> list[Image]:
    """Return `count` tiles (TILE, TILE, 3): random crops of photographs, or noise without any."""
    if not photographs:
        return [noise_tile(rng) for _ in range(count)]
    chosen = []
    for _ in range(count):
        photo = photographs[int(rng.integers(len(photographs)))]
        if min(photo.shape[:2]) < TILE:
            chosen.append(noise_tile(rng))
            continue
        step = 2 if min(photo.shape[:2]) >= 2 * TILE and rng.random() < 0.5 else 1
        y = int(rng.integers(photo.shape[0] - step * TILE + 1))
        x = int(rng.integers(photo.shape[1] - step * TILE + 1))
        crop = photo[y : y + step * TILE, x : x + step * TILE, :3]
        if step == 2:
            crop = _halve(crop[None])[0]
        chosen.append(crop[:, ::-1] if rng.random() < 0.5 else crop)
    return chosen


def noise_tile(rng: np.random.Generator) -> Image:
    """Return a tile of value noise over a random number of octaves, in two random colours."""
    plane = np.zeros((TILE, TILE), np.float32)
    stretch = int(rng.integers(0, 3))  # grain along one axis, as in wood or cloth
    for octave in range(int(rng.integers(1, 4)), 8):
        cells, across = 2**octave, max(1, 2**octave >> stretch)
        grid = rng.random((across, cells), np.float32) - np.float32(0.5)
        size = (TILE // across, TILE // cells)
        plane += np.kron(grid, np.ones(size, np.float32)) * np.float32(0.75**octave)
    if rng.random() < 0.5:
        plane = np.sin(plane * np.float32(rng.uniform(4, 20)))
    plane -= plane.min()
    plane /= plane.max() + np.float32(1e-6)
    first, second = rng.random(3, np.float32) * 255, rng.random(3, np.float32) * 255
    return (first + plane[..., None] * (second - first)).astype(np.uint8)


class Atlas:
    """Tiles with their halvings, one flat array of RGBA words; tiles repeat mirrored."""

    def __init__(self, tiles: Sequence[Image]) -> None:
        level = np.stack(tiles)
        words, self._begins, begin = [], [], 0
        for _ in range(_LEVELS):
            rgba = np.zeros((*level.shape[:3], 4), np.uint8)
            rgba[..., :3] = level
            words.append(rgba.view(np.uint32).ravel())
            self._begins.append(begin)
            begin += words[-1].size
            level = _halve(level)
        self._words = np.concatenate(words)

    def sample(self, slot: npt.NDArray[np.int32], u: Array, v: Array, footprint: Array) -> Array:
        """Return bilinear samples (H, W, 3), 0..255, of texel positions `u`, `v` (H, W).

        `footprint` is the width of a pixel in texels and picks the halving.
        """
        level = np.zeros(u.shape, np.int32)
        for i in range(1, _LEVELS):
            level += footprint > 1.4 * 2 ** (i - 1)
        side = np.right_shift(TILE, level)
        shrink = np.ldexp(np.float32(1), -level)
        u, v = u * shrink - np.float32(0.5), v * shrink - np.float32(0.5)
        iu, iv = np.floor(u).astype(np.int32), np.floor(v).astype(np.int32)
        fu, fv = (u - iu)[..., None], (v - iv)[..., None]
        base = np.asarray(self._begins, np.int32)[level] + slot * side * side
        x0, x1 = _mirror(iu, side), _mirror(iu + 1, side)
        y0, y1 = base + _mirror(iv, side) * side, base + _mirror(iv + 1, side) * side
        top = _mix(self._fetch(y0 + x0), self._fetch(y0 + x1), fu)
        return _mix(top, _mix(self._fetch(y1 + x0), self._fetch(y1 + x1), fu), fv)

    def _fetch(self, index: npt.NDArray[np.int32]) -> Array:
        words = self._words.take(index)
        return words.view(np.uint8).reshape(*index.shape, 4)[..., :3].astype(np.float32)


def shade(
    rng: np.random.Generator,
    camera: Camera,
    seen: Surfaces,
    materials: Sequence[Material],
    atlas: Atlas,
    lights: Sequence[Light],
    ambient: float,
) -> Image:
    """Return the picture (H, W, 3) of cast surfaces, as a hand-held camera would record it."""
    albedo = _albedo(camera, seen, materials, atlas)
    light = np.full((*seen.depth.shape, 3), np.float32(ambient))
    glow = np.zeros_like(seen.depth)
    gloss = np.array([m.gloss for m in materials], np.float32)[seen.material]
    for lamp in lights:
        way = np.asarray(lamp.position, np.float32)[:, None, None] - seen.point
        square = way[0] * way[0] + way[1] * way[1] + way[2] * way[2]
        facing = (way[0] * seen.normal[0] + way[1] * seen.normal[1]) + way[2] * seen.normal[2]
        facing = np.maximum(facing, 0) / np.sqrt(square + np.float32(1e-6))
        strength = facing / (square + np.float32(0.15))
        light += strength[..., None] * np.asarray(lamp.color, np.float32)
        glow += gloss * facing**24 * np.float32(0.2)
    light *= _creases(seen.depth)[..., None]
    return _develop(rng, albedo * light + glow[..., None])


def _albedo(camera: Camera, seen: Surfaces, materials: Sequence[Material], atlas: Atlas) -> Array:
    pick = seen.material
    scale = np.array([m.scale for m in materials], np.float32)[pick]
    offsets = np.array([m.offset for m in materials], np.float32)
    shift = seen.serial.astype(np.float32)  # two things of one material show different parts
    u = seen.u * scale + offsets[:, 0][pick] + shift * np.float32(37)
    v = seen.v * scale + offsets[:, 1][pick] + shift * np.float32(59)
    slot = np.array([m.slot for m in materials], np.int32)[pick]
    texels = atlas.sample(slot, u, v, seen.depth * scale * np.float32(1 / camera.focal))
    texels *= texels * np.float32(1 / 255**2)  # to linear light, gamma 2
    contrast = np.array([m.contrast for m in materials], np.float32)
    tint = np.array([m.tint for m in materials], np.float32) * (1 - contrast)[:, None]
    texels *= contrast[pick][..., None]
    texels += tint[pick]
    return texels


def _creases(depth: Array) -> Array:
    """Darken what lies behind its surroundings (depth-buffer unsharp masking; Luft et al. 2006)."""
    height, width = depth.shape
    step = 4
    small = depth[: height // step * step : step, : width // step * step : step]
    if min(small.shape) < 9:
        return np.ones_like(depth)
    behind: Array = np.clip(small - _blur(small, 4), 0, 0.25) * np.float32(1.6)
    behind = _blur(behind, 1)
    big = np.repeat(np.repeat(behind, step, axis=0), step, axis=1)
    pad = [(0, height - big.shape[0]), (0, width - big.shape[1])]
    return 1 - np.pad(big, pad, mode="edge")


def _develop(rng: np.random.Generator, linear: Array) -> Image:
    """Expose, add shot and read noise, apply gamma 2 and quantise."""
    height, width, _ = linear.shape
    sample = linear[::8, ::8].mean(axis=-1)
    key = float(np.percentile(sample, 90))
    linear *= np.float32(rng.uniform(0.35, 0.85) / max(key, 1e-4))
    linear *= rng.uniform(0.9, 1.1, 3).astype(np.float32)  # white balance
    noise = float(rng.choice([0.0, 0.004, 0.01, 0.02])) * float(rng.uniform(0.5, 1))
    root: Array = np.sqrt(np.maximum(linear, 0))
    if noise > 0:  # after the square root, shot noise is the same at every brightness
        grain = rng.standard_normal((height, width), np.float32)
        for channel in range(3):
            shared = np.roll(grain, (17 * channel, 31 * channel), axis=(0, 1))
            root[..., channel] += shared * np.float32(noise)
    return (np.clip(root, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)


def _blur(plane: Array, radius: int) -> Array:
    """Box blur of (h, w) with edges repeated."""
    for axis in (0, 1):
        pad = [(0, 0), (0, 0)]
        pad[axis] = (radius + 1, radius)
        total = np.cumsum(np.pad(plane, pad, mode="edge"), axis=axis, dtype=np.float64)
        window = 2 * radius + 1
        if axis == 0:
            plane = ((total[window:] - total[:-window]) / window).astype(np.float32)
        else:
            plane = ((total[:, window:] - total[:, :-window]) / window).astype(np.float32)
    return plane


def _mix(a: Array, b: Array, share: Array) -> Array:
    b -= a
    b *= share
    b += a
    return b


def _mirror(i: npt.NDArray[np.int32], side: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    folded = np.where(i & side, ~i, i)
    return folded & (side - 1)


def _halve(tiles: npt.NDArray[np.uint8]) -> Image:
    wide = tiles.astype(np.uint16)
    total = wide[:, ::2, ::2] + wide[:, 1::2, ::2] + wide[:, ::2, 1::2] + wide[:, 1::2, 1::2]
    return ((total + 2) >> 2).astype(np.uint8)
