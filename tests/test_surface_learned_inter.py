"""Exact depth over time with a network: every picture comes back, smaller, the same everywhere."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from depth_groups import decoded, together, with_a_flipped_bit
from encodepth.codings import find, learning_short, surface_inter, surface_learned_inter
from encodepth.codings.base import Ask, Coded
from encodepth.codings.inter_features import LATE_FEATURES
from encodepth.codings.inter_learning import learning_coder
from encodepth.codings.learning_features import FEATURES, MOST
from encodepth.codings.surface_learned_inter import LEARNING
from encodepth.errors import CorruptFileError
from encodepth.plan import EXACT, plan
from test_surface_inter import GROUPS, flicker, walls

TESTS = Path(__file__).parent


def sensor(count: int, height: int = 40, width: int = 56) -> list[np.ndarray]:
    """Return a room whose values lie as those of a stereo camera, which moves and is noisy."""
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:height, :width]
    planes = []
    for k in range(count):
        depth = 1200 + 9 * x + 4 * y + 300 * np.sin((x + 2 * k) / 9) + rng.normal(0, 6, x.shape)
        levels = np.rint(400000 / depth)
        planes.append(np.where(rng.random(x.shape) < 0.03, 0, 400000 // levels).astype(np.uint16))
    return planes


@pytest.mark.parametrize("error", [0, 5])
@pytest.mark.parametrize("name", GROUPS)
def test_every_picture_of_a_group_comes_back(name, error):
    planes = GROUPS[name]
    coded = together(planes, error, LEARNING)
    for plane, back in zip(planes, decoded(coded, planes[0].shape, LEARNING), strict=True):
        assert np.abs(plane.astype(int) - back).max() <= error
        assert np.array_equal(plane == 0, back == 0)


def test_it_is_smaller_and_goes_on_learning():
    planes = sensor(5, 120, 160)
    sizes = [
        [len(c.payload) for c in together(planes, by=by)]
        for by in (surface_inter.CONTEXTS, LEARNING)
    ]
    assert sum(sizes[1]) < 0.97 * sum(sizes[0])
    assert sum(sizes[1][1:]) < 0.97 * sum(sizes[0][1:])


def test_what_has_nothing_to_learn_is_coded_as_before():
    planes = [np.where(plane > 1550, 2000, 1000).astype(np.uint16) for plane in walls(4)]
    made = surface_learned_inter.encode_group("depth", planes, Ask(effort=8), [None] * 4)
    assert {c.coding for c in made} <= {"surface-inter", "surface"}


@pytest.mark.parametrize("name", GROUPS)
def test_a_recording_is_never_larger_than_stills(name):
    planes, ask = GROUPS[name], Ask(effort=8)
    made = surface_learned_inter.encode_group("depth", planes, ask, [None] * len(planes))
    alone = sum(len(LEARNING.alone(plane, ask).payload) for plane in planes)
    assert sum(len(coded.payload) for coded in made) <= alone
    if any(coded.coding in ("surface", "surface-learned") for coded in made):
        assert not any(coded.references for coded in made)


def test_another_network_is_refused():
    coded = together(flicker(2), by=LEARNING)
    other = Coded(b"\7" + coded[0].payload[1:])
    with pytest.raises(CorruptFileError, match="has network 7; expected 1"):
        decoded([other], (24, 31), LEARNING)


def test_damage_is_reported_or_gives_a_plane_never_a_crash():
    planes = flicker(3)
    coded = together(planes, by=LEARNING)
    rng = np.random.default_rng(3)
    for _ in range(60):
        broken = with_a_flipped_bit(coded, rng)
        with suppress(CorruptFileError):
            assert len(decoded(broken, planes[0].shape, LEARNING)) == len(planes)


def test_plain_python_writes_the_bytes_that_compiled_code_writes(tmp_path):
    from encodepth.codings.inter import encode_next

    planes = np.stack(sensor(3, 14, 20))
    values, flat = np.unique(planes, return_inverse=True)
    assert values[0] == 0
    places, top = flat.reshape(planes.shape).astype(np.int32), len(values) - 1
    np.save(tmp_path / "planes.npy", places)
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    script = [sys.executable, str(TESTS / "plain_learning.py")]
    files = [str(tmp_path / "planes.npy"), str(tmp_path / "out.bin"), "1"]
    subprocess.run([*script, *files], env=environment, check=True, timeout=300)
    by, known, written = learning_coder(np.arange(1, top + 1), 1), None, b""
    for i, plane in enumerate(places):
        payload, known = encode_next(by, known, plane, top, i > 0)
        written += payload
    assert (tmp_path / "out.bin").read_bytes() == written


def test_no_sum_over_more_features_reaches_32_bits():
    assert FEATURES + LATE_FEATURES <= learning_short.ROOM
    assert (FEATURES + LATE_FEATURES) * MOST << 15 < 1 << 31


def test_it_is_what_recordings_take_for_exact_depth_from_effort_8_on():
    assert find("surface-learned-inter", "depth").exact
    for effort, name in (
        (7, "surface-inter"),
        (8, "surface-learned-inter"),
        (9, "surface-learned-inter"),
    ):
        assert plan("depth", EXACT, effort, over_time=True).codings == (name,)
