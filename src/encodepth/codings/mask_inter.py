"""The hole mask over time, exactly: contexts mixed, and what was learned carried on.

Where a pixel, its neighbours and those of the mask before agree, only the distance to the next
surprise is coded, as `mask.py` does it; any other pixel under twelve contexts at once. A group that
is no smaller so, or too busy, is left to `mask.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..errors import CorruptFileError
from .base import Ask, Coded, References
from .mask import encode_mask, facts

MAX_BUSY = 1 << 22  # pixels of a mask that are coded one by one

__all__ = ["decode_group", "encode_group", "facts"]


def encode_group(
    modality: str, planes: Sequence[np.ndarray], ask: Ask, seen: Sequence[References]
) -> list[Coded] | None:
    """Code bool (h, w) masks, True = measured, all of one size."""
    from .mask_contexts import encode_pixels, fresh  # compiled code

    single = [encode_mask(plane) for plane in planes]
    state, payloads = fresh(*planes[0].shape), list[bytes]()
    for plane in planes:
        payload = encode_pixels(plane, state, MAX_BUSY)
        if payload is None:
            break
        payloads.append(payload)
    if len(payloads) < len(planes) or sum(map(len, payloads)) >= sum(map(len, single)):
        return [Coded(payload, coding="contexts") for payload in single]
    return [
        Coded(payload, references=((modality, 1),) if i else ())
        for i, payload in enumerate(payloads)
    ]


def decode_group(
    modality: str, group: Sequence[Coded], shape: tuple[int, int], seen: Sequence[References]
) -> Iterator[np.ndarray]:
    """Yield the masks, each decoded when it is asked for."""
    from .arithmetic import check_end  # compiled code
    from .mask_contexts import decode_pixels, fresh

    state = fresh(*shape)
    for coded in group:
        facts(modality, coded)
        mask, coder, data = decode_pixels(coded.payload, shape, state, MAX_BUSY)
        if mask is None:
            raise CorruptFileError(f"mask has more than {MAX_BUSY} busy pixels")
        check_end(coder, data)
        yield mask
