"""Groups of depth over time, coded by themselves, whole and damaged."""

from __future__ import annotations

import numpy as np

from encodepth.codings import surface_inter
from encodepth.codings.base import Coded
from encodepth.codings.surface_inter import CONTEXTS


def together(planes, error=0, by=CONTEXTS):
    """Code planes as a group, whatever stills would be."""
    payloads = surface_inter._encode(planes, error, by=by)
    assert payloads is not None
    return [Coded(p, b"", (("depth", 1),) if i else ()) for i, p in enumerate(payloads)]


def decoded(coded, shape, by=CONTEXTS):
    return list(surface_inter.decode_by(by, coded, shape))


def with_a_flipped_bit(coded, rng: np.random.Generator, within: int | None = None):
    """Return the group with a bit of one payload flipped, perhaps only in its first bytes."""
    which = int(rng.integers(len(coded)))
    payload = bytearray(coded[which].payload)
    payload[rng.integers(len(payload[:within]))] ^= 1 << int(rng.integers(8))
    return [Coded(bytes(payload)) if i == which else one for i, one in enumerate(coded)]
