"""Random rooms: furniture, curved things, thin things and clutter, as lists of solids.

World axes: x and y along the floor, z up, metres, origin in the middle of the room.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from .raycast import Camera
from .shading import Light, Material
from .solids import Solid

Vector = npt.NDArray[np.float64]
Point = Sequence[float] | Vector
_MATERIALS = 18
TILES = 8
_CLEAR = 0.32  # metres around the camera that stay empty


@dataclass(frozen=True)
class Room:
    """A whole scene before it is seen."""

    half: Vector
    walls: tuple[int, ...]
    solids: tuple[Solid, ...]
    materials: tuple[Material, ...]
    lights: tuple[Light, ...]
    ambient: float
    camera: Camera


class Builder:
    """Collects solids in a movable frame: `at` sets where the floor's (0, 0, 0) lies."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.solids: list[Solid] = []
        self._origin: Vector = np.zeros(3)
        self._turn: Vector = np.eye(3)

    def at(self, x: float, y: float, z: float = 0.0, yaw: float = 0.0) -> Builder:
        """Move the frame; `yaw` in radians about z."""
        self._origin = np.array([x, y, z])
        self._turn = _rotation_z(yaw)
        return self

    def u(self, low: float, high: float) -> float:
        """Draw a number between `low` and `high`."""
        return float(self.rng.uniform(low, high))

    def material(self) -> int:
        """Draw a material."""
        return int(self.rng.integers(_MATERIALS))

    def add(
        self,
        shape: str,
        center: Point,
        half: Sequence[float],
        material: int,
        params: tuple[float, ...] = (),
        turn: Vector | None = None,
    ) -> None:
        """Add a shape of half sizes `half` at `center`, turned by `turn` in the frame."""
        axes = self._turn @ ((np.eye(3) if turn is None else turn) * np.asarray(half))
        place = self._origin + self._turn @ np.asarray(center, np.float64)
        self.solids.append(Solid(shape, place, axes, material, params))

    def rod(self, start: Point, end: Point, radius: float, material: int) -> None:
        """Add a thin cylinder between two points."""
        a, b = np.asarray(start, np.float64), np.asarray(end, np.float64)
        along = b - a
        length = float(np.linalg.norm(along))
        if length > 1e-6:
            turn = _frame(along / length)
            half = (radius, radius, length / 2)
            self.add("frustum", (a + b) / 2, half, material, (1.0, 1.0), turn)


def build(rng: np.random.Generator, height: int, width: int) -> Room:
    """Draw a room, what stands in it, its light and a camera that looks at it."""
    half = np.array([rng.uniform(1.0, 2.6), rng.uniform(1.0, 2.6), rng.uniform(1.1, 1.6)])
    b = Builder(rng)
    view = _close_up if rng.random() < 0.4 else _furnished
    camera = view(b, half, height, width)
    _wall_things(b, half)
    solids = tuple(s for s in b.solids if _distance(s, camera.position) > _CLEAR)
    materials = tuple(_material(rng, i) for i in range(_MATERIALS + 6))
    walls = tuple(range(_MATERIALS, _MATERIALS + 6))
    if rng.random() < 0.6:  # four walls painted alike
        walls = (walls[0],) * 4 + walls[4:]
    lights = tuple(_light(rng, half) for _ in range(int(rng.integers(1, 3))))
    return Room(half, walls, solids, materials, lights, float(rng.uniform(0.08, 0.5)), camera)


def _close_up(b: Builder, half: Vector, height: int, width: int) -> Camera:
    """A table top with clutter, seen from above at half a metre to a metre and a half."""
    top = b.u(0.4, 0.9) - half[2]
    x, y = b.u(-0.5, 0.5) * half[0], b.u(-0.5, 0.5) * half[1]
    yaw = b.u(0, 6.3)
    size = (b.u(0.4, 1.0), b.u(0.4, 0.8))
    b.at(x, y, -half[2], yaw)
    _table_of(b, size, top + half[2])
    _scatter(b, int(b.rng.integers(3, 16)), size, (x, y, top), yaw)
    for _ in range(int(b.rng.integers(0, 4))):
        _stand_something(b, half)
    target = np.array([x, y, top]) + b.rng.normal(0, 0.08, 3)
    distance, pitch, bearing = b.u(0.55, 1.5), b.u(0.25, 1.35), b.u(0, 6.3)
    offset = np.array(
        [np.cos(bearing) * np.cos(pitch), np.sin(bearing) * np.cos(pitch), np.sin(pitch)]
    )
    position = np.clip(target + distance * offset, -half + 0.15, half - 0.15)
    return _camera(b.rng, position, target, height, width)


