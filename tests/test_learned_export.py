"""Graphs drawn from torch's definitions: small, without numbers, the same each time."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from encodepth.learned import list_models, open_model  # noqa: E402
from encodepth.learned.weights import read_weights  # noqa: E402
from encodepth.networks.config import TINY_COLOR  # noqa: E402
from encodepth.networks.export import draw_graphs, plane_graphs  # noqa: E402
from encodepth.networks.plane import PlaneModel  # noqa: E402
from encodepth.networks.weights import load_weights, save_weights  # noqa: E402

WEIGHTS = Path(__file__).parent / "weights"


@pytest.mark.parametrize("name", ["tiny", "tiny-restore"])
def test_drawing_again_changes_nothing(name, tmp_path):
    path = tmp_path / "w.safetensors"
    shutil.copy(WEIGHTS / f"{name}.safetensors", path)
    draw_graphs(path)
    old, new = read_weights(WEIGHTS / path.with_stem(name).name), read_weights(path)
    assert new.graphs.keys() == old.graphs.keys()
    assert new.fingerprint == old.fingerprint
    assert open_model(path).fingerprint == old.fingerprint


def test_graphs_are_small_and_hold_no_weights():
    for record in list_models():
        weights = read_weights(record.path)
        assert sum(len(g.model) for g in weights.graphs.values()) < 500_000
        for graph in weights.graphs.values():
            model = onnx.load_from_string(graph.model)
            stored = {t.name for t in model.graph.initializer}
            assert set(graph.weights) <= stored
            assert set(graph.weights) <= set(weights.arrays)
            assert all(len(t.raw_data) < 300 for t in model.graph.initializer)


def test_a_network_that_sees_a_reference_latent_is_refused():
    with pytest.raises(ValueError, match="see nothing but their picture"):
        plane_graphs(PlaneModel(dataclasses.replace(TINY_COLOR, guide=8)))


def test_sums_beyond_float32_are_refused(tmp_path):
    model = PlaneModel(TINY_COLOR)
    model.context.y_index.data.fill_(1e6)
    with pytest.raises(ValueError, match="beyond float32's 2\\^24"):
        plane_graphs(model)


def test_weights_saved_by_training_run_once_drawn(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(path, load_weights(WEIGHTS / "tiny.safetensors"))
    before = read_weights(path).fingerprint
    draw_graphs(path)
    model, rgb = open_model(path, threads=1), np.zeros((20, 30, 3), np.uint8)
    assert model.fingerprint == before
    coded = model.encode(rgb, 50)
    assert model.decode(coded.payload, 20, 30, 50, coded.check).shape == rgb.shape
