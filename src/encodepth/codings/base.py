"""What every coding offers, and what it is given: one plane, what is asked of it, and references.

A coding is a module with the functions of `Coding`. It turns samples into bytes and back and knows
no file, no command and no page. What a decoder already has when it comes to a stream, other planes
of the frame or of frames before, a coding gets as `References` and says which of it was used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..errors import CorruptFileError
from ..packing import Fields, varint

MAX_QUALITY = 100
DEFAULT_EFFORT = 7
MAX_STEPS = 65535  # of a depth value
_BOUND_BITS = 16  # of a bound in steps, beyond which is what smoothing takes of it


@dataclass(frozen=True)
class Ask:
    """What is wanted of a plane.

    Attributes:
        quality: 0 (small) .. 100 (good), of lossy codings.
        error: of exact codings of depth, the most that a valid sample may be off by, in steps.
        effort: 1 (fast) .. 9 (small).
        stretch: of lossy codings of depth, a factor on the error that the quality stands for.
        unit: metres per step of depth.
        live: of codings over time, whether a picture's bytes are wanted as soon as it is there.
        camera: fx, fy, cx, cy in pixels of the camera that sees depth, None if unknown.
        tune: of colour by AV1, the error made small, "psnr" or "ssim"; None is the coding's own.
    """

    quality: int = 50
    error: int = 0
    effort: int = DEFAULT_EFFORT
    stretch: float = 1.0
    unit: float = 0.001
    live: bool = False
    camera: tuple[float, float, float, float] | None = None
    tune: str | None = None


@dataclass(frozen=True)
class Coded:
    """One coded plane.

    Attributes:
        payload: its samples.
        parameters: what decoding needs besides, packed by the coding.
        references: what decoding needs first, as (modality, frames back).
        coding: the name of the coding that decodes it where that is not the one that was asked: a
            post-filter that does not help hands back what it was to filter.
    """

    payload: bytes
    parameters: bytes = b""
    references: tuple[tuple[str, int], ...] = ()
    coding: str = ""


@dataclass(frozen=True)
class Facts:
    """What the parameters of a stream say, for people and for checks.

    Attributes:
        quality: what the encoder was asked for; lossy codings only.
        error: bound in steps, 0 = exact; exact codings only.
        smooth: how much of the bound smoothing may take (`smoothing.py`), 0 = none.
        low, high: depth in steps that the lossy codings' 0 and 1 stand for.
        weights: fingerprint of the network's weights.
    """

    quality: int | None = None
    error: int | None = None
    low: int = 0
    high: int = 0
    weights: int | None = None
    smooth: int = 0


class References(Protocol):
    """What a decoder has at this point, and an encoder knows that it will have."""

    models: Any
    """The networks at hand (`learned`)."""

    def plane(self, modality: str, back: int = 0) -> np.ndarray | None:
        """Return a plane as it was decoded, `back` frames before; None where there is none."""
        ...

    def original(self, modality: str) -> np.ndarray | None:
        """Return a plane as it was before coding, for encoders that look at it; else None."""
        ...

    def file(self, modality: str) -> bytes | None:
        """Return the file that a plane was read from, for encoders that may keep it; else None."""
        ...


class Coding(Protocol):
    """The functions of a coding's module; modalities are given by name."""

    def encode(self, modality: str, plane: np.ndarray, ask: Ask, seen: References) -> Coded | None:
        """Code a plane; None where this coding cannot serve it."""
        ...

    def decode(
        self, modality: str, coded: Coded, shape: tuple[int, int], seen: References
    ) -> np.ndarray:
        """Decode a plane of (height, width).

        Raises:
            CorruptFileError: the payload is not such a plane.
        """
        ...

    def facts(self, modality: str, coded: Coded) -> Facts:
        """Say what the parameters mean.

        Raises:
            CorruptFileError: they are out of range or malformed.
        """
        ...


class GroupCoding(Protocol):
    """The functions of a coding that works over time, beside `facts` of `Coding`."""

    def encode_group(
        self, modality: str, planes: Sequence[np.ndarray], ask: Ask, seen: Sequence[References]
    ) -> list[Coded] | None:
        """Code the planes of a group, which all have one size; None where this cannot serve.

        Frames back in the references count the planes given here.
        """
        ...

    def decode_group(
        self,
        modality: str,
        group: Sequence[Coded],
        shape: tuple[int, int],
        seen: Sequence[References],
    ) -> Iterator[np.ndarray]:
        """Yield the planes of a group in order, each decoded when it is asked for.

        Raises:
            CorruptFileError: a payload is not such a plane.
        """
        ...


def pack_range(low: int, high: int) -> bytes:
    """Return the parameters of a depth range in steps."""
    return varint(low) + varint(high - low)


def take_range(fields: Fields) -> tuple[int, int]:
    """Read what `pack_range` packed.

    Raises:
        CorruptFileError: the range does not lie within 1..65535.
    """
    low = fields.varint("nearest depth")
    high = low + fields.varint("depth range")
    if not 1 <= low <= high <= MAX_STEPS:
        raise CorruptFileError(f"depth range {low}..{high} is not within 1..{MAX_STEPS}")
    return low, high


def take_quality(fields: Fields, modality: str) -> int:
    """Read a byte that says a quality.

    Raises:
        CorruptFileError: it is above 100.
    """
    quality = fields.byte("quality")
    if quality > MAX_QUALITY:
        raise CorruptFileError(f"quality {quality} of the {modality} stream is outside 0..100")
    return quality


def pack_bound(error: int, smooth: int = 0) -> bytes:
    """Return the parameters of exact depth: the bound, and what of it smoothing takes, in steps."""
    return varint(error | smooth << _BOUND_BITS)


def bounded(modality: str, coded: Coded) -> Facts:
    """Return the bound in steps and what of it smoothing takes, all that the parameters say.

    Raises:
        CorruptFileError: it is out of range, or something follows.
    """
    fields = Fields(coded.parameters)
    both = fields.varint("error bound")
    error, smooth = both & MAX_STEPS, both >> _BOUND_BITS
    if smooth > error:
        raise CorruptFileError(f"error bound {both} of the {modality} stream is out of range")
    nothing_left(fields, modality)
    return Facts(error=error, smooth=smooth)


def sample_bits(modality: str, coded: Coded) -> int:
    """Return 8 or 16, which is all that a further plane's parameters say.

    Raises:
        CorruptFileError: it is another number, or something follows.
    """
    fields = Fields(coded.parameters)
    bits = fields.byte("bits of a sample")
    if bits not in (8, 16):
        raise CorruptFileError(f"{modality} has samples of {bits} bits; expected 8 or 16")
    nothing_left(fields, modality)
    return bits


def nothing_left(fields: Fields, modality: str) -> None:
    """Make sure that all parameters were read."""
    fields.end(f"the parameters of the {modality} stream")
