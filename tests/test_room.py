"""Room for planes: used again once nobody looks at it, never before."""

from __future__ import annotations

import os

import numpy as np
import pytest

from encodepth.codings.room import SPARE, empty, kept

SHAPE = (480, 641)  # which no other test has


def place(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


@pytest.mark.skipif(os.name == "nt", reason="room is not kept there")
def test_room_is_used_again_when_the_last_view_of_it_is_gone():
    first = empty(SHAPE, np.uint16)
    first[:] = 7
    where, view = place(first), first[3:, 5:].view(np.int16).T
    del first
    other = empty(SHAPE, np.uint16)
    other[:] = 9
    assert place(other) != where
    assert (view == 7).all()
    del view
    assert place(empty(SHAPE, np.uint16)) == where


def test_a_plane_that_is_kept_is_in_room_of_its_own_or_a_copy():
    own, made = empty(SHAPE, np.uint8), np.ones(SHAPE, np.uint8)
    assert kept(own[1:]).base is own[1:].base
    copy = kept(made)
    made[:] = 0
    assert (copy == 1).all() or os.name == "nt"


def test_spare_room_has_a_limit():
    from encodepth.codings import room

    several = [empty((1 << 23,), np.uint8) for _ in range(10)]
    del several
    assert sum(map(len, room._spare)) <= SPARE
