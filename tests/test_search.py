"""A search ends within its window, in few trials, wherever quality or stretch can reach it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodepth.search import LONGEST, MOST, Setting, reach


def coder(first, growth, step):
    """Bytes that grow by `growth` per quality, in steps of several; less when stretched."""

    def measure(setting):
        quality = setting.quality // step * step
        return first * math.exp(growth * quality) / setting.stretch

    return measure


@given(
    st.floats(100, 5000),
    st.floats(0.01, 0.12),
    st.integers(1, 3),
    st.floats(0, 1),
    st.integers(0, 100),
)
def test_a_target_in_range_is_met_within_three_percent(first, growth, step, share, start):
    measure = coder(first, growth, step)
    low, high = measure(Setting(0)), measure(Setting(100))
    target = low * (high / low) ** share
    window = (0.97 * target, 1.0000001 * target)
    tried = reach(measure, window, start=start, slope=0.04)
    assert any(window[0] <= value <= window[1] for value in tried.values())
    assert len(tried) <= 2 * MOST
    assert all(0 <= s.quality <= 100 and 1 <= s.stretch <= LONGEST for s in tried)


def test_few_trials_are_enough_for_an_even_coder():
    trials = []
    for target in range(1000, 30000, 1000):
        tried = reach(
            coder(800, 0.037, 1), (0.96 * target, target), start=50, slope=0.03, fine=False
        )
        trials.append(len(tried))
    assert sum(trials) / len(trials) < 5


@pytest.mark.parametrize(("target", "end"), [(1e9, 100), (1, 0)])
def test_out_of_reach_ends_at_the_end(target, end):
    tried = reach(coder(800, 0.03, 1), (0.97 * target, target), start=50, slope=0.03)
    assert Setting(end) in tried
    assert len(tried) <= 2 * MOST


def test_whole_qualities_alone_when_nothing_is_finer():
    tried = reach(coder(1000, 0.2, 1), (97000, 100000), start=50, slope=0.03, fine=False)
    assert all(setting.stretch == 1 for setting in tried)
    below = max(v for v in tried.values() if v <= 100000)
    assert below == max(v for q in range(101) if (v := coder(1000, 0.2, 1)(Setting(q))) <= 100000)


def test_a_lower_end_is_kept():
    tried = reach(coder(1000, 0.03, 1), (100, 110), start=60, slope=0.03, low=40, fine=False)
    assert min(tried).quality == 40


def test_beyond_quality_100_the_error_is_halved_on_request():
    tried = reach(coder(1, 0.03, 1), (97, 100), start=50, slope=0.03, octaves=4)
    assert any(97 <= value <= 100 for value in tried.values())
    assert min(s.stretch for s in tried) >= 2.0**-4
