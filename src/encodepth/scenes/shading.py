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
_STRIP = 24  # rows shaded at a time
_SHRINK = np.float32(0.5) ** np.arange(_LEVELS, dtype=np.float32)
_EVEN, _TWO = np.uint32(0x00FF00FF), np.uint32(0x00020002)
Image = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint32]


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


def tiles(rng: np.random.Generator, count: int, photographs: Sequence[Image] | None) -> list[Words]:
    """Return `count` tiles (TILE, TILE), packed: crops of photographs, or noise without any."""
    large = [p for p in photographs or () if min(p.shape[:2]) >= TILE]
    if not large:
        return [_pack(noise_tile(rng)) for _ in range(count)]
    return [_crop(rng, large[int(rng.integers(len(large)))]) for _ in range(count)]


def _crop(rng: np.random.Generator, photo: Image) -> Words:
    step = 2 if min(photo.shape[:2]) >= 2 * TILE and rng.random() < 0.3 else 1
    y = int(rng.integers(photo.shape[0] - step * TILE + 1))
    x = int(rng.integers(photo.shape[1] - step * TILE + 1))
    crop = _pack(photo[y : y + step * TILE, x : x + step * TILE, :3])
    if step == 2:
        crop = _halve(crop)
    return crop[:, ::-1] if rng.random() < 0.5 else crop


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
    """Tiles with their halvings, one flat array of words; tiles repeat mirrored."""

    def __init__(self, tiles: Sequence[Words]) -> None:
        level = np.stack(tiles)
        words, begins = [], [0]
        for _ in range(_LEVELS):
            words.append(level.ravel())
            begins.append(begins[-1] + level.size)
            level = _halve(level)
        self._words = np.concatenate(words)
        self._begins = np.array(begins[:-1], np.int32)

    def sample(self, slot: npt.NDArray[np.int32], u: Array, v: Array, footprint: Array) -> Array:
        """Return bilinear samples (H, W, 3), 0..255, of texel positions `u`, `v` (H, W).

        `footprint` is the width of a pixel in texels and picks the halving.
        """
        level = np.zeros(u.shape, np.int32)
        for i in range(1, _LEVELS):
            level += footprint > 1.4 * 2 ** (i - 1)
        side = np.right_shift(np.int32(TILE), level)
        shrink = _SHRINK.take(level)
        u, v = u * shrink - np.float32(0.5), v * shrink - np.float32(0.5)
        iu, iv = np.floor(u).astype(np.int32), np.floor(v).astype(np.int32)
        fu, fv = _fraction(u, iu), _fraction(v, iv)
        base = self._begins.take(level) + slot * side * side
        x0, x1 = _mirror(iu, side), _mirror(iu + 1, side)
        y0, y1 = base + _mirror(iv, side) * side, base + _mirror(iv + 1, side) * side
        words = self._words
        top = _mix(words.take(y0 + x0), words.take(y0 + x1), fu)
        bottom = _mix(words.take(y1 + x0), words.take(y1 + x1), fu)
        mixed = _mix(top, bottom, fv).view(np.uint8).reshape(*u.shape, 4)
        return mixed[..., :3].astype(np.float32)


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
    height, width = seen.depth.shape
    linear = np.empty((height, width, 3), np.float32)
    crease = _creases(seen.depth)
    table = _Table.of(materials)
    for top in range(0, height, _STRIP):  # a strip stays in the processor's cache
        rows = slice(top, top + _STRIP)
        part = seen.rows(rows)
        albedo = _albedo(camera, part, table, atlas)
        light, glow = _light(part, table, lights, ambient)
        light *= crease[rows]
        np.multiply(albedo, light[..., None], out=linear[rows])
        linear[rows] += glow[..., None]
    tint = np.mean([lamp.color for lamp in lights], axis=0)
    linear *= (tint / tint.mean()).astype(np.float32)
    return _develop(rng, linear)


