"""The decisions that say a value: as predicted? of the other surface? less? how much?

Who codes one decision is the caller's affair: pictures alone and pictures over time look at
different contexts, and go down the same tree. Where their tables lie is said here too, for a group
of pictures begins with one that is coded alone and goes on with what was learned there.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..native import compiled, inlined
from .arithmetic import bit_length, int64
from .mixing import Mixer, code
from .surface_contexts import TABLE, VALUES

IMPOSSIBLE = -(1 << 40)  # a correction that no encoder makes
NODES = 64  # decisions, at most
SET = NODES * 16  # rows of weights that one selector chooses from

# Tables of estimates: holes, values, escapes. Rows of weights: values, holes, escapes.
HOLES = 6  # contexts of a hole flag
OF_VALUES = HOLES * TABLE
OF_ESCAPES = OF_VALUES + VALUES * TABLE
SLOTS = OF_ESCAPES + TABLE
HOLE_ROWS = 3 * SET
ESCAPE_ROWS = HOLE_ROWS + 3 * 64
ROWS = ESCAPE_ROWS + 64

LONGEST = 12  # corrections above this are escaped,
_MAX_LENGTH = 16  # in up to so many bits below the leading one
_NEAR = 8  # values from the other surface that still belong to it
FAR = 16  # values between two surfaces

# Nodes of the tree.
_ZERO, _OTHER, _SIGN, _MORE, _LAST = 0, 1, 2, 4, 28
_ANOTHER = 32  # more, about the other surface


class Further(NamedTuple):
    """What an escaped number is coded by besides, as compiled functions; known is what `know` says.

    Attributes:
        contexts: of a decision, two or more; slots from 2 on are theirs.
        know: (minus, tree, what chooses the weights) -> what is known of the number.
        longer: (known, length, minus, tree, mixer), writes the slots for "is it longer?"
        bit: (known, length, rest, found, mixer), writes the slots for the bit after those found.
    """

    contexts: int
    know: Any
    longer: Any
    bit: Any


def gamma_code(further: Further) -> Any:
    """Return what codes a number >= 1 in Elias gamma code, as `decisions` takes it."""

    @compiled
    def escaped(value: int, decode: bool, minus: int, tree: int, c: Any, m: Mixer) -> int:
        known = know(minus, tree, c)
        length, bits, rows = 0, bit_length(value), int64(ESCAPE_ROWS)
        while True:
            m.slots[0] = OF_ESCAPES + 64 * c.calm + 2 * length + minus
            m.slots[1] = OF_ESCAPES + 1024 + length
            longer(known, length, minus, tree, m)
            if not code(length + 1 < bits, decode, m, contexts, 0, rows, rows + 4, rows + 8):
                break
            length += 1
            if length > _MAX_LENGTH:
                return IMPOSSIBLE
        found = 1
        for rest in range(length, 0, -1):
            m.slots[0] = OF_ESCAPES + 2048 + 32 * rest + length
            m.slots[1] = OF_ESCAPES + 3072 + length
            next_bit(known, length, rest, found, m)
            bit = (value >> rest - 1 & 1) == 1
            bit = code(bit, decode, m, contexts, 0, rows + 2, rows + 6, rows + 10)
            found = found << 1 | bit
        return found

    contexts, know, longer, next_bit = further
    return escaped


@inlined
def _know(minus: int, tree: int, c: Any) -> int:
    """Know nothing."""
    return 0


@inlined
def _no_longer(known: int, length: int, minus: int, tree: int, m: Mixer) -> None:
    """Write nothing."""


@inlined
def _no_bit(known: int, length: int, rest: int, found: int, m: Mixer) -> None:
    """Write nothing."""


_escaped = gamma_code(Further(2, _know, _no_longer, _no_bit))


def decisions(ask: Any, escape: Any = None) -> Any:
    """Return what codes a value, made of what codes one decision.

    Args:
        ask: (bit, decode, node, what chooses the weights, mixer) -> bit.
        escape: (number >= 1, decode, minus, tree, what chooses the weights, mixer) -> number, what
            codes the rest of large corrections, of the prediction or, where tree is not 0, of the
            other surface; None for Elias gamma code under this module's contexts.

    Returns:
        A compiled (value, decode, prediction, other neighbour, what chooses the weights, mixer)
        -> value, or `IMPOSSIBLE`. What chooses the weights says `calm`, 0..9.
    """
    escaped = _escaped if escape is None else escape

    @inlined
    def sized(size: int, decode: bool, minus: int, tree: int, c: Any, m: Mixer) -> int:
        """Code a size >= 1: in unary while it is small."""
        node = _MORE + tree + minus
        for counted in range(1, LONGEST + 1):
            if ask(size == counted, decode, node, c, m):
                return counted
            node = min(node + 2, _LAST + tree + minus)
        return LONGEST + escaped(size - LONGEST, decode, minus, tree, c, m)

    @inlined
    def decide(value: int, decode: bool, middle: int, other: int, c: Any, m: Mixer) -> int:
        """Code a value as decisions: as predicted? of the other surface? less? how much?"""
        base, tree = middle, int64(0)
        if ask(value == base, decode, _ZERO + tree, c, m):
            return base
        beside = abs(other - middle) > FAR
        if beside and ask(abs(value - other) <= _NEAR, decode, _OTHER + tree, c, m):
            base, tree = other, tree + _ANOTHER
            if ask(value == base, decode, _ZERO + tree, c, m):
                return base
        minus = ask(value < base, decode, _SIGN + tree, c, m)
        size = sized(abs(value - base), decode, minus, tree, c, m)
        if size < 0:
            return IMPOSSIBLE
        return base - size if minus else base + size

    return decide
