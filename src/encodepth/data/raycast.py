"""Casts camera rays into a room of solids: depth, surface normals and texture coordinates.

One solid at a time, inside its bounding rectangle on the screen, against a z-buffer; attributes
are computed afterwards, once for each visible pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .solids import HIT, Array, Solid, normal, room

NEAR = 0.05  # metres: edges are clipped here when a bounding rectangle is found
_CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float64)
_EDGES = [(a, b) for a in range(8) for b in range(a) if (a ^ b).bit_count() == 1]
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
    x, y = camera.rays(slice(None), slice(None))
    depth, serial = room(origin, _directions(local, x, y))
    for i, solid in enumerate(solids):
        _draw(camera, solid, 6 + i, depth, serial)
    return _attributes(camera, shell, walls, solids, depth, serial)


def _draw(
    camera: Camera, solid: Solid, serial: int, depth: Array, serials: npt.NDArray[np.int16]
) -> None:
    window = _window(camera, solid)
    if window is None:
        return
    local, origin = _to_local(solid, camera)
    x, y = camera.rays(*window)
    t = HIT[solid.shape](origin, _directions(local, x, y), solid.params)
    seen = t < depth[window]
    np.copyto(depth[window], t, where=seen)
    np.copyto(serials[window], np.int16(serial), where=seen)


def _window(camera: Camera, solid: Solid) -> tuple[slice, slice] | None:
    """Return the rows and columns the solid's bounding box may cover, or None if unseen."""
    corners = (_CORNERS @ solid.axes.T + solid.center - camera.position) @ camera.rotation
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
    inverse = np.linalg.inv(solid.axes)
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
    shell: Solid,
    walls: Sequence[int],
    solids: Sequence[Solid],
    depth: Array,
    serial: npt.NDArray[np.int16],
) -> Surfaces:
    flat = serial.ravel()
    order = np.argsort(flat, kind="stable")
    ends = np.cumsum(np.bincount(flat, minlength=6 + len(solids)))
    x, y = camera.rays(slice(None), slice(None))
    seen = np.stack(np.broadcast_arrays(x * depth, y * depth, depth)).reshape(3, -1)
    count = flat.size
    n, u, v = (
        np.empty((3, count), np.float32),
        np.empty(count, np.float32),
        np.empty(count, np.float32),
    )
    material = np.empty(count, np.int16)
    begin = 0
    for i, end in enumerate(ends):
        pixels, begin = order[begin:end], end
        if pixels.size == 0:
            continue
        solid = shell if i < 6 else solids[i - 6]
        local, origin = _to_local(solid, camera)
        p = local @ seen[:, pixels] + origin[:, None]
        size = np.linalg.norm(solid.axes, axis=0).astype(np.float32)
        face = normal(solid.shape, p, solid.params) / size[:, None]
        axis = np.abs(face).sum(axis=1).argmax() if i < 6 else np.abs(face).argmax(axis=0)
        p *= size[:, None]
        u[pixels] = np.where(axis == 0, p[1], p[0])
        v[pixels] = np.where(axis == 2, p[1], p[2])
        turned = (solid.axes / size).astype(np.float32) @ face
        turned /= np.sqrt((turned * turned).sum(axis=0)) + np.float32(1e-12)
        n[:, pixels] = turned
        material[pixels] = walls[i] if i < 6 else solid.material
    shape = depth.shape
    point = camera.rotation.astype(np.float32) @ seen + camera.position.astype(np.float32)[:, None]
    towards = (n * (camera.position.astype(np.float32)[:, None] - point)).sum(axis=0)
    n *= np.where(towards < 0, np.float32(-1), np.float32(1))
    return Surfaces(
        depth,
        material.reshape(shape),
        n.reshape(3, *shape),
        point.reshape(3, *shape),
        u.reshape(shape),
        v.reshape(shape),
        serial,
    )