@dataclass(frozen=True)
class _Table:
    """The materials' numbers, one array each."""

    slot: npt.NDArray[np.int32]
    scale: Array
    offset_u: Array
    offset_v: Array
    contrast: Array
    tint: Array
    gloss: Array

    @classmethod
    def of(cls, materials: Sequence[Material]) -> _Table:
        contrast = np.array([m.contrast for m in materials], np.float32)
        tint = np.array([m.tint for m in materials], np.float32)
        return cls(
            np.array([m.slot for m in materials], np.int32),
            np.array([m.scale for m in materials], np.float32),
            np.array([m.offset[0] for m in materials], np.float32),
            np.array([m.offset[1] for m in materials], np.float32),
            contrast * np.float32(1 / 255**2),
            tint * (1 - contrast)[:, None],
            np.array([m.gloss for m in materials], np.float32) * np.float32(0.2),
        )


def _light(
    seen: Surfaces, table: _Table, lights: Sequence[Light], ambient: float
) -> tuple[Array, Array]:
    """Return diffuse light and highlights, both (h, w)."""
    light = np.full(seen.depth.shape, np.float32(ambient))
    glow = np.zeros_like(seen.depth)
    gloss = table.gloss.take(seen.material)
    for lamp in lights:
        way = np.asarray(lamp.position, np.float32)[:, None, None] - seen.point
        square = way[0] * way[0] + way[1] * way[1] + way[2] * way[2]
        facing = way[0] * seen.normal[0] + way[1] * seen.normal[1] + way[2] * seen.normal[2]
        facing = np.maximum(facing, 0) / np.sqrt(square + np.float32(1e-6))
        light += facing / (square + np.float32(0.15)) * np.float32(np.mean(lamp.color))
        fourth = facing * facing
        fourth *= fourth
        glow += gloss * (fourth * fourth) * (fourth * fourth) * (fourth * fourth)
    return light, glow


def _albedo(camera: Camera, seen: Surfaces, table: _Table, atlas: Atlas) -> Array:
    pick = seen.material
    scale = table.scale.take(pick)
    shift = seen.serial.astype(np.float32)  # two things of one material show different parts
    u = seen.u * scale + table.offset_u.take(pick) + shift * np.float32(37)
    v = seen.v * scale + table.offset_v.take(pick) + shift * np.float32(59)
    footprint = seen.depth * scale * np.float32(1 / camera.focal)
    texels = atlas.sample(table.slot.take(pick), u, v, footprint)
    texels *= texels  # to linear light, gamma 2
    texels *= table.contrast.take(pick)[..., None]
    texels += table.tint.take(pick, axis=0)
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


def _fraction(position: Array, whole: npt.NDArray[np.int32]) -> Words:
    return ((position - whole) * np.float32(256)).astype(np.uint32)


def _mix(a: Words, b: Words, share: Words) -> Words:
    """Return a + (b - a) * share / 256 of every byte; share 0..256."""
    rest = np.uint32(256) - share
    even = ((a & _EVEN) * rest + (b & _EVEN) * share) >> np.uint32(8)
    odd = ((a >> np.uint32(8)) & _EVEN) * rest + ((b >> np.uint32(8)) & _EVEN) * share
    return (even & _EVEN) | (odd & ~_EVEN)


def _mirror(i: npt.NDArray[np.int32], side: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    folded = np.where(i & side, ~i, i)
    return folded & (side - 1)


def _pack(tiles: Image) -> Words:
    """Return (..., 3) bytes as words 0x00BBGGRR."""
    rgba = np.zeros((*tiles.shape[:-1], 4), np.uint8)
    rgba[..., :3] = tiles
    return rgba.view("<u4")[..., 0]


def _halve(words: Words) -> Words:
    """Return means of 2x2 texels, (..., h, w) -> (..., h / 2, w / 2); two bytes at a time."""
    quarters = [words[..., y::2, x::2] for y in (0, 1) for x in (0, 1)]
    even = np.full(quarters[0].shape, _TWO)
    odd = even.copy()
    for quarter in quarters:
        even += quarter & _EVEN
        odd += (quarter >> np.uint32(8)) & _EVEN
    return ((even >> np.uint32(2)) & _EVEN) | ((odd << np.uint32(6)) & ~_EVEN)