def _furnished(b: Builder, half: Vector, height: int, width: int) -> Camera:
    """A room with things on the floor, seen from where a person would hold a camera."""
    for _ in range(int(b.rng.integers(6, 15))):
        _stand_something(b, half)
    bearing = b.u(0, 6.3)
    reach = b.u(0.2, 0.85)
    position = np.array([np.cos(bearing) * reach * half[0], np.sin(bearing) * reach * half[1], 0.0])
    position[2] = min(b.u(0.5, 1.8), 2 * half[2] - 0.2) - half[2]
    target = np.array([b.u(-0.8, 0.8) * half[0], b.u(-0.8, 0.8) * half[1], 0.0])
    target[2] = b.u(0.0, 1.2) - half[2]
    if np.linalg.norm(target - position) < 0.8:
        target[:2] = -position[:2]
    return _camera(b.rng, position, target, height, width)


def _camera(
    rng: np.random.Generator, position: Vector, target: Vector, height: int, width: int
) -> Camera:
    forward = (target - position) / np.linalg.norm(target - position)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    if np.linalg.norm(right) < 1e-3:
        right = np.array([1.0, 0.0, 0.0])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    roll = rng.normal(0, 0.1) if rng.random() < 0.8 else rng.uniform(-0.8, 0.8)
    c, s = np.cos(roll), np.sin(roll)
    rotation = np.stack([c * right + s * down, -s * right + c * down, forward], axis=1)
    focal = 525 / 640 * width * rng.uniform(0.92, 1.2)
    return Camera(position, rotation, float(focal), height, width)


def _stand_something(b: Builder, half: Vector) -> None:
    """Put one piece of furniture on the floor, against a wall or free, yaw mostly square."""
    x, y = b.u(-0.9, 0.9) * half[0], b.u(-0.9, 0.9) * half[1]
    yaw = float(b.rng.integers(4)) * np.pi / 2 + (
        b.rng.normal(0, 0.05) if b.rng.random() < 0.6 else b.u(0, 6.3)
    )
    if b.rng.random() < 0.5:
        side = int(b.rng.integers(2))
        sign = 1 if b.rng.random() < 0.5 else -1
        x, y = (sign * (half[0] - 0.35), y) if side == 0 else (x, sign * (half[1] - 0.35))
    kinds: tuple[tuple[Callable[[Builder], None], float], ...] = (
        (_table, 3.0),
        (_chair, 3.0),
        (_shelf, 2.0),
        (_cabinet, 2.5),
        (_sofa, 1.5),
        (_lamp, 1.0),
        (_plant, 1.5),
        (_boxes, 2.0),
        (_cushion_heap, 1.0),
        (_round_things, 1.5),
        (_figure, 0.7),
        (_cable, 1.0),
    )
    weights = np.array([w for _, w in kinds])
    kind = kinds[int(b.rng.choice(len(kinds), p=weights / weights.sum()))][0]
    b.at(x, y, -half[2], yaw)
    kind(b)


def _table(b: Builder) -> None:
    size = (b.u(0.3, 0.9), b.u(0.25, 0.5))
    top = b.u(0.4, 1.0)
    _table_of(b, size, top)
    x, y, z = b._origin
    yaw = float(np.arctan2(b._turn[1, 0], b._turn[0, 0]))
    _scatter(b, int(b.rng.integers(0, 7)), size, (x, y, z + top), yaw)


def _table_of(b: Builder, size: tuple[float, float], top: float) -> None:
    wood, legs = b.material(), b.material()
    thick = b.u(0.01, 0.04)
    if b.rng.random() < 0.25:
        b.add("frustum", (0, 0, top - thick), (*size, thick), wood, (1.0, 1.0))
        b.rod((0, 0, 0), (0, 0, top - 2 * thick), b.u(0.02, 0.06), legs)
        b.add("frustum", (0, 0, 0.02), (0.25, 0.25, 0.02), legs, (1.0, 0.8))
        return
    b.add("box", (0, 0, top - thick), (*size, thick), wood)
    leg = b.u(0.01, 0.035)
    inset = b.u(0.0, 0.08) + leg
    for sx in (-1, 1):
        for sy in (-1, 1):
            place = (sx * (size[0] - inset), sy * (size[1] - inset), top / 2 - thick)
            b.add("box", place, (leg, leg, top / 2 - thick), legs)
    if b.rng.random() < 0.3:
        b.add(
            "box", (size[0] * 0.6, 0, top * 0.6), (size[0] * 0.35, size[1] * 0.9, top * 0.36), wood
        )


