"""Models by name or fingerprint: what opens, what is said when it cannot, processes, no torch."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from encodepth.errors import ModelNotFoundError
from encodepth.learned import Models, list_models, open_model
from encodepth.learned.weights import SHIPPED, fingerprint, read_weights

TINY = Path(__file__).parent / "weights" / "tiny.safetensors"
FINGERPRINTS = {
    "base": 0x7FFCBD80,
    "base-0.1": 0x5595977F,
    "restore": 0x25D31955,
    "restore-0.1": 0x83C4A8CE,
    "restore-color": 0xCB33D32F,
    "restore-color-small": 0x49727F18,
    "restore-small": 0xF74A50D1,
}


def test_what_ships_keeps_its_fingerprint_and_opens_whole():
    assert set(FINGERPRINTS) <= {record.name for record in list_models()}
    for name, expected in FINGERPRINTS.items():
        model = open_model(name, threads=1)
        assert model.fingerprint == expected
        model.open_all()


def test_an_unknown_name_names_the_list():
    with pytest.raises(ModelNotFoundError, match=r'no model "bas".*encodepth models lists all'):
        open_model("bas")


def test_a_file_that_is_no_weights_file(tmp_path):
    (tmp_path / "w.safetensors").write_bytes(b"nothing here")
    with pytest.raises(ModelNotFoundError, match="cannot read weights"):
        open_model(tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "holds no weights of encodepth"),
        ({"format": "encodepth-next-9"}, "format encodepth-next-9; this build knows"),
        ({"format": "encodepth-base-1", "config": "{"}, "do not fit their model"),
        ({"format": "encodepth-base-1"}, "hold no color network"),
    ],
)
def test_weights_of_another_kind_are_named(tmp_path, metadata, message):
    path = tmp_path / "w.safetensors"
    path.write_bytes(safetensors.numpy.save({"color/a": np.zeros(2, np.float32)}, metadata))
    with pytest.raises(ModelNotFoundError, match=message):
        open_model(path)


def changed(path: Path, **arrays: np.ndarray | None) -> Path:
    """Write the tiny weights with some arrays replaced, or left out."""
    with safetensors.safe_open(TINY, framework="numpy") as file:
        metadata = file.metadata()
        whole = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    for name, array in arrays.items():
        whole.pop(name)
        if array is not None:
            whole[name] = array
    path.write_bytes(safetensors.numpy.save(whole, metadata))
    return path


def test_tensors_that_do_not_fit_their_graph_are_named(tmp_path):
    name = "color/g_s.up.0.bias"
    for array in (np.zeros(7, np.float16), None):
        model = open_model(changed(tmp_path / "w.safetensors", **{name: array}), threads=1)
        with pytest.raises(ModelNotFoundError, match="do not fit their graph color/synthesis"):
            model.open_all()


def test_a_missing_table_is_named(tmp_path):
    path = changed(tmp_path / "w.safetensors", **{"color/table_radii": None})
    with pytest.raises(ModelNotFoundError, match="do not fit their model: 'table_radii'"):
        open_model(path)


def test_weights_without_graphs_say_how_to_draw_them(tmp_path):
    weights = read_weights(TINY)
    metadata = {"format": "encodepth-base-1", "config": '{"color": {"patches": [8, 16], '}
    metadata["config"] += '"blocks": [1, 1], "lambdas": [0.1, 1]}}'
    path = tmp_path / "w.safetensors"
    path.write_bytes(safetensors.numpy.save(weights.arrays, metadata))
    with pytest.raises(ModelNotFoundError, match=r"python -m encodepth\.networks\.export"):
        open_model(path).encode(np.zeros((8, 8, 3), np.uint8), 50)


def test_graphs_are_no_part_of_the_fingerprint():
    weights = read_weights(TINY)
    more = weights.arrays | {"graph/color/other": np.zeros(3, np.uint8)}
    assert fingerprint(more) == weights.fingerprint


def test_models_are_found_by_fingerprint_and_named_when_missing():
    models = Models(TINY)
    assert models.of(FINGERPRINTS["restore"], "restore", "depth") is models["restore"]
    assert models.of(models.own.fingerprint, "decode", "colour") is models.own
    assert not models.has("no such model")
    with pytest.raises(ModelNotFoundError, match="the colour stream needs weights 12345678"):
        models.of(0x12345678, "decode", "colour")
    with pytest.raises(ModelNotFoundError, match=f"needs weights {FINGERPRINTS['restore']:08x}"):
        models.of(FINGERPRINTS["restore"], "decode", "colour")


ALONE = """
import sys
import numpy as np
from encodepth.learned import open_model
model = open_model("base", threads=1)
rgb = np.zeros((40, 50, 3), np.uint8)
for effort in (7, 8):
    coded = model.encode(rgb, 50, effort=effort)
    assert model.decode(coded.payload, 40, 50, 50, coded.check).shape == rgb.shape
