"""Three axes of colour that a picture's detail lies along, in place of those of Y, Cb and Cr.

Where AV1 quantizes its planes alike, axes at right angles spread the error evenly over R, G and
B, and those along which the detail is sparse take the fewest bits. They are found by what the
detail of sampled blocks would cost, and said in three signed bytes before the payload.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import CorruptFileError
from .pose import turn

ONE = 128  # of a coordinate: the tangent of half an angle
_MARK = 0  # no payload of AV1's begins with it
_LENGTH = 4  # of what stands before the payload
_BASE = np.array(  # at right angles, as long as one: grey, green against the others, blue to red
    [
        [0.5773502691896258, 0.5773502691896258, 0.5773502691896258],
        [-0.4082482904638630, 0.8164965809277260, -0.4082482904638630],
        [-0.7071067811865476, 0.0, 0.7071067811865476],
    ]
)
_LENGTHS = 0.5773502691896258  # with which white's first coordinate is the largest code

_TO_YCBCR = np.array(  # BT.601 in full range, of R, G and B
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
)
_FROM_YCBCR = np.array([[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]])

_SIDE = 8  # of the blocks whose detail counts
_GOLDEN = 0.6180339887498949  # whose multiples spread evenly however many there are
_AT_ONCE = 7  # sizes, whose product a float holds: each is below 2^16
_STEP = 10.0  # of 255: what is well below it costs next to nothing
_MOVES = (16, 8, 4, 2)  # of a coordinate
_WORTH = 0.995  # of the base's cost, that others have to stay below


class Axes(NamedTuple):
    """A rotation of the three axes: its axis times the tangent of half its angle, in 1/128.

    Attributes:
        a, b, c: -127..127; without a rotation the first axis is grey.
    """

    a: int = 0
    b: int = 0
    c: int = 0


def find(pictures: Sequence[NDArray[np.uint8]], blocks: int) -> Axes | None:
    """Return the axes for pictures that share them, None where none has a block to look at.

    Args:
        pictures: uint8 (H, W, 3).
        blocks: to look at; 80 take some 5 ms.
    """
    count = -(-blocks // len(pictures))
    detail = [
        _detail(picture, count, i)
        for i, picture in enumerate(pictures)
        if min(picture.shape[:2]) >= _SIDE
    ]
    if not detail:
        return None
    seen = np.concatenate(detail, axis=1)
    axes = _settled(seen)
    power = np.square(matrix(axes).astype(np.float32) @ seen).sum(1)
    return axes if power[0] == power.max() else Axes()  # encoders judge motion by the first plane


def matrix(axes: Axes) -> NDArray[np.float64]:
    """Return what takes R, G and B to the three coordinates, (3, 3); its inverse is three times
    its transpose.
    """
    rows, norm = turn(*axes, ONE)
    first, second, third = (np.array(rows) / norm).T[..., None]  # each step rounded by itself
    found: NDArray[np.float64] = first * _BASE[0] + second * _BASE[1] + third * _BASE[2]
    return found * _LENGTHS


def forward(axes: Axes | None) -> NDArray[np.float64]:
    """Return what takes R, G and B to the planes, (3, 3): to Y, Cb and Cr without axes."""
    return _TO_YCBCR if axes is None else matrix(axes)


def backward(axes: Axes | None) -> NDArray[np.float64]:
    """Return what takes the planes, black's codes taken away, to R, G and B."""
    return _FROM_YCBCR if axes is None else 3 * matrix(axes).T


def black(axes: Axes | None, bits: int) -> NDArray[np.float32]:
    """Return black's three codes, so that each axis has its codes' middle in the middle of them."""
    if axes is None:
        return np.array([0, 1 << bits - 1, 1 << bits - 1], np.float32)
    top = (1 << bits) - 1
    codes = [round(top * (1 - (r + g + b)) / 2) for r, g, b in matrix(axes).tolist()]
    return np.array(codes, np.float32)


def pack(axes: Axes | None) -> bytes:
    """Return what stands before the payload of a picture or a group; nothing for Y, Cb and Cr."""
    return b"" if axes is None else bytes([_MARK, *(value & 0xFF for value in axes)])


def split(payload: bytes) -> tuple[Axes | None, bytes]:
    """Return the axes of a payload, None for Y, Cb and Cr; and AV1's payload.

    Raises:
        CorruptFileError: it is cut short, or says -128.
    """
    if payload[:1] != bytes([_MARK]):
        return None, payload
    axes = Axes(*(value - 256 if value >= ONE else value for value in payload[1:_LENGTH]))
    if len(payload) < _LENGTH or min(axes) == -ONE:
        raise CorruptFileError("colour's axes are cut short or out of range")
    return axes, payload[_LENGTH:]


def _detail(picture: NDArray[np.uint8], count: int, number: int) -> NDArray[np.float32]:
    """Return R, G and B of cosine coefficients but the means, (3, n), of blocks all over it.

    Pictures of other numbers are looked at in other places.
    """
    rows, columns = (side // _SIDE for side in picture.shape[:2])
    count = min(count, rows * columns)
    at = (_GOLDEN * (number * count + np.arange(count) + 0.5)) % 1
    places = np.unique((at * rows * columns).astype(int))
    blocks = np.stack(
        [
            picture[_SIDE * row :, _SIDE * column :][:_SIDE, :_SIDE]
            for row, column in zip(*np.divmod(places, columns), strict=True)
        ]
    ).astype(np.float32)
    cosines = _cosines()
    found = np.einsum("ur,nrcx,vc->xnuv", cosines, blocks, cosines, optimize=True)
    flat: NDArray[np.float32] = found.reshape(3, -1, _SIDE * _SIDE)[..., 1:].reshape(3, -1)
    return flat


def _cosines() -> NDArray[np.float32]:
    """Return the orthonormal DCT-II, (8, 8)."""
    at = np.arange(_SIDE)
    waves = np.cos(np.pi / _SIDE * np.outer(at, at + 0.5)) * np.sqrt(2 / _SIDE)
    waves[0] /= np.sqrt(2)
    return waves.astype(np.float32)


def _settled(detail: NDArray[np.float32]) -> Axes:
    """Return the axes of least cost that turns about single axes of the base lead to.

    Those of the base have advantages of their own, above all that what is grey stays so exactly.
    """
    plain = _cost(detail, Axes())
    best = plain, Axes()
    for step in _MOVES:
        moves = np.concatenate([np.eye(3, dtype=int) * step, np.eye(3, dtype=int) * -step])
        moved = True
        while moved:
            near = np.clip(moves + best[1], 1 - ONE, ONE - 1).tolist()
            found = min((_cost(detail, Axes(*place)), Axes(*place)) for place in near)
            if moved := found[0] < best[0]:
                best = found
    return best[1] if best[0] < _WORTH * plain else Axes()


def _cost(detail: NDArray[np.float32], axes: Axes) -> float:
    """Return about twice the bits of all coefficients along the axes."""
    along = (matrix(axes) / (_LENGTHS * _STEP)).astype(np.float32) @ detail
    sizes = np.square(along, out=along)
    sizes += 1
    many = sizes.reshape(3, _AT_ONCE, -1).prod(axis=1)  # whose logarithm is the sum of theirs
    return float(np.log2(many).sum(dtype=np.float64))