def _chair(b: Builder) -> None:
    frame, cloth = b.material(), b.material()
    seat, wide, back = b.u(0.4, 0.5), b.u(0.19, 0.26), b.u(0.75, 1.1)
    b.add("box", (0, 0, seat), (wide, wide, b.u(0.01, 0.05)), cloth)
    if b.rng.random() < 0.4:  # office chair: one column, five feet
        b.rod((0, 0, 0.08), (0, 0, seat), 0.025, frame)
        for i in range(5):
            angle = i * 2 * np.pi / 5
            foot = (0.28 * np.cos(angle), 0.28 * np.sin(angle), 0.05)
            b.rod((0, 0, 0.09), foot, 0.02, frame)
            b.add("sphere", foot, (0.03, 0.03, 0.03), frame)
        b.add("sphere", (-wide, 0, back), (0.05, wide, 0.28), cloth)
        b.rod((-wide, 0, seat), (-wide - 0.03, 0, back), 0.02, frame)
        return
    leg = b.u(0.008, 0.022)
    for sx in (-1, 1):
        for sy in (-1, 1):
            x, y = sx * (wide - leg), sy * (wide - leg)
            b.rod((x, y, 0), (x * 1.05, y * 1.05, back if sx < 0 else seat), leg, frame)
    if b.rng.random() < 0.5:
        b.add("box", (-wide, 0, back - 0.12), (0.012, wide, 0.1), cloth)
    else:
        for i in range(int(b.rng.integers(3, 7))):
            y = (i / 3 - 1) * wide * 0.9
            b.rod((-wide, y, seat), (-wide * 1.05, y, back - 0.05), 0.008, frame)
        b.add("box", (-wide * 1.05, 0, back - 0.03), (0.012, wide, 0.035), frame)


def _shelf(b: Builder) -> None:
    wood = b.material()
    deep, wide, tall = b.u(0.1, 0.2), b.u(0.3, 0.6), b.u(0.6, 2.0)
    for side in (-1, 1):
        b.add("box", (0, side * wide, tall / 2), (deep, 0.01, tall / 2), wood)
    levels = int(b.rng.integers(2, 6))
    if b.rng.random() < 0.6:
        b.add("box", (-deep, 0, tall / 2), (0.005, wide, tall / 2), wood)
    for i in range(levels + 1):
        z = tall * i / levels
        b.add("box", (0, 0, z), (deep, wide, 0.01), wood)
        if i == levels:
            break
        y = -wide + 0.03
        while y < wide - 0.05 and b.rng.random() < 0.9:
            thick, high = b.u(0.01, 0.05), min(b.u(0.1, 0.3), tall / levels * 0.9)
            if b.rng.random() < 0.85:
                place = (b.u(-0.04, 0.02), y + thick, z + 0.01 + high / 2)
                b.add("box", place, (deep * 0.8, thick, high / 2), b.material())
            y += 2 * thick + (0.002 if b.rng.random() < 0.7 else b.u(0.02, 0.2))
            if len(b.solids) > 140:
                return


def _cabinet(b: Builder) -> None:
    body, front = b.material(), b.material()
    deep, wide, tall = b.u(0.15, 0.35), b.u(0.2, 0.7), b.u(0.4, 2.0)
    b.add("box", (0, 0, tall / 2), (deep, wide, tall / 2), body)
    rows = int(b.rng.integers(1, 5))
    for i in range(rows):
        z = (i + 0.5) * tall / rows
        b.add("box", (deep, 0, z), (0.012, wide - 0.01, tall / rows / 2 - 0.008), front)
        b.rod((deep + 0.035, -0.06, z), (deep + 0.035, 0.06, z), 0.006, body)
    if b.rng.random() < 0.5:
        high = b.u(0.05, 0.3)
        b.add("box", (0, b.u(-0.1, 0.1), tall + high / 2), (0.1, 0.15, high / 2), b.material())


