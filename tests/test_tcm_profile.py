"""`encodepth profile`: exact counts, honest arithmetic, three ways to print them."""

import json

import pytest
import torch
from click.testing import CliRunner

from encodepth.cli.profile import command
from encodepth.evaluate.cost import profile
from encodepth.evaluate.cost_tables import markdown, text
from encodepth.networks.config import TINY_COLOR
from encodepth.networks.plane import PlaneModel
from encodepth.networks.weights import save_weights
from encodepth.thesis.random import random_tcm
from encodepth.thesis.rows import ROWS, small
from encodepth.thesis.weights import save_tcm


def run(*arguments):
    return CliRunner().invoke(command, arguments)


def test_the_rgb_row_costs_183_gigamacs_at_640x512():
    result = json.loads(run("rgb", "--size", "640x480", "--runs", "0", "--json").output)
    assert result["parameters"] == 45_180_752
    assert result["macs"] == pytest.approx(183.4e9, rel=0.005)
    assert result["flops"] == 2 * result["macs"]
    assert {"machine", "measured", "versions"} <= result.keys()
    by_name = {part["name"]: part for part in result["parts"]}
    assert by_name["g_a"]["macs"] == pytest.approx(57.8e9, rel=0.005)
    assert by_name["g_s"]["macs"] == pytest.approx(88.0e9, rel=0.005)
    assert sum(part["macs"] for part in result["parts"]) == result["macs"]
    assert sum(part["parameters"] for part in result["parts"]) == result["parameters"]


def test_a_run_measures_time_memory_and_bytes():
    result = profile("depth-conv-small", 70, 50, runs=2)
    assert 0 < result.encode.low <= result.encode.median <= result.encode.high
    assert result.decode.runs == 2
    assert result.payload > 0
    assert result.weights == "random"


def test_a_weights_file_is_profiled_as_what_it_is(tmp_path):
    model = random_tcm(small(ROWS["depth"]))
    save_tcm(tmp_path / "w.safetensors", model)
    result = profile(str(tmp_path / "w.safetensors"), 64, 64, runs=0)
    assert result.weights == "trained"
    assert result.parameters == sum(p.numel() for p in model.parameters())


def test_a_model_of_the_default_family_is_profiled_too(tmp_path):
    torch.manual_seed(0)
    network = PlaneModel(TINY_COLOR)
    save_weights(tmp_path / "w.safetensors", network)
    result = profile(str(tmp_path / "w.safetensors"), 64, 64, runs=1)
    assert result.parameters == sum(p.numel() for p in network.parameters())
    assert {part.name for part in result.parts} >= {"color g_a", "color g_s"}
    assert result.payload > 0


def test_tables_name_the_convention():
    result = profile("rgb-small", 64, 64, runs=0)
    assert "FLOPs = 2 x MACs" in text([result])
    assert "| rgb-small | " in markdown([result])
    assert "| g_a | " in markdown([result])


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("rgb", "--size", "640"), 2, '--size "640" is not WIDTHxHEIGHT in pixels'),
        (("rgb", "--size", "0x4"), 2, '--size "0x4" is not WIDTHxHEIGHT in pixels'),
        (("rgb", "--json", "--markdown"), 2, "--json and --markdown exclude each other"),
        ((), 2, "Missing argument"),
    ],
)
def test_wrong_usage_is_named(arguments, status, message):
    result = run(*arguments)
    assert result.exit_code == status
    assert message in result.output
