"""Round numbers for axes and scales."""

from __future__ import annotations

import math


def linear_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Return round numbers (steps of 1, 2 or 5 times a power of ten) within [low, high]."""
    if not high > low:
        return [low]
    raw = (high - low) / max(about, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 times powers of ten within [low, high], thinned where there are many."""
    found = [
        m * 10.0**power
        for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for m in (1, 2, 5)
    ]
    inside = [t for t in found if low * 0.999 <= t <= high * 1.001]
    if len(inside) > 10:
        inside = [t for t in inside if f"{t:e}"[0] == "1"]
    return inside


def label(value: float) -> str:
    """Write a tick: no needless zeros, no exponent for what fits without."""
    return f"{value:.6g}"
