"""How planes become bytes: one file and one row per coding.

| file | what it is |
|---|---|
| `base.py` | what a coding offers and is given |
| `av1.py`, `av1_frames.py`, `av1_color.py`, `libaom.py` | lossy colour and depth by AV1 |
| `av1_inter.py`, `av1_groups.py`, `dav1d.py`, `libavif.py` | the same over time |
| `av1_units.py`, `av1_boxes.py`, `carried.py` | what both stand on |
| `color_axes.py`, `ycbcr.py`, `ycbcr_fine.py` | colour's planes: along a picture's own axes |
| `restored.py`, `restored_inter.py`, `learned.py` | the codings' side of `learned/` |
| `exact.py`, `surface*.py`, `mixing.py`, `along.py`, `value_list.py` | exact depth, small |
| `surface_learned.py`, `learning*.py` | the same, smaller, by a network too |
| `surface_inter.py`, `inter*.py` | exact depth over time |
| `surface_learned_inter.py`, `inter_learning*.py` | the same, smaller, by a network too |
| `motion.py`, `pose.py`, `warp.py` | how a camera moved, for it |
| `quick.py`, `mixed.py`, `bands.py`, `band_rows.py` | the same in milliseconds |
| `values.py`, `range56.py` | what they stand on |
| `lanes.py`, `lane_code.py` | vector registers, for compiled code |
| `behind.py` | bytes proved while they are written |
| `jpegxl.py` | exact colour and further planes by JPEG XL |
| `jpeg.py` | exact colour as the JPEG file that it came from |
| `mask.py`, `mask_pixels.py`, `arithmetic.py` | which depth pixels were measured |
| `mask_inter.py`, `mask_contexts.py` | the same over time |
| `depth.py` | what lossy codings see of a depth map |

A number means a coding together with a modality, for ever. `plan` says which of these is tried.
"""

from __future__ import annotations

import difflib
import importlib
from dataclasses import dataclass
from typing import Any

from ..errors import CorruptFileError
from ..modalities import modality


@dataclass(frozen=True)
class Row:
    """A coding in the table.

    Attributes:
        number: in files, together with the modality; append only.
        name: in options, errors, records and pages.
        modalities: what it codes.
        module: where its functions are; imported on first use.
        exact: whether samples come back as they were (or, depth, within the bound asked for).
        masked: whether a mask stream beside it says where depth was measured.
        explicit: whether it is used only where it is named for that modality: no shipped model
            codes it.
        groups: whether it works over time: its module has the functions of `GroupCoding`.
        keeps_file: whether the file that a plane was read from comes back: its module has `kept`.
        meaning: for people.
    """

    number: int
    name: str
    modalities: tuple[str, ...]
    module: str
    meaning: str
    exact: bool = False
    masked: bool = False
    explicit: bool = False
    groups: bool = False
    keeps_file: bool = False


_RESTORED = "AV1 over time, then a network"
_PLANES = ("infrared", "confidence", "labels")

CODINGS: list[Row] = [
    Row(0, "learned", ("color",), ".learned", "a network's transform"),
    Row(0, "learned", ("depth",), ".learned", "a network's transform", masked=True, explicit=True),
    Row(1, "av1", ("color",), ".av1", "AV1"),
    Row(1, "av1", ("depth",), ".av1", "AV1, one plane of 12 bits", masked=True),
    Row(2, "jpegxl", ("color", *_PLANES), ".jpegxl", "JPEG XL", exact=True),
    Row(2, "surface", ("depth",), ".exact", "values in place, by mixed contexts", exact=True),
    Row(2, "contexts", ("mask",), ".mask", "holes by their neighbours", exact=True),
    Row(3, "restored", ("color",), ".restored", "AV1, then a network"),
    Row(3, "restored", ("depth",), ".restored", "AV1, then a network", masked=True),
    Row(4, "jpeg", ("color",), ".jpeg", "its JPEG file", exact=True, keeps_file=True),
    Row(4, "quick", ("depth", *_PLANES), ".quick", "median prediction, one context", exact=True),
    Row(5, "mixed", ("depth", *_PLANES), ".mixed", "median prediction, contexts mixed", exact=True),
    Row(
        6,
        "surface-learned",
        ("depth",),
        ".surface_learned",
        "values in place, by contexts and a network that learns there",
        exact=True,
    ),
    Row(8, "av1-inter", ("color",), ".av1_inter", "AV1 over time", groups=True),
    Row(8, "av1-inter", ("depth",), ".av1_inter", "AV1 over time", masked=True, groups=True),
    Row(
        9,
        "surface-inter",
        ("depth",),
        ".surface_inter",
        "values in place, given the picture before",
        exact=True,
        groups=True,
    ),
    Row(
        11,
        "surface-learned-inter",
        ("depth",),
        ".surface_learned_inter",
        "values in place, given the picture before, by contexts and a network",
        exact=True,
        groups=True,
    ),
    Row(9, "contexts-inter", ("mask",), ".mask_inter", "holes over time", exact=True, groups=True),
    Row(10, "restored-inter", ("color",), ".restored_inter", _RESTORED, groups=True),
    Row(10, "restored-inter", ("depth",), ".restored_inter", _RESTORED, masked=True, groups=True),
]


def names(kind: str = "", *, over_time: bool = False) -> tuple[str, ...]:
    """Return the names of all codings of pictures, or of those that code a modality.

    Those that work over time are among them only where it is said.
    """
    rows = [row for row in CODINGS if over_time or not row.groups]
    return tuple(dict.fromkeys(r.name for r in rows if not kind or kind in r.modalities))


def find(name: str, kind: str) -> Row:
    """Return the row of a coding for a modality, by name.

    Raises:
        ValueError: no coding has that name, or it does not code that modality.
    """
    for row in CODINGS:
        if row.name == name and kind in row.modalities:
            return row
    if name in names(over_time=True):
        raise ValueError(f"{name} does not code {kind}; there are {', '.join(names(kind))}")
    near = difflib.get_close_matches(name, names(kind), n=1)
    hint = f'did you mean "{near[0]}"?' if near else f"there are {', '.join(names(kind))}"
    raise ValueError(f'no coding "{name}" for {kind}; {hint}')


def of(number: int, kind: int) -> Row:
    """Return the row of a coding for a modality, both by number, as files have them.

    Raises:
        CorruptFileError: this build knows no such coding.
    """
    name = modality(kind).name
    for row in CODINGS:
        if row.number == number and name in row.modalities:
            return row
    raise CorruptFileError(
        f"unknown coding {number} of {name}; a newer encodepth may read the file"
    )


def module(row: Row) -> Any:
    """Return a coding's functions: a `Coding`, or a `GroupCoding` where the row says so."""
    return importlib.import_module(row.module, __package__)
