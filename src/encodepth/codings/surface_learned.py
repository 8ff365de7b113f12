"""Depth kept exactly or within a bound, by contexts and a network that learns inside the picture.

The list of values and a plane of places in it, as in `exact.py`; the plane is coded by
`learning.py`. Where few values or few pixels leave nothing to learn, `exact.py` codes it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..errors import CorruptFileError, EncodepthError
from ..packing import Fields, blob
from . import exact
from .base import Ask, Coded, Facts, References, bounded, pack_bound

_NETWORK, _WIDE = 3, 5  # networks that are written
_WIDE_EFFORT = 9  # from here on the wider one
_SMALL = 1 << 16  # pixels up to which the other coding is tried
_FEWEST = 3  # values


def encode(modality: str, plane: np.ndarray, ask: Ask, seen: References) -> Coded | None:
    """Code depth (h, w) exactly, or within `ask.error` steps. Parameter: the bound."""
    payload = encode_plane(plane, ask.error, _WIDE if ask.effort >= _WIDE_EFFORT else _NETWORK)
    if payload is not None and plane.size > _SMALL:
        return Coded(payload, pack_bound(ask.error))
    other = exact.encode(modality, plane, ask, seen)
    if payload is not None and (other is None or len(payload) < len(other.payload)):
        return Coded(payload, pack_bound(ask.error))
    return None if other is None else replace(other, coding="surface")


def decode(modality: str, coded: Coded, shape: tuple[int, int], seen: References) -> np.ndarray:
    """Decode what `encode` coded."""
    return decode_plane(coded.payload, *shape)


def facts(modality: str, coded: Coded) -> Facts:
    """Say what the parameters mean."""
    return bounded(modality, coded)


def encode_plane(depth: np.ndarray, error: int = 0, number: int = _NETWORK) -> bytes | None:
    """Code depth so that every valid pixel decodes to within `error` steps, holes exactly.

    Args:
        depth: uint16 (h, w), 0 = hole.
        error: bound in steps; 0 codes exactly.
        number: the network (`learning_ways.py`).

    Returns:
        The bytes, which have been decoded; None where it has less than three values, or is noise
        of over six bytes a pixel.
    """
    from .learning import encode_learning  # compiled code
    from .learning_ways import way
    from .value_list import decode_values, encode_values

    used = exact.values_of(depth)
    fewest = exact.merged_values(used[used > 0], error)[depth] if error else depth
    values = exact.values_of(fewest[fewest > 0])
    if len(values) < _FEWEST:
        return None
    table = np.zeros(int(values[-1]) + 1, np.int32)
    table[values] = np.arange(1, len(values) + 1)
    plane = encode_learning(table[fewest], values, way(number))
    if plane is None:
        return None
    coded = encode_values(values)
    if not np.array_equal(decode_values(coded), values):
        raise EncodepthError("exact depth decodes to other values than were encoded")
    exact.prove(depth, fewest, error)
    return bytes([number]) + blob(coded) + plane


def decode_plane(payload: bytes, height: int, width: int) -> np.ndarray:
    """Decode what `encode_plane` coded: uint16 (height, width).

    Raises:
        CorruptFileError: the payload is not such a plane of that size.
    """
    from .learning import decode_learning  # compiled code
    from .learning_ways import WAYS, way
    from .value_list import decode_values

    fields = Fields(payload)
    number = fields.byte("network")
    if number >= WAYS:
        raise CorruptFileError(f"depth has network {number}; this build knows 0 to {WAYS - 1}")
    size = fields.varint("size of the list of values")
    values = decode_values(fields.take(size, "list of values"))
    if not values[0]:
        raise CorruptFileError("a list of depth values holds 0, which is a hole")
    plane = decode_learning(payload[fields.at :], height, width, values, way(number))
    return np.concatenate([np.zeros(1, np.uint16), values])[plane]
