"""Decisions under the contexts of two pictures and what a network says, mixed twice and corrected.

What `learning_mixing.py` is to `mixing.py`, this is to `inter_mixing.py`: the first half of the
inputs is that of a picture alone, with the network's logit; the second are the picture before's.
"""

from __future__ import annotations

import numpy as np

from ..native import inlined
from .inter_contexts import LATE
from .inter_mixing import learn_half, look_up_half, mixed, trust
from .lanes import put_lane
from .learning_mixing import CONSTANT, NAT, OPINION, Chosen, Mixer, decided, learning_mixer
from .mixing import SQUASH, WIDTH
from .surface_contexts import VALUES


def late_mixer(
    slots: int, rows: int, sets: int, maps: int, coder: np.ndarray, data: np.ndarray
) -> Mixer:
    """Return a mixer that has seen nothing, with room for two halves of contexts.

    The second half is trusted in nothing at first; its weights are `rows` rows further on.
    """
    made = learning_mixer(slots, 2 * rows, sets, maps, coder, data)
    made.weights[rows:] = 0
    none = np.zeros(2 * WIDTH, np.int32)
    return made._replace(slots=none, held=none.copy())


@inlined
def code_late(
    bit: int,
    decode: bool,
    m: Mixer,
    nodes: tuple[int, int],
    opinion: int,
    r: Chosen,
    rows: int,
) -> int:
    """Code one decision, or decode it, and learn from it; return it.

    Args:
        bit: the decision; unused when decoding.
        nodes: XORed to the slots of either half, to tell decisions under one context apart.
        opinion: the network's logit, -2047..2047 in 1/256 nats.
        r: the rows that take part; rows: how many there are of the first half.
    """
    x, y = look_up_half(m, 0, VALUES, nodes[0]), look_up_half(m, WIDTH, LATE, nodes[1])
    x = put_lane(put_lane(x, OPINION, opinion), CONSTANT, NAT)
    a, b = mixed(x, y, m, r.first, rows), mixed(x, y, m, r.second, rows)
    c, d = mixed(x, y, m, r.third, rows), mixed(x, y, m, r.fourth, rows)
    bit = decided(bit, decode, a, b, c, d, m, r)
    one = 65535 if bit else 0
    trust(x, y, m, r.first, rows, one - SQUASH[np.uint64(a + 2047)])
    trust(x, y, m, r.second, rows, one - SQUASH[np.uint64(b + 2047)])
    trust(x, y, m, r.third, rows, one - SQUASH[np.uint64(c + 2047)])
    trust(x, y, m, r.fourth, rows, one - SQUASH[np.uint64(d + 2047)])
    learn_half(m, 0, VALUES, nodes[0], one)
    learn_half(m, WIDTH, LATE, nodes[1], one)
    return bit
