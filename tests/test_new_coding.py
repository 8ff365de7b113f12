"""A coding that nobody knew before: one module, one row, and every room takes it."""

from __future__ import annotations

import json
import sys
import types
import zlib
from pathlib import Path

import numpy as np
import pytest

from encodepth import codings
from encodepth.codings.base import Coded, Facts
from encodepth.errors import CorruptFileError


def toy() -> types.ModuleType:
    """Return a module that codes depth by zlib."""
    module = types.ModuleType("encodepth.codings.toy")

    def encode(modality, plane, ask, seen):
        return Coded(zlib.compress(plane.astype("<u2").tobytes(), ask.effort))

    def decode(modality, coded, shape, seen):
        try:
            samples = zlib.decompress(coded.payload)
        except zlib.error:
            raise CorruptFileError("damaged toy payload") from None
        return np.frombuffer(samples, "<u2").reshape(shape)

    def facts(modality, coded):
        return Facts(error=0)

    module.encode, module.decode, module.facts = encode, decode, facts
    return module


@pytest.fixture
def registered(monkeypatch):
    row = codings.Row(6, "toy", ("depth",), ".toy", "zlib", exact=True)
    others = [known for known in codings.CODINGS if known.number != row.number]
    monkeypatch.setattr(codings, "CODINGS", [*others, row])
    monkeypatch.setitem(sys.modules, "encodepth.codings.toy", toy())


def test_a_new_coding_needs_one_module_and_one_row(run, pair, registered):
    _, depth = pair
    shown = run("encode", "color.png", "depth.png", "--coding", "depth=toy", "-o", "x.rgbd")
    assert "depth" in shown.err
    assert "(toy, exact)" in shown.err
    assert "toy, exact" in run("info", "x.rgbd").out
    assert run("verify", "--decode", "x.rgbd").out == "x.rgbd: whole, and decodes here\n"
    run("decode", "x.rgbd", "--depth", "back.npy")
    assert np.array_equal(np.load("back.npy"), depth)


def test_a_new_coding_is_measured_and_shown(run, pair, registered):
    Path("frames/color").mkdir(parents=True)
    Path("frames/depth").mkdir()
    Path("color.png").rename("frames/color/a.png")
    Path("depth.png").rename("frames/depth/a.png")
    shown = run("eval", "frames", "--codec", "base+toy", "--only", "depth", "-o", "r.jsonl", "-f")
    assert shown.status == 0, shown.err
    records = [json.loads(line) for line in Path("r.jsonl").read_text().splitlines()]
    measured = [r for r in records if r.get("modality") == "depth"]
    assert measured
    assert all(r["rmse_mm"] == 0 for r in measured)
    assert run("report", "r.jsonl", "-o", "page").status == 0
    assert "toy" in Path("page/index.html").read_text()
