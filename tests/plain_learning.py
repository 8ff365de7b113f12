"""Codes a plane by `codings/learning.py`, or several by `inter_learning.py`, without compiling.

    NUMBA_DISABLE_JIT=1 python plain_learning.py PLANES.npy OUT.bin NETWORK

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

from encodepth.codings import inter, inter_learning, learning, learning_ways  # noqa: E402
from encodepth.codings.along import CHUNK  # noqa: E402
from encodepth.codings.arithmetic import encoder, finish  # noqa: E402
from encodepth.codings.inter_predict import before, learn_plane  # noqa: E402
from encodepth.codings.learning_features import steps  # noqa: E402
from encodepth.codings.surface_predict import trail  # noqa: E402


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
    planes = np.load(source).astype(np.int32)
    code = _group if planes.ndim == 3 else _alone
    Path(target).write_bytes(code(planes, int(number)))


def _alone(plane: np.ndarray, number: int) -> bytes:
    top = int(plane.max())
    data, coder = np.zeros(plane.size * CHUNK + 64, np.uint8), encoder()
    step = steps(np.arange(1, top + 1))
    way = learning_ways.way(number)
    known = plain(learning.fresh(plane.shape[1], coder, data, step, way))
    assert way.code_rows(plane.view(Plain), 0, len(plane), top, False, known)
    return data[: finish(known.mixer.coder, known.mixer.data)].tobytes()


def _group(planes: np.ndarray, number: int) -> bytes:
    """Return the planes of a group, coded one after the other; pixels may say that they stayed."""
    top, (height, width) = int(planes.max()), planes[0].shape
    by = inter_learning.learning_coder(np.arange(1, top + 1), number)
    known, written = None, b""
    for plane in planes.view(Plain):
        data, coder = (
            a.view(Plain) for a in (np.zeros(plane.size * CHUNK + 64, np.uint8), encoder())
        )
        if known is None:
            known = plain(by.fresh(width, coder, data))
            assert by.first(plane, 0, height, top, False, known.state)
            known = known._replace(before=plain(before(height, width)))
        else:
            known = inter._next_plane(known, coder, data)
            known = known._replace(state=known.state._replace(trail=plain(trail(width))))
            assert by.after(plane, top, True, False, known)
        learn_plane(plane, False, known.before)
        written += np.asarray(data)[: finish(coder, data)].tobytes()
    return written


if __name__ == "__main__":
    main(*sys.argv[1:])
