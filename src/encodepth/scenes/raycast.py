"""Casts camera rays into a room of solids: depth, surface normals and texture coordinates.

One solid at a time, inside its bounding rectangle on the screen, against a z-buffer; attributes
are computed afterwards, once for each visible pixel.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .solids import HIT, Array, Solid, largest, normal, room

_STRIP = 32  # rows cast at a time: they stay in the processor's cache
NEAR = 0.05  # metres: edges are clipped here when a bounding rectangle is found
_CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float64)
_EDGES = [(a, b) for a in range(8) for b in range(a) if (a ^ b).bit_count() == 1]
_WALL_NORMALS = np.array(  # of the faces -x +x -y +y -z +z, seen from inside
    [[1, -1, 0, 0, 0, 0], [0, 0, 1, -1, 0, 0], [0, 0, 0, 0, 1, -1]], np.float32
)
_A, _B = (np.array(e) for e in zip(*_EDGES, strict=True))


@dataclass(frozen=True)
class Camera:
    """A pinhole camera: `rotation` takes camera axes (right, down, forward) to the world."""

    position: npt.NDArray[np.float64]
    rotation: npt.NDArray[np.float64]
    focal: float
    height: int
    width: int

    def rays(self, rows: slice, columns: slice) -> tuple[Array, Array]:
        """Return x (1, w) and y (h, 1) of the rays (x, y, 1) of a rectangle of pixels."""
        x = (np.arange(self.width)[columns] - (self.width - 1) / 2) / self.focal
        y = (np.arange(self.height)[rows] - (self.height - 1) / 2) / self.focal
        return x.astype(np.float32)[None], y.astype(np.float32)[:, None]


@dataclass(frozen=True)
class Surfaces:
    """What each pixel sees, all (H, W) or (3, H, W).

    Attributes:
        depth: z coordinate, metres.
        material: index into the scene's materials.
        normal: unit normal in world coordinates, towards the camera.
        point: world position, metres.
        u, v: position on the surface, metres.
        serial: which solid, for per-object variation; walls come first.
    """

    depth: Array
    material: npt.NDArray[np.int16]
    normal: Array
    point: Array
    u: Array
    v: Array
    serial: npt.NDArray[np.int16]

    def rows(self, rows: slice) -> Surfaces:
        """Return a strip of rows, a view."""
        return Surfaces(
            self.depth[rows],
            self.material[rows],
            self.normal[:, rows],
            self.point[:, rows],
            self.u[rows],
            self.v[rows],
            self.serial[rows],
        )


def cast(
    camera: Camera,
    half: npt.NDArray[np.float64],
    walls: Sequence[int],
    solids: Sequence[Solid],
) -> Surfaces:
    """Return what `camera` sees in a box room of half sizes `half` centred on the origin.

    Args:
        camera: must lie inside the room.
        half: half sizes of the room, metres, (3,).
        walls: the six faces' materials, -x +x -y +y -z +z.
        solids: everything else.
    """
    shell = Solid("room", np.zeros(3), np.diag(half), 0)
    local, origin = _to_local(shell, camera)
    depth = np.empty((camera.height, camera.width), np.float32)
    serial = np.empty((camera.height, camera.width), np.int16)
    for top in range(0, camera.height, _STRIP):
        rows = slice(top, top + _STRIP)
        d = _directions(local, *camera.rays(rows, slice(None)))
        depth[rows], serial[rows] = room(origin, d)
    forward = camera.rotation[:, 2]
    far = [float((s.center - camera.position) @ forward) for s in solids]
    for i in np.argsort(far, kind="stable"):  # near first, so that much of the rest is hidden
        _draw(camera, solids[i], 6 + int(i), depth, serial)
    return _attributes(camera, walls, solids, depth, serial)


def _draw(
    camera: Camera, solid: Solid, serial: int, depth: Array, serials: npt.NDArray[np.int16]
) -> None:
    corners = (_CORNERS @ solid.axes.T + solid.center - camera.position) @ camera.rotation
    window = _window(camera, corners)
    if window is None:
        return
    local, origin = _to_local(solid, camera)
    rows, columns = window
    nearest = corners[:, 2].min()
    for top in range(rows.start, rows.stop, _STRIP):
        part = slice(top, min(top + _STRIP, rows.stop)), columns
        behind = depth[part]
        if behind.max() < nearest:
            continue
        t = HIT[solid.shape](origin, _directions(local, *camera.rays(*part)), solid.params)
        seen = t < behind
        np.copyto(behind, t, where=seen)
        np.copyto(serials[part], np.int16(serial), where=seen)


def _window(camera: Camera, corners: npt.NDArray[np.float64]) -> tuple[slice, slice] | None:
    """Return the rows and columns a box may cover, or None if unseen.

    `corners` (8, 3) are in camera coordinates, in the order of `_CORNERS`.
    """
    z = corners[:, 2]
    if z.max() <= NEAR:
        return None
    points = corners[z > NEAR]
    if len(points) < 8:
        za, zb = z[_A], z[_B]
        crossing = (za > NEAR) != (zb > NEAR)
        a, b = _A[crossing], _B[crossing]
        share = ((NEAR - z[a]) / (z[b] - z[a]))[:, None]
        points = np.concatenate([points, corners[a] + share * (corners[b] - corners[a])])
    uv = points[:, :2] / points[:, 2:] * camera.focal
    uv += [(camera.width - 1) / 2, (camera.height - 1) / 2]
    (u0, v0), (u1, v1) = np.floor(uv.min(axis=0)), np.ceil(uv.max(axis=0))
    rows = slice(int(max(v0, 0)), int(min(v1 + 1, camera.height)))
    columns = slice(int(max(u0, 0)), int(min(u1 + 1, camera.width)))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return None
    return rows, columns


def _to_local(solid: Solid, camera: Camera) -> tuple[Array, Array]:
    inverse = (solid.axes / (solid.axes * solid.axes).sum(axis=0)).T  # axes are orthogonal
    local = (inverse @ camera.rotation).astype(np.float32)
    origin = (inverse @ (camera.position - solid.center)).astype(np.float32)
    return local, origin


def _directions(local: Array, x: Array, y: Array) -> Array:
    d = np.empty((3, y.shape[0], x.shape[1]), np.float32)
    for k in range(3):
        np.add(local[k, 0] * x, local[k, 1] * y + local[k, 2], out=d[k])
    return d


def _attributes(
    camera: Camera,
    walls: Sequence[int],
    solids: Sequence[Solid],
    depth: Array,
    serial: npt.NDArray[np.int16],
) -> Surfaces:
    x, y = camera.rays(slice(None), slice(None))
    turn, eye = camera.rotation.astype(np.float32), camera.position.astype(np.float32)
    point = _directions(turn, x, y)
    point *= depth
    point += eye[:, None, None]
    on_wall = np.minimum(serial, 5)  # things are written over below
    across, up = serial < 2, serial < 4
    u, v = np.where(across, point[1], point[0]), np.where(up, point[2], point[1])
    normals = _WALL_NORMALS.take(on_wall, axis=1)
    material = np.array([*walls, *(s.material for s in solids)], np.int16).take(serial)
    flat = (point.reshape(3, -1), normals.reshape(3, -1), u.reshape(-1), v.reshape(-1))
    for solid, pixels in _by_solid(serial, solids):
        _paint(solid, pixels, eye, *flat)
    return Surfaces(depth, material, normals, point, u, v, serial)


def _by_solid(
    serial: npt.NDArray[np.int16], solids: Sequence[Solid]
) -> Iterator[tuple[Solid, npt.NDArray[np.intp]]]:
    """Yield every solid that is seen and the flat indices of its pixels."""
    pixels = np.flatnonzero(serial > 5)
    which = serial.ravel()[pixels] - np.int16(6)
    pixels = pixels[np.argsort(which, kind="stable")]
    ends = np.cumsum(np.bincount(which, minlength=len(solids)))
    for solid, begin, end in zip(solids, [0, *ends], ends, strict=False):
        if end > begin:
            yield solid, pixels[begin:end]


def _paint(
    solid: Solid,
    pixels: npt.NDArray[np.intp],
    eye: Array,
    point: Array,
    normals: Array,
    u: Array,
    v: Array,
) -> None:
    """Write a solid's normals and surface positions into its pixels."""
    size = np.linalg.norm(solid.axes, axis=0)
    turn = (solid.axes / size).astype(np.float32)
    size = size.astype(np.float32)[:, None]
    there = point.take(pixels, axis=1)
    p = turn.T @ (there - solid.center.astype(np.float32)[:, None])  # metres, along its axes
    p_unit = p / size
    face = normal(solid.shape, p_unit, solid.params) / size
    axis = largest(face)
    u[pixels] = np.where(axis == 0, p[1], p[0])
    v[pixels] = np.where(axis == 2, p[1], p[2])
    turned = turn @ face
    length = np.sqrt((turned * turned).sum(axis=0)) + np.float32(1e-12)
    towards = (turned * (eye[:, None] - there)).sum(axis=0)
    turned /= np.where(towards < 0, -length, length)
    normals[:, pixels] = turned
