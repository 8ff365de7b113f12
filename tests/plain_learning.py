"""Codes a plane by `codings/learning.py` without compiling anything, for a test.

    NUMBA_DISABLE_JIT=1 python plain_learning.py PLANE.npy OUT.bin NETWORK

Lanes are numpy arrays, all other numbers Python's, which know no size. Its bytes are what compiled
code must write, too. Sums and products that must not wrap are watched.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

import lanes_twin

sys.modules["encodepth.codings.lanes"] = lanes_twin

from encodepth.codings import learning, learning_ways  # noqa: E402
from encodepth.codings.along import CHUNK  # noqa: E402
from encodepth.codings.arithmetic import encoder, finish  # noqa: E402
from encodepth.codings.learning_features import steps  # noqa: E402


class Plain(np.ndarray):
    """An array whose elements are Python's integers."""

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return int(found) if isinstance(found, np.integer) else found


def plain(known: Any) -> Any:
    """Return the arrays of nested named tuples as `Plain`."""
    if isinstance(known, tuple):
        return type(known)(*(plain(part) for part in known))
    return known.view(Plain) if isinstance(known, np.ndarray) else known


def main(source: str, target: str, number: str) -> None:
    for name, module in list(sys.modules.items()):
        if name.startswith("encodepth.codings"):
            for key, value in vars(module).copy().items():
                if isinstance(value, np.ndarray):
                    setattr(module, key, value.view(Plain))
    plane = np.load(source).astype(np.int32)
    top = int(plane.max())
    data, coder = np.zeros(plane.size * CHUNK + 64, np.uint8), encoder()
    step = steps(np.arange(1, top + 1))
    way = learning_ways.way(int(number))
    known = plain(learning.fresh(plane.shape[1], coder, data, step, way))
    assert way.code_rows(plane.view(Plain), 0, len(plane), top, False, known)
    size = finish(known.mixer.coder, known.mixer.data)
    Path(target).write_bytes(data[:size].tobytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
