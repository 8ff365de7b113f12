"""Solids a ray can hit: unit shapes under an affine map, intersected analytically.

Every shape lives in the cube [-1, 1]^3 and is carried into the world by `axes @ p + center`. The
ray parameter survives an affine map, so each intersection is solved for the unit shape, and with
camera rays of unit z the parameter is the depth in metres.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]

MISS = np.float32(1e9)  # depth of a ray that hits nothing
_TINY = np.float32(1e-9)
_TORUS_STEPS, _TERRAIN_STEPS, _REFINE_STEPS = 20, 12, 4


@dataclass(frozen=True)
class Solid:
    """One thing in a scene.

    Attributes:
        shape: a key of `HIT`.
        center: world position, metres, (3,).
        axes: columns are the local axes times their half sizes, metres, (3, 3).
        material: index into the scene's materials.
        params: what the shape needs beside its pose: taper, bend, thickness or waves.
    """

    shape: str
    center: npt.NDArray[np.float64]
    axes: npt.NDArray[np.float64]
    material: int
    params: tuple[float, ...] = field(default=())


def box(o: Array, d: Array, _: tuple[float, ...]) -> Array:
    """Return where rays enter the cube [-1, 1]^3.

    Args:
        o: origin, (3,).
        d: directions, (3, ...).

    Returns:
        Ray parameters, `MISS` where the cube is missed or the origin lies inside.
    """
    near, far = _slabs(o, d)
    return np.where((near < far) & (near > 0), near, MISS)


def sphere(o: Array, d: Array, _: tuple[float, ...]) -> Array:
    """Return where rays enter the unit ball; shapes as in `box`."""
    a = d[0] * d[0] + d[1] * d[1] + d[2] * d[2]
    b = o[0] * d[0] + o[1] * d[1] + o[2] * d[2]
    disc = b * b - a * np.float32(o @ o - 1)
    t = (-b - np.sqrt(np.maximum(disc, 0))) / a
    return np.where((disc > 0) & (t > 0), t, MISS)


def frustum(o: Array, d: Array, params: tuple[float, ...]) -> Array:
    """Return where rays enter the solid x^2 + y^2 <= r(z)^2, |z| <= 1; r runs from r0 to r1.

    `params` is (r0, r1), radii at z = -1 and z = 1, each in 0..1; (1, 1) is a cylinder.
    """
    r0, r1 = params
    mid, slope = np.float32((r0 + r1) / 2), np.float32((r1 - r0) / 2)
    radius, grow = mid + slope * o[2], slope * d[2]
    a = d[0] * d[0] + d[1] * d[1] - grow * grow
    b = o[0] * d[0] + o[1] * d[1] - radius * grow
    disc = b * b - a * (o[0] * o[0] + o[1] * o[1] - radius * radius)
    root = np.sqrt(np.maximum(disc, 0))
    a = np.where(np.abs(a) < _TINY, _TINY, a)
    side: Array = np.full(a.shape, MISS)
    for t in ((-b - root) / a, (-b + root) / a):
        z = o[2] + t * d[2]
        ok = (disc > 0) & (t > 0) & (np.abs(z) <= 1) & (mid + slope * z >= 0)
        side = np.minimum(side, np.where(ok, t, MISS))
    dz = _nonzero(d[2])
    end = np.float32(-1.0 if o[2] < 0 else 1.0)
    t = (end - o[2]) / dz
    x, y = o[0] + t * d[0], o[1] + t * d[1]
    cap = np.float32(r0 if end < 0 else r1)
    return np.minimum(side, np.where((t > 0) & (x * x + y * y <= cap * cap), t, MISS))


def sheet(o: Array, d: Array, params: tuple[float, ...]) -> Array:
    """Return where rays meet the bent sheet z = bend * x^2 whose outline is |x|^p + |y|^p <= 1.

    `params` is (bend, p): p = 2 is a disc or a leaf, p = 1 a rhombus, a large p a page.
    """
    bend, power = np.float32(params[0]), np.float32(params[1])
    a = bend * d[0] * d[0]
    b = bend * o[0] * d[0] - d[2] / 2
    c = bend * o[0] * o[0] - o[2]
    flat = np.abs(a) < 1e-6
    root = np.sqrt(np.maximum(b * b - a * c, 0))
    safe = np.where(flat, np.float32(1), a)
    best: Array = np.full(a.shape, MISS)
    linear = -c / _nonzero(2 * b)
    for sign in (np.float32(-1), np.float32(1)):
        t = np.where(flat, linear, (-b + sign * root) / safe)
        x, y = np.abs(o[0] + t * d[0]), np.abs(o[1] + t * d[1])
        inside = np.maximum(x, y) <= 1
        if power < 16:
            inside &= x**power + y**power <= 1
        best = np.minimum(best, np.where((t > 0) & inside & (b * b >= a * c), t, MISS))
    return best


def torus(o: Array, d: Array, params: tuple[float, ...]) -> Array:
    """Return where rays enter the ring around z; `params` is (tube radius,), in 0..0.5."""
    return _march(o, d, lambda p: torus_value(p, params[0]), _TORUS_STEPS)


def torus_value(p: Array, tube: float) -> Array:
    """Signed distance-like value of the ring at `p`, (3, ...): negative inside."""
    ring = np.sqrt(p[0] * p[0] + p[1] * p[1]) - np.float32(1 - tube)
    z = p[2] * np.float32(tube)  # the cube is stretched so that the tube fills |z| <= 1
    return ring * ring + z * z - np.float32(tube * tube)


def terrain(o: Array, d: Array, params: tuple[float, ...]) -> Array:
    """Return where rays enter the ground below z = height(x, y) in the cube.

    `params` holds waves of (amplitude, kx, ky, phase), amplitudes adding to at most 1.
    """
    return _march(o, d, lambda p: p[2] - terrain_height(p, params), _TERRAIN_STEPS)


def terrain_height(p: Array, params: tuple[float, ...]) -> Array:
    """Height of the waves at `p`, (3, ...), falling to -1 at the rim of the cube."""
    h = np.zeros_like(p[0])
    for i in range(0, len(params), 4):
        amplitude, kx, ky, phase = (np.float32(v) for v in params[i : i + 4])
        wave = kx * p[0]
        wave += ky * p[1]
        wave += phase
        np.sin(wave, out=wave)
        wave *= amplitude
        h += wave
    rim = np.maximum(p[0] * p[0], p[1] * p[1])
    rim *= rim
    rim *= rim  # 0 inside, 1 at the rim
    return (h + 1) * (1 - rim) - 1


def room(o: Array, d: Array) -> tuple[Array, npt.NDArray[np.int16]]:
    """Return where rays from inside the cube leave it, and through which of its six faces.

    Returns:
        Ray parameters and faces, 2 * axis + (1 if the positive face).
    """
    t = np.full(d.shape[1:], MISS, np.float32)
    face = np.zeros(d.shape[1:], np.int16)
    for axis in range(3):
        direction = _nonzero(d[axis])
        up = direction > 0
        exit_ = (np.where(up, np.float32(1), np.float32(-1)) - o[axis]) / direction
        first = exit_ < t
        t = np.where(first, exit_, t)
        face = np.where(first, np.int16(2 * axis) + up.astype(np.int16), face)
    return t, face


def normal(shape: str, p: Array, params: tuple[float, ...]) -> Array:
    """Return outward normals of a unit shape at surface points.

    Args:
        shape: a key of `HIT`, or "room" for the inside of the cube.
        p: points on the surface, (3, n).
        params: as given to the intersection.

    Returns:
        Normals in local coordinates, (3, n), of any length.
    """
    if shape == "sphere":
        return p
    if shape in ("box", "room"):
        axis = largest(p)
        n = np.sign(p) * (axis == np.arange(3)[:, None])
        return n if shape == "box" else -n
    if shape == "frustum":
        slope = np.float32((params[1] - params[0]) / 2)
        radius = np.float32((params[0] + params[1]) / 2) + slope * p[2]
        cap = np.abs(p[2]) > 1 - 1e-4
        n = np.stack([p[0], p[1], -slope * radius])
        return np.where(cap, np.stack([0 * p[0], 0 * p[0], np.sign(p[2])]), n)
    if shape == "sheet":
        return np.stack([-2 * np.float32(params[0]) * p[0], 0 * p[0], 1 + 0 * p[0]])
    if shape == "torus":
        return _gradient(lambda q: torus_value(q, params[0]), p)
    return _gradient(lambda q: q[2] - terrain_height(q, params), p)


HIT: dict[str, Callable[[Array, Array, tuple[float, ...]], Array]] = {
    "box": box,
    "sphere": sphere,
    "frustum": frustum,
    "sheet": sheet,
    "torus": torus,
    "terrain": terrain,
}


def largest(p: Array) -> npt.NDArray[np.intp]:
    """Return which of the three coordinates of `p`, (3, n), is the largest in size."""
    a = np.abs(p)
    return np.where(a[2] > np.maximum(a[0], a[1]), 2, (a[1] > a[0]).astype(np.intp))


def _nonzero(d: Array) -> Array:
    return np.where(np.abs(d) < _TINY, _TINY, d)


def _slabs(o: Array, d: Array) -> tuple[Array, Array]:
    near: Any = -MISS
    far: Any = MISS
    for axis in range(3):
        inverse = 1 / _nonzero(d[axis])
        middle, half = -o[axis] * inverse, np.abs(inverse)
        near, far = np.maximum(near, middle - half), np.minimum(far, middle + half)
    return near, far


def _march(o: Array, d: Array, value: Callable[[Array], Array], steps: int) -> Array:
    """Find where `value` first turns negative along each ray inside the cube.

    `steps` equal steps look for the change of sign, false position (Illinois) closes in on it.
    """
    near, far = _slabs(o, d)
    t = np.full(near.shape, MISS, np.float32)
    hits = (near < far) & (near > 0)
    low, d = near[hits], d[:, hits]
    step = (far[hits] - low) / steps
    origin = o[:, None]
    at_low = value(origin + low * d)
    high, at_high = low.copy(), at_low.copy()
    todo = np.flatnonzero(at_low > 0)
    for _ in range(steps):
        if todo.size == 0:
            break
        ahead = low[todo] + step[todo]
        at_ahead = value(origin + ahead * d[:, todo])
        high[todo], at_high[todo] = ahead, at_ahead
        outside = at_ahead > 0
        todo = todo[outside]
        low[todo], at_low[todo] = ahead[outside], at_ahead[outside]
    crossed = (at_low > 0) & (at_high <= 0)
    ray = d[:, crossed]
    result = np.where(at_low <= 0, low, MISS)
    result[crossed] = _close_in(
        lambda s: value(origin + s * ray),
        (low[crossed], at_low[crossed]),
        (high[crossed], at_high[crossed]),
    )
    t[hits] = result
    return t


def _close_in(
    value: Callable[[Array], Array], low: tuple[Array, Array], high: tuple[Array, Array]
) -> Array:
    """Return where `value` is zero between two places (t, value), outside and inside."""
    (a, at_a), (b, at_b) = low, high
    for _ in range(_REFINE_STEPS):
        middle = b - at_b * (b - a) / np.minimum(at_b - at_a, -_TINY)
        at_middle = value(middle)
        inside = at_middle <= 0
        at_a, at_b = (
            np.where(inside, at_a / 2, at_middle),
            np.where(inside, at_middle, at_b / 2),
        )
        a, b = np.where(inside, a, middle), np.where(inside, middle, b)
    return np.where(np.abs(at_a) < np.abs(at_b), a, b)


def _gradient(value: Callable[[Array], Array], p: Array) -> Array:
    h = np.float32(2e-3)
    steps = np.eye(3, dtype=np.float32)[:, :, None] * h
    return np.stack([value(p + s) - value(p - s) for s in steps])
