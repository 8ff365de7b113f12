"""A pinhole camera and its motion between two pictures, in the integers that files have."""

from __future__ import annotations

from typing import NamedTuple

from ..errors import CorruptFileError
from ..packing import Fields, signed_varint, varint

FINE = 64  # parts of a step
PIXEL = 16  # parts of a pixel in which cameras are given
ONE = 1 << 20  # of a rotation matrix, and of the tangent of half an angle
LIMIT = 1 << 22  # of depth and of translations, in 1/64 steps

_LONGEST_FOCUS = 1 << 18
_WIDEST = 8  # the coordinates of rays are below this


class View(NamedTuple):
    """A pinhole camera in 1/16 pixel: focal lengths and the principal point."""

    fx: int
    fy: int
    cx: int
    cy: int


class Motion(NamedTuple):
    """What takes points from the picture before to this one.

    Attributes:
        a, b, c: axis of rotation times the tangent of half the angle, in 2^-20.
        x, y, z: translation in 1/64 steps.
    """

    a: int = 0
    b: int = 0
    c: int = 0
    x: int = 0
    y: int = 0
    z: int = 0


def turn(a: int, b: int, c: int, one: int) -> tuple[tuple[tuple[int, int, int], ...], int]:
    """Return a rotation matrix, row by row, and the number that it is to be divided by.

    Args:
        a, b, c: axis of rotation times the tangent of half the angle, in 1 / one.
        one: of these.
    """
    scale = one * one
    rows = (
        (scale + a * a - b * b - c * c, 2 * (a * b - c * one), 2 * (a * c + b * one)),
        (2 * (a * b + c * one), scale - a * a + b * b - c * c, 2 * (b * c - a * one)),
        (2 * (a * c - b * one), 2 * (b * c + a * one), scale - a * a - b * b + c * c),
    )
    return rows, scale + a * a + b * b + c * c


def fits(view: View, shape: tuple[int, int]) -> bool:
    """Say whether a camera that sees (height, width) pixels lies within what integers can hold."""
    height, width = shape
    sides = ((view.fx, view.cx, width), (view.fy, view.cy, height))
    return all(
        0 < focus <= _LONGEST_FOCUS
        and 0 <= centre < PIXEL * side
        and max(centre, PIXEL * (side - 1) - centre) < _WIDEST * focus
        for focus, centre, side in sides
    )


def holds(motion: Motion) -> bool:
    """Say whether a motion lies within what integers can hold."""
    return max(map(abs, motion[:3])) < ONE and max(map(abs, motion[3:])) < LIMIT


def pack_view(view: View) -> bytes:
    """Return a camera as four varints."""
    return b"".join(map(varint, view))


def take_view(fields: Fields, shape: tuple[int, int]) -> View:
    """Read what `pack_view` packed.

    Raises:
        CorruptFileError: no such camera can see (height, width) pixels.
    """
    view = View(*(fields.varint("camera") for _ in View._fields))
    if not fits(view, shape):
        raise CorruptFileError(f"camera {tuple(view)} cannot see {shape[1]}x{shape[0]} pixels")
    return view


def pack_motion(motion: Motion) -> bytes:
    """Return a motion as six signed varints."""
    return b"".join(map(signed_varint, motion))


def take_motion(fields: Fields) -> Motion:
    """Read what `pack_motion` packed.

    Raises:
        CorruptFileError: it is too far.
    """
    motion = Motion(*(fields.signed_varint("motion of the camera") for _ in Motion._fields))
    if not holds(motion):
        raise CorruptFileError(f"the camera moved by {tuple(motion)}, which is too far")
    return motion