def _sofa(b: Builder) -> None:
    cloth = b.material()
    wide, deep = b.u(0.4, 1.0), b.u(0.35, 0.5)
    b.add("box", (0, 0, 0.2), (deep, wide, 0.2), cloth)
    b.add("terrain", (0, 0, 0.43), (deep, wide, b.u(0.03, 0.1)), cloth, _waves(b, 3))
    b.add("box", (-deep, 0, 0.45), (0.1, wide, 0.4), cloth)
    for side in (-1, 1):
        turn = _frame(np.array([1.0, 0.0, 0.0]))
        b.add("frustum", (0, side * wide, 0.5), (0.1, 0.1, deep), cloth, (1.0, 1.0), turn)
    for _ in range(int(b.rng.integers(0, 3))):
        turn = _random_rotation(b.rng, 0.6)
        b.add("sphere", (-0.15, b.u(-wide, wide), 0.6), (0.08, 0.22, 0.2), b.material(), (), turn)


def _lamp(b: Builder) -> None:
    metal = b.material()
    tall, shade_ = b.u(0.9, 1.8), b.u(0.1, 0.25)
    b.add("frustum", (0, 0, 0.015), (0.15, 0.15, 0.015), metal, (1.0, 1.0))
    b.rod((0, 0, 0), (0, 0, tall), b.u(0.006, 0.02), metal)
    b.add("frustum", (0, 0, tall), (shade_, shade_, 0.13), b.material(), (1.0, b.u(0.4, 1.0)))


def _plant(b: Builder) -> None:
    pot, green = b.material(), b.material()
    radius = b.u(0.08, 0.2)
    b.add("frustum", (0, 0, radius), (radius, radius, radius), pot, (0.7, 1.0))
    for _ in range(int(b.rng.integers(5, 22))):
        angle, rise, reach = b.u(0, 6.3), b.u(0.2, 0.9), b.u(0.05, 0.4)
        tip = (reach * np.cos(angle), reach * np.sin(angle), 2 * radius + rise)
        if b.rng.random() < 0.6:
            b.rod((0, 0, 2 * radius), tip, b.u(0.002, 0.006), green)
        turn = _frame(_unit(np.array([tip[0], tip[1], b.u(-0.3, 0.3)]))) @ _rotation_z(b.u(0, 6.3))
        turn = turn @ _random_rotation(b.rng, 0.7)
        half = (b.u(0.02, 0.06), b.u(0.05, 0.16), 0.05)
        b.add("sheet", tip, half, green, (b.u(-0.5, 0.5), b.u(1.2, 2.2)), turn)


def _boxes(b: Builder) -> None:
    z = 0.0
    for _ in range(int(b.rng.integers(1, 5))):
        half = (b.u(0.08, 0.3), b.u(0.08, 0.3), b.u(0.04, 0.25))
        place = (b.u(-0.05, 0.05), b.u(-0.05, 0.05), z + half[2])
        b.add("box", place, half, b.material(), (), _rotation_z(b.u(-0.4, 0.4)))
        z += 2 * half[2]


def _cushion_heap(b: Builder) -> None:
    half = (b.u(0.3, 0.8), b.u(0.3, 0.8), b.u(0.05, 0.25))
    b.add("terrain", (0, 0, half[2]), half, b.material(), _waves(b, int(b.rng.integers(3, 7))))


def _round_things(b: Builder) -> None:
    for _ in range(int(b.rng.integers(1, 4))):
        x, y, r = b.u(-0.4, 0.4), b.u(-0.4, 0.4), b.u(0.08, 0.3)
        kind = int(b.rng.integers(3))
        if kind == 0:
            b.add("sphere", (x, y, r), (r, r, r * b.u(0.6, 1.0)), b.material())
        elif kind == 1:
            high = b.u(0.1, 0.5)
            b.add("frustum", (x, y, high), (r, r, high), b.material(), (1.0, b.u(0.3, 1.0)))
        else:
            _ring(b, (x, y, r), r)


def _ring(b: Builder, place: tuple[float, float, float], radius: float) -> None:
    tube = b.u(0.1, 0.35)
    turn = _random_rotation(b.rng, 1.2)
    b.add("torus", place, (radius, radius, radius * tube), b.material(), (tube,), turn)


