"""Float depth into whole steps of 16 bits: exactly where the values allow it, else finely.

Nothing is capped: the step grows with the farthest value, from 0.001 mm to what 10 km needs. What
is no distance, or beyond that, is a hole, and counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InvalidImageError
from ..frame import INVALID, MILLIMETRE, OUTSIDE, Note

FARTHEST = 10_000.0  # metres; beyond it stands for sky (1e10, 65504) and becomes a hole
MOST = 65534  # steps
STEPS = (  # metres, the ones that are chosen from; few, so that frames of a recording share theirs
    *(1e-6, 1e-5, 1e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2),
)  # fmt: skip
_EVERY = 31  # pixels, of which `SharedStep` looks at one; no divisor of a picture's width
USUAL = (1e-3, 5e-4, 2.5e-4, 2e-4, 1.25e-4)  # metres, that integer depth maps come in


@dataclass(frozen=True)
class Steps:
    """Depth as whole steps.

    Attributes:
        depth: uint16 (h, w), 0 = hole.
        unit: metres per step.
        rounding: metres that a valid value moved at most; 0 if all floats come back.
        notes: what became a hole, and the step if values moved.
        rmse: metres, root of the mean square of what valid values moved by.
    """

    depth: np.ndarray
    unit: float
    rounding: float
    notes: tuple[Note, ...]
    rmse: float = 0.0


def to_steps(
    raw: np.ndarray,
    unit: float,
    name: str,
    step: float | None = None,
    *,
    shared: float | None = None,
    far: float | None = None,
) -> Steps:
    """Round floats to steps.

    Args:
        raw: (h, w) floats, in units of `unit` metres; NaN, infinity, 65535, 0 and below are holes.
        unit: metres.
        name: the file, for messages.
        step: metres; the caller's own choice of step, which then counts as exact.
        shared: metres; the step of a recording, which `SharedStep` found.
        far: metres; what is farther becomes a hole, before a step is chosen.

    Raises:
        InvalidImageError: `unit` cannot be meant, or values are beyond 65534 of `step`.
    """
    with np.errstate(all="ignore"):  # whatever the process has set
        numbers = raw.astype(np.float64)
        metres = numbers * unit
        notes = _holes(numbers == INVALID, metres, far)
        valid = (metres > 0) & (metres <= _limit(far)) & (numbers != INVALID)
        if not valid.any():
            empty = step or shared or min(unit, MILLIMETRE)
            return Steps(np.zeros(raw.shape, np.uint16), empty, 0.0, notes)
        values, own = metres[valid], raw[valid]
        top = float(values.max())
        if unit == MILLIMETRE and top < 0.1:
            raise InvalidImageError(
                f"depth file {name} holds floats up to {top * 1000:.4g}, under 100 mm if "
                "millimetres; for metres say depth unit 1"
            )
        if step is not None and not _fits(top, step):
            raise InvalidImageError(
                f"depth file {name} reaches {top:.4g} m; 16 bits of {step:g} m hold "
                f"{MOST * step:.4g} m: choose a larger step, or none, or leave out what is far "
                "(--far)"
            )
        chosen = step or shared or _exact_step(own, values, unit, top) or _finest(top)
        whole = np.clip(np.rint(values / chosen), 1, MOST)
        moved = np.abs(whole * chosen - values)
        exact = step is not None or _comes_back(own, whole * (chosen / unit))
        if not exact:
            notes += (Note(_rounded(chosen)),)
        depth = np.zeros(raw.shape, np.uint16)
        depth[valid] = whole.astype(np.uint16)
    if exact:
        return Steps(depth, chosen, 0.0, notes)
    return Steps(depth, chosen, float(moved.max()), notes, float(np.sqrt(np.mean(moved**2))))


class SharedStep:
    """Finds the one step that all float maps of a recording can have. Show it every map.

    Args:
        unit: metres per 1 of the maps' numbers.
        far: metres; what is farther will be holes.
    """

    def __init__(self, unit: float, far: float | None = None) -> None:
        self._unit, self._top, self._limit = unit, 0.0, _limit(far)
        own = (unit,) if unit < MILLIMETRE else ()
        self._left = [*own, *USUAL, *STEPS]

    def add(self, raw: np.ndarray) -> None:
        """Look at a map: its farthest value, and what its values are whole steps of.

        Of most steps a part of the pixels decides; the one that leads is tried on all.
        """
        with np.errstate(all="ignore"):
            numbers = raw.astype(np.float64, copy=False)
            held = (numbers > 0) & (numbers * self._unit <= self._limit) & (numbers != INVALID)
            values = raw[held]
            if not values.size:
                return
            self._top = max(self._top, float(values.max()) * self._unit)
            self._left = [step for step in self._left if self._holds(step, values[::_EVERY])]
            while self._left and not self._holds(self._left[0], values):
                del self._left[0]

    def _holds(self, step: float, raw: np.ndarray) -> bool:
        steps = np.rint(raw.astype(np.float64) * (self._unit / step))
        return _comes_back(raw, steps * (step / self._unit))

    @property
    def step(self) -> float:
        """Metres: what every value seen is a multiple of, else the finest that reaches so far."""
        if not self._top:
            return min(self._unit, MILLIMETRE)
        exact = next((step for step in self._left if _fits(self._top, step)), None)
        return exact or _finest(self._top)


def _limit(far: float | None) -> float:
    return FARTHEST if far is None else min(far, FARTHEST)


def _rounded(step: float) -> str:
    words = f"floats were rounded to steps of {step * 1000:g} mm"
    if step <= MILLIMETRE:
        return words
    return f"{words}, for they reach beyond {MOST * MILLIMETRE:.1f} m (--far leaves out what does)"


def _holes(invalid: np.ndarray, metres: np.ndarray, far: float | None) -> tuple[Note, ...]:
    beyond = (metres > FARTHEST) & np.isfinite(metres)
    outside = (metres > _limit(far)) & (metres <= FARTHEST) & ~invalid
    counts = {
        "NaN became holes": np.isnan(metres),
        "infinity became holes": np.isposinf(metres),
        "negative depth became holes": metres < 0,
        f"{INVALID} became holes": invalid & ~beyond,
        f"more than {FARTHEST / 1000:g} km became holes": beyond,
        OUTSIDE: outside,
    }
    found = {what: int(np.count_nonzero(where)) for what, where in counts.items()}
    return tuple(Note(what, count) for what, count in found.items() if count)


def _exact_step(raw: np.ndarray, metres: np.ndarray, unit: float, top: float) -> float | None:
    """Return a step of which all values are multiples, None if there is none."""
    own = (unit,) if unit < MILLIMETRE else ()
    for step in (*own, *USUAL, *STEPS):
        if _fits(top, step) and _comes_back(raw, np.rint(metres / step) * (step / unit)):
            return step
    return None


def _fits(top: float, step: float) -> bool:
    return top <= MOST * step * (1 + 1e-6)  # a float's own rounding is not a step


def _comes_back(raw: np.ndarray, steps: np.ndarray) -> bool:
    """Whether steps, as floats of the file's own kind, are its floats to the last bit or so."""
    back = steps.astype(raw.dtype)
    return bool((back == raw).all()) or bool((np.abs(back - raw) <= np.spacing(raw)).all())


def _finest(top: float) -> float:
    return next(step for step in STEPS if _fits(top, step))
