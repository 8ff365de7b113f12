"""The thesis's parameter counts (Tables 14, 15) to the digit, and the family's switches."""

from dataclasses import replace

import pytest
import torch

from encodepth.errors import ModelNotFoundError
from encodepth.thesis.rows import ROWS, config_of, light, small
from encodepth.thesis.tcm import TCM

COUNTS = {
    "rgb": 45_180_752,
    "depth": 45_168_968,
    "rgb-4c": 45_182_032,
    "depth-4c": 45_172_808,
    "depth-conv": 47_588_064,
    "rgb-attn": 53_527_632,
}
MODULES = {  # of the rgb row
    "g_a": 2_141_020,
    "g_s": 6_765_096,
    "h_a": 1_109_252,
    "h_mean_s": 3_724_356,
    "h_scale_s": 3_724_356,
    "slices.mean_attention": 8_529_440 // 2,
    "slices.lrp": 6_821_920,
}


def on_meta(config):
    with torch.device("meta"):
        return TCM(config)


def count(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("name", ROWS)
def test_parameters_are_the_thesis_s_to_the_digit(name):
    assert count(on_meta(ROWS[name])) == COUNTS[name]


def test_modules_hold_what_was_measured_on_the_published_code():
    model = on_meta(ROWS["rgb"])
    assert {name: count(model.get_submodule(name)) for name in MODULES} == MODULES


def test_light_prompts_make_a_46_million_model():
    assert round(count(on_meta(light(ROWS["rgb-attn"]))) / 1e6, 1) == 46.0


@pytest.mark.parametrize("half", [96, 128])
def test_the_papers_larger_widths_build(half):
    wide = on_meta(replace(ROWS["rgb"], half=half))
    assert wide.g_a.out.weight.shape == (320, 2 * half, 3, 3)
    assert count(wide) > COUNTS["rgb"]


def test_every_row_has_a_small_twin():
    assert all(count(on_meta(small(row))) < 5e6 for row in ROWS.values())


def test_an_unknown_row_is_named_with_the_known_ones():
    with pytest.raises(ModelNotFoundError, match=r'no model "rgb-5c".*rgb, depth, rgb-4c'):
        config_of("rgb-5c")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"guide": 1}, "fusion 'none' does not go with 1 guide channels"),
        ({"fusion": "conv"}, "fusion 'conv' does not go with 0 guide channels"),
        ({"l_s": True}, "l_s reads a guide"),
        ({"slices": 7}, "7 slices do not divide 320"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(ROWS["rgb"], **change)