def _figure(b: Builder) -> None:
    """A person, roughly: torso, head, arms and legs."""
    cloth, skin, legs = b.material(), b.material(), b.material()
    tall = b.u(0.9, 1.1)
    b.add("sphere", (0, 0, 1.15 * tall), (0.14, 0.22, 0.34), cloth)
    b.add("sphere", (0.02, 0, 1.62 * tall), (0.1, 0.085, 0.125), skin)
    for side in (-1, 1):
        b.rod((0, side * 0.1, 0.9 * tall), (b.u(-0.15, 0.2), side * 0.12, 0.0), 0.075, legs)
        elbow = np.array([b.u(0.0, 0.15), side * 0.3, 1.1 * tall])
        b.rod((0, side * 0.2, 1.4 * tall), elbow, 0.05, cloth)
        hand = elbow + np.array([b.u(0.05, 0.3), side * b.u(-0.15, 0.05), b.u(-0.25, 0.15)])
        b.rod(elbow, hand, 0.04, skin)
        b.add("sphere", hand, (0.06, 0.04, 0.05), skin)


def _cable(b: Builder) -> None:
    """A cable that hangs between two points, or lies in curves on the floor."""
    material, radius = b.material(), b.u(0.002, 0.012)
    s = np.linspace(0, 1, int(b.rng.integers(8, 16)))
    if b.rng.random() < 0.5:
        span, high, sag = b.u(0.5, 2.0), b.u(0.8, 2.2), b.u(0.1, 0.6)
        points = np.stack([(s - 0.5) * span, 0 * s, high - sag * 4 * s * (1 - s)], axis=1)
    else:
        wild = b.rng.normal(0, 0.12, (len(s), 2)).cumsum(axis=0)
        points = np.concatenate([wild, np.full((len(s), 1), radius)], axis=1)
    for start, end in pairwise(points):
        b.rod(start, end, radius, material)


def _scatter(
    b: Builder,
    count: int,
    size: tuple[float, float],
    top: tuple[float, float, float],
    yaw: float,
) -> None:
    """Lay `count` small things on a table top centred at `top`."""
    for _ in range(count):
        b.at(*top, yaw)
        x, y = b.u(-0.9, 0.9) * size[0], b.u(-0.9, 0.9) * size[1]
        place = b._origin + b._turn @ np.array([x, y, 0.0])
        b.at(place[0], place[1], place[2], b.u(0, 6.3))
        kind = int(b.rng.integers(8))
        m = b.material()
        if kind <= 2:
            half = (b.u(0.02, 0.15), b.u(0.02, 0.12), b.u(0.008, 0.13))
            b.add("box", (0, 0, half[2]), half, m)
        elif kind == 3:
            r, high = b.u(0.02, 0.07), b.u(0.03, 0.14)
            b.add("frustum", (0, 0, high), (r, r, high), m, (b.u(0.7, 1.0), b.u(0.5, 1.0)))
            if b.rng.random() < 0.4:
                turn = _frame(np.array([0.0, 1.0, 0.0]))
                b.add("torus", (r, 0, high), (high * 0.5, high * 0.5, 0.006), m, (0.15,), turn)
        elif kind == 4:
            r = b.u(0.02, 0.09)
            b.add("sphere", (0, 0, r), (r, r, r), m)
        elif kind == 5:  # a screen
            wide, high = b.u(0.12, 0.3), b.u(0.1, 0.2)
            b.add("box", (0, 0, 0.01), (0.1, 0.12, 0.01), m)
            b.rod((0, 0, 0), (0, 0, 0.12), 0.02, m)
            b.add("box", (0.02, 0, 0.1 + high), (0.015, wide, high), b.material())
        elif kind == 6:  # a bowl's rim, a pen, a page
            r = b.u(0.03, 0.1)
            b.add("torus", (0, 0, r * 0.3), (r, r, r * 0.3), m, (0.3,))
            b.rod((0.05, 0.05, 0.005), (0.2, 0.03, 0.005), 0.004, b.material())
        else:
            bend = b.u(0.0, 0.4)
            b.add("sheet", (0, 0, 0.004), (b.u(0.08, 0.15), b.u(0.08, 0.2), 0.05), m, (bend, 99.0))


