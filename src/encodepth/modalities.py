"""What a camera's pictures may hold: colour, depth, and further planes by name.

A modality is a row here. Its number is the file's, for ever; its name is the one that arrays,
options, files, records and pages use.
"""

from __future__ import annotations

from dataclasses import dataclass

TOP_CODE = 4095  # depth that AV1 codes is mapped to codes of 12 bits, 0..TOP_CODE


@dataclass(frozen=True)
class Modality:
    """One kind of plane.

    Attributes:
        number: in files; append only.
        name: everywhere else.
        bits: what a sample may have, 8 or 16.
        channels: 3 for colour, else 1.
        holes: whether 0 says that nothing was measured.
        of: the modality it belongs to and is never without, or "".
        meaning: for people.
    """

    number: int
    name: str
    bits: tuple[int, ...]
    meaning: str
    channels: int = 1
    holes: bool = False
    of: str = ""

    @property
    def dtypes(self) -> tuple[str, ...]:
        """Names of the array types that its samples may have."""
        return tuple(f"uint{bits}" for bits in self.bits)


MODALITIES = (
    Modality(0, "color", (8,), "colour, red green blue", channels=3),
    Modality(1, "depth", (16,), "depth in steps of the depth unit", holes=True),
    Modality(2, "mask", (8,), "which depth pixels were measured", of="depth"),
    Modality(3, "infrared", (8, 16), "what the infrared camera saw"),
    Modality(4, "confidence", (8, 16), "how sure the sensor is of depth, larger is surer"),
    Modality(5, "labels", (8, 16), "a class or an instance a pixel"),
)
NAMES = tuple(m.name for m in MODALITIES)
IMAGE = ("color", "depth")  # what `RgbdImage` has fields for
PLANES = tuple(m.name for m in MODALITIES if m.name not in IMAGE and not m.of)  # further, by name

_BY_NAME = {m.name: m for m in MODALITIES}
_BY_NUMBER = {m.number: m for m in MODALITIES}


def modality(key: str | int) -> Modality:
    """Return a modality by name or number.

    Raises:
        KeyError: there is none.
    """
    return _BY_NAME[key] if isinstance(key, str) else _BY_NUMBER[key]


def is_known(number: int) -> bool:
    """Whether a number of a file is one of ours."""
    return number in _BY_NUMBER
