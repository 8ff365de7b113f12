"""The hole mask, exactly: which depth pixels were measured.

Pixel by pixel in reading order, each under the counts of its 11 nearest neighbours already known
(the idea of JBIG, ITU-T T.82). Where all 11 agree the pixel almost always agrees too, so there only
the distance to the next surprise is coded. 20 to 70 % smaller than JPEG XL on sensor frames.
"""

from __future__ import annotations

import numpy as np

from ..errors import CorruptFileError
from .base import Ask, Coded, Facts, References
from .jpegxl import decode_frame, encode_frame

_CONTEXTS, _JPEGXL = 0, 1  # first byte of a payload; append only
_MAX_BUSY = 1 << 22  # pixels coded one by one; a busier mask goes to JPEG XL


def encode(modality: str, plane: np.ndarray, ask: Ask, seen: References) -> Coded | None:
    """Code a bool (h, w) mask, True = measured."""
    return Coded(encode_mask(plane))


def decode(modality: str, coded: Coded, shape: tuple[int, int], seen: References) -> np.ndarray:
    """Decode what `encode` coded."""
    return decode_mask(coded.payload, *shape)


def facts(modality: str, coded: Coded) -> Facts:
    """Say what the parameters mean: there are none."""
    if coded.parameters:
        raise CorruptFileError("the mask has parameters; expected none")
    return Facts(error=0)


def encode_mask(valid: np.ndarray) -> bytes:
    """Code a bool (h, w) mask."""
    from .mask_pixels import ABOVE, PAD, encode_pixels  # compiled code

    holes = ~valid.astype(bool)
    coded = encode_pixels(np.pad(holes, ((ABOVE, 0), (PAD, PAD))).view(np.uint8), _MAX_BUSY)
    if coded is None:
        return bytes([_JPEGXL]) + encode_frame(holes.view(np.uint8), 7)
    return bytes([_CONTEXTS]) + coded


def decode_mask(payload: bytes, height: int, width: int) -> np.ndarray:
    """Decode what `encode_mask` coded: bool (h, w), True = measured.

    Raises:
        CorruptFileError: the payload is not a mask of that size.
    """
    if payload[:1] == bytes([_JPEGXL]):
        return decode_frame(payload[1:], (height, width), np.uint8) == 0
    if payload[:1] != bytes([_CONTEXTS]):
        raise CorruptFileError(f"mask is coded in the unknown way {payload[:1].hex() or 'none'}")
    from .arithmetic import check_end  # compiled code
    from .mask_pixels import ABOVE, PAD, decode_pixels

    holes = np.zeros((height + ABOVE, width + 2 * PAD), np.uint8)
    quiet, coder, data = decode_pixels(payload[1:], holes, _MAX_BUSY)
    if not quiet:
        raise CorruptFileError(f"mask has more than {_MAX_BUSY} busy pixels")
    check_end(coder, data)
    return holes[ABOVE:, PAD:-PAD] == 0