def _wall_things(b: Builder, half: Vector) -> None:
    """Pictures, boards, doors, pipes, beams and skirtings on the walls."""
    for _ in range(int(b.rng.integers(1, 7))):
        wall = int(b.rng.integers(4))
        axis, sign = wall // 2, 1 if wall % 2 else -1
        along = b.u(-0.8, 0.8) * half[1 - axis]
        yaw = (0.0 if axis == 0 else np.pi / 2) + (np.pi if sign > 0 else 0.0)
        x, y = (sign * half[0], along) if axis == 0 else (along, sign * half[1])
        b.at(x, y, -half[2], yaw)
        kind, m = int(b.rng.integers(6)), b.material()
        if kind <= 1:
            size = (b.u(0.008, 0.04), b.u(0.15, 0.7), b.u(0.15, 0.5))
            b.add("box", (0, 0, b.u(1.2, 1.7)), size, m)
        elif kind == 2:
            b.add("box", (0, 0, 1.0), (0.03, 0.43, 1.0), m)
            b.add("sphere", (0.07, 0.35, 1.0), (0.03, 0.06, 0.02), b.material())
        elif kind == 3:
            radius = b.u(0.01, 0.05)
            b.rod((radius + 0.02, 0, 0), (radius + 0.02, 0, 2 * half[2]), radius, m)
        elif kind == 4:
            b.add("box", (0, 0, half[2]), (b.u(0.1, 0.3), b.u(0.1, 0.3), half[2]), m)
        else:  # a curtain
            wide, high = b.u(0.3, 0.9), b.u(0.5, 1.0)
            turn = _frame(np.array([1.0, 0.0, 0.0]))
            folds = (0.6, 0.0, b.u(8, 25), b.u(0, 6))
            b.add("terrain", (0.04, 0, half[2]), (high, wide, 0.04), m, folds, turn)


def _material(rng: np.random.Generator, index: int) -> Material:
    wall = index >= _MATERIALS
    strong = rng.random() < (0.35 if wall else 0.6)
    contrast = rng.uniform(0.5, 1.0) if strong else rng.uniform(0.0, 0.35)
    grey = rng.uniform(0.02, 0.8) if not wall else rng.uniform(0.25, 0.85)
    tint = np.clip(grey * rng.uniform(0.75, 1.25, 3), 0, 1)
    scale = float(np.exp(rng.uniform(np.log(120), np.log(900))))
    gloss = float(rng.uniform(0, 1)) if rng.random() < 0.3 else 0.0
    u, v = rng.uniform(0, 256, 2)
    red, green, blue = (float(c) for c in tint)
    slot = int(rng.integers(TILES))
    return Material(slot, scale, (float(u), float(v)), (red, green, blue), float(contrast), gloss)


def _light(rng: np.random.Generator, half: Vector) -> Light:
    x, y, z = rng.uniform(-0.8, 0.8, 3) * half
    strength = rng.uniform(0.5, 2.5) * (1 + rng.uniform(-0.15, 0.15, 3))
    red, green, blue = (float(s) for s in strength)
    return Light((float(x), float(y), float(half[2] * 0.9 if z > -0.4 else z)), (red, green, blue))


def _waves(b: Builder, count: int) -> tuple[float, ...]:
    amplitude = b.rng.dirichlet(np.ones(count))
    waves = [
        (float(a), b.u(-6, 6) * (1 + i), b.u(-6, 6) * (1 + i), b.u(0, 6.3))
        for i, a in enumerate(sorted(amplitude, reverse=True))
    ]
    return tuple(v for wave in waves for v in wave)


def _distance(solid: Solid, point: Vector) -> float:
    """Lower bound of the distance from `point` to a solid's bounding box, metres."""
    size = np.linalg.norm(solid.axes, axis=0)
    local = np.abs((solid.axes / size).T @ (point - solid.center))
    return float(np.linalg.norm(np.maximum(local - size, 0)))


def _rotation_z(angle: float) -> Vector:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _unit(v: Vector) -> Vector:
    return v / max(float(np.linalg.norm(v)), 1e-9)


def _frame(z: Vector) -> Vector:
    """Return a rotation whose third column is the unit vector `z`."""
    helper = np.array([1.0, 0.0, 0.0]) if abs(z[0]) < 0.9 else np.array([0.0, 1.0, 0.0])
    x = _unit(np.cross(helper, z))
    return np.stack([x, np.cross(z, x), z], axis=1)


def _random_rotation(rng: np.random.Generator, spread: float) -> Vector:
    axis, angle = _unit(rng.normal(size=3)), rng.normal(0, spread)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
