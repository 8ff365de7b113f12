"""Eight or sixteen integers at once, for compiled code: a processor's vector registers.

numba unrolls short loops before they can be vectorised, so what has to be quick says it in lanes.
They are values of compiled functions only, int16, int32 or int64, and live in registers. They know
+ - * & | ^ << >> with lanes or one integer for all; integers wrap as in numpy. What each of these
does says `lane_code.py`, which is imported when something is compiled.
"""

from __future__ import annotations

from typing import Any

from ..native import Known


def _known(name: str) -> Any:
    return Known("encodepth.codings.lane_code", name)


load8, load16 = _known("load8"), _known("load16")
load16_short, load32_short = _known("load16_short"), _known("load32_short")
load_pair, store, prefetch = _known("load_pair"), _known("store"), _known("prefetch")
same4, same8, same16 = _known("same4"), _known("same8"), _known("same16")
same16_short, same32_short = _known("same16_short"), _known("same32_short")
put_lane, get_lane = _known("put_lane"), _known("get_lane")
wide, narrow, join, halves = _known("wide"), _known("narrow"), _known("join"), _known("halves")
total, four_totals, sum_pairs = _known("total"), _known("four_totals"), _known("sum_pairs")
high_product, high_half, scaled = _known("high_product"), _known("high_half"), _known("scaled")
plus, at_most, clip, size_of = _known("plus"), _known("at_most"), _known("clip"), _known("size_of")
