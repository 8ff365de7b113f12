"""What a coded picture keeps of the picture it was made from, and which promises it breaks.

Promises are those of the file itself: a stream that says "exact" or "within 5 mm" is held to it,
and every coding keeps the holes of depth.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from ..frame import RgbdImage
from ..metrics import DepthError, psnr

_SAME = 1e-6  # relative, of units and cameras, which files hold as float32


@dataclass
class Kept:
    """How far decoded planes are off what they were made from, added up over frames.

    Attributes:
        frames: compared so far.
        exact: modality -> whether every sample was as it was.
        psnr: of colour, dB, of each frame that differs.
        off: the error of depth over pixels that are measured in both; None without any.
        broken: promises that are not kept, a line each.
        notes: what could not be compared.
    """

    frames: int = 0
    exact: dict[str, bool] = field(default_factory=dict)
    psnr: list[float] = field(default_factory=list)
    off: DepthError | None = None
    broken: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def words(self) -> str:
        """Say it on one line."""
        said = []
        for name, exact in self.exact.items():
            if exact:
                said.append(f"{name} as it was")
            elif name == "color":
                said.append(f"color {np.mean(self.psnr):.2f} dB")
            elif name == "depth" and self.off is not None:
                said.append(f"depth {self.off.off_by}")
            else:
                said.append(f"{name} differs")
        return "; ".join([*said, *dict.fromkeys(self.notes)])

    def as_dict(self) -> dict[str, object]:
        """Return the figures as plain data."""
        return {
            "frames": self.frames,
            "exact": self.exact,
            "color_psnr_db": round(float(np.mean(self.psnr)), 3) if self.psnr else None,
            "depth_rmse_mm": None if self.off is None else self.off.rmse_mm,
            "depth_max_error_mm": None if self.off is None else self.off.max_mm,
            "broken": self.broken,
            "notes": list(dict.fromkeys(self.notes)),
        }

    def add(
        self, coded: RgbdImage, original: RgbdImage, bounds: dict[str, int | None], where: str = ""
    ) -> None:
        """Compare a frame.

        Args:
            coded: as it was decoded.
            original: what it was made from.
            bounds: modality -> its promised bound in steps, 0 exact, None for lossy codings.
            where: begins what is said of promises that are broken.
        """
        self.frames += 1
        mine, theirs = coded.arrays, original.arrays
        self.notes += [f"no {name} to compare with" for name in mine if name not in theirs]
        self.notes += [
            f"{name} of the original is not in it" for name in theirs if name not in mine
        ]
        broken = list(_facts(coded, original))
        for name in (name for name in mine if name in theirs):
            plane, was = mine[name], theirs[name]
            if plane.shape != was.shape or plane.dtype != was.dtype:
                broken.append(f"{name} is {_size(plane)}, the original {_size(was)}")
                continue
            rounded = name == "depth" and original.rounding > 0
            same = bool(np.array_equal(plane, was)) and not rounded
            self.exact[name] = same and self.exact.get(name, True)
            if name == "depth":
                broken += self._depth(coded, original, bounds.get(name))
                continue
            if name == "color" and not same:
                self.psnr.append(psnr(plane, was))
            if bounds.get(name) is not None:
                broken += _differs(name, plane, was)
        self.broken += [f"{where}{line}" for line in broken]

    def _depth(self, coded: RgbdImage, original: RgbdImage, bound: int | None) -> Iterable[str]:
        """Yield what is wrong with depth, and add its errors up."""
        depth, was = coded.depth, original.depth
        assert depth is not None
        assert was is not None
        filled = int(np.count_nonzero((was == 0) & (depth > 0)))
        if filled:
            yield f"{filled:,} holes of depth were filled"
        opened = int(np.count_nonzero((was > 0) & (depth == 0)))
        if opened:
            yield f"{opened:,} measured pixels of depth became holes"
        both = (was > 0) & (depth > 0)
        off = np.abs(np.subtract(depth, was, dtype=np.float64)[both])
        if not len(off):
            return
        step = coded.depth_unit * 1000
        here = DepthError.of(off * step, original)
        self.off = here if self.off is None else self.off + here
        if bound is not None and off.max() > bound:
            promised = f"within {bound * step:g} mm" if bound else "exact"
            worse = int(np.count_nonzero(off > bound))
            yield f"depth is off by {off.max() * step:g} mm ({worse:,} pixels), and was {promised}"


def _facts(coded: RgbdImage, original: RgbdImage) -> Iterable[str]:
    """Yield what is wrong beside pixels."""
    if coded.depth is None or original.depth is None:
        return
    mine, theirs = coded.depth_unit, original.depth_unit
    if abs(mine / theirs - 1) > _SAME:
        yield f"depth unit {mine:g} m, the original has {theirs:g} m (--depth-unit says otherwise)"


def _differs(name: str, plane: np.ndarray, was: np.ndarray) -> Iterable[str]:
    """Yield a line if a plane that is exact is not."""
    differs = plane != was
    count = int(np.count_nonzero(differs.any(-1) if differs.ndim == 3 else differs))
    if count:
        yield f"{name} differs in {count:,} pixels, and was exact"


def _size(plane: np.ndarray) -> str:
    return f"{plane.shape[1]}x{plane.shape[0]} {plane.dtype}"