plane = np.full((40, 50), 0.5, np.float32)
open_model("restore", threads=1).restore(plane, plane > 0, 20, rgb)
heavy = {"torch", "onnx", "numba", "scipy", "matplotlib"} & set(sys.modules)
assert not heavy, heavy
"""


def test_neither_torch_nor_onnx_is_loaded():
    subprocess.run([sys.executable, "-c", ALONE], check=True, timeout=120)


WITHOUT = """
import sys
sys.modules["{missing}"] = None
from encodepth.learned import open_model
import numpy as np
open_model({path!r}).encode(np.zeros((8, 8, 3), np.uint8), 50)
"""


def without(missing: str, path: Path) -> str:
    code = WITHOUT.format(missing=missing, path=str(path))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    return done.stderr.splitlines()[-1]


def test_what_is_missing_is_asked_for(tmp_path):
    assert "need onnxruntime" in without("onnxruntime", TINY)
    path = tmp_path / "t.safetensors"
    metadata = {"format": "encodepth-tcm-1"}
    path.write_bytes(safetensors.numpy.save({"a": np.zeros(2, np.float32)}, metadata))
    assert "need torch; pip install 'encodepth[thesis]'" in without("torch", path)


FORK = """
import os, sys
import numpy as np
from encodepth.learned import open_model
model = open_model({path!r}, threads=2)
rgb = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
coded = model.encode(rgb, 50)
for use in (True, False):
    child = os.fork()
    if child == 0:
        if use:
            assert model.encode(rgb, 50).payload == coded.payload
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0
assert model.encode(rgb, 50).payload == coded.payload
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_works_and_ends():
    code = FORK.format(path=str(TINY))
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=120)


QUIET = """
import os, sys
from pathlib import Path
before = dict(os.environ)
import numpy as np
from encodepth.learned import open_model
def tasks(): return len(list(Path("/proc/self/task").iterdir()))
count = tasks()
open_model({path!r}, threads=1).encode(np.zeros((8, 8, 3), np.uint8), 50)
assert tasks() == count, "onnxruntime started a thread"
assert dict(os.environ) == before
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_the_runtime_reports_nothing_to_its_makers(tmp_path):
    code = QUIET.format(path=str(TINY))
    home = os.environ | {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, env=home)
    assert not list(tmp_path.iterdir())


def test_another_package_brings_weights(tmp_path):
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "__init__.py").touch()
    shipped = SHIPPED / "restore.safetensors"
    for name in ("mine", "restore"):
        shutil.copyfile(shipped, folder / f"{name}.safetensors")
    about = tmp_path / "more-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: more\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[encodepth.weights]\nmore = more\n")
    code = (
        "from encodepth.learned import find_weights, list_models; "
        "print(*(r.name for r in list_models()), find_weights('mine'), find_weights('restore'))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    *names, mine, own = done.stdout.split()
    assert sorted(names) == sorted([*FINGERPRINTS, "mine"])
    assert mine == str(folder / "mine.safetensors")
    assert own == str(shipped)
