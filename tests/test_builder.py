"""Building the package: a wheel brings machine code along, or is pure where none can be made."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("setuptools", minversion="77", reason="needs setuptools, which builds")

from encodepth.native import store

ROOT = Path(__file__).parents[1]
BUILD = "import backend, sys; print(backend.{}(sys.argv[1], {}))"
CODE = """
import sys
sys.modules['numba'] = None
import numpy as np
import encodepth
assert encodepth.__file__.startswith(sys.argv[1])
depth = np.add.outer(np.arange(40), np.arange(50)).astype(np.uint16) + 900
data = encodepth.encode(encodepth.RgbdImage(depth=depth), lossless='depth', effort=1)
print((encodepth.decode(data).depth == depth).all())
"""


@pytest.fixture
def source(tmp_path) -> Path:
    """What the package is built from, without the weights."""
    made = tmp_path / "source"
    no = shutil.ignore_patterns("__pycache__", "objects", "weights", "*.egg-info")
    for name in ("src", "builder"):
        shutil.copytree(ROOT / name, made / name, ignore=no)
    for name in ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "LICENSE-WEIGHTS"):
        shutil.copy(ROOT / name, made)
    return made


def run(code: str, *words: object, cwd: Path, paths: list[Path]) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    environment.pop("NUMBA_CACHE_DIR", None)
    environment["XDG_CACHE_HOME"] = str(cwd / "nothing")
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        env=environment, cwd=cwd, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def built(hook: str, source: Path, settings: dict[str, str], *paths: Path) -> tuple[Path, str]:
    """Call a hook of the builder; return the file that it made and all that it said."""
    out = source.parent / "out"
    said = run(BUILD.format(hook, settings), out, cwd=source, paths=[*paths, source / "builder"])
    return out / said.splitlines()[-1], said


def test_a_wheel_brings_code_so_that_nothing_is_compiled(source, tmp_path):
    if platform.machine() not in store.KINDS:
        pytest.skip(f"no packages for {platform.machine()}")
    wheel, _ = built("build_wheel", source, {"compile": "1"})
    assert wheel.name.startswith("encodepth-")
    assert "-py3-none-" in wheel.name
    assert not wheel.name.endswith("-any.whl")
    assert not (source / "src/encodepth/native/objects").exists()
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    name, features = store.KINDS[platform.machine()]
    if not set(features.split(",")) <= store._features() | {""}:
        pytest.skip(f"this processor is no {name}")
    assert run(CODE, site, cwd=tmp_path, paths=[site]) == "True\n"
    assert not list(site.rglob("__pycache__/*.code"))


def test_where_nothing_can_be_compiled_the_wheel_is_pure_and_says_so(source, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "numba.py").write_text("raise ImportError('there is no numba for this')")
    wheel, said = built("build_wheel", source, {"compile": "1"}, broken)
    assert wheel.name.endswith("-py3-none-any.whl")
    assert "no machine code in this wheel" in said
    assert not [name for name in zipfile.ZipFile(wheel).namelist() if "/objects/" in name]


def test_code_of_an_earlier_build_does_not_come_along(source):
    for folder in ("src", "build/lib"):
        old = source / folder / "encodepth/native/objects/old.code"
        old.parent.mkdir(parents=True)
        old.touch()
    wheel, _ = built("build_wheel", source, {"compile": "none"})
    assert wheel.name.endswith("-py3-none-any.whl")
    assert not [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".code")]


def test_a_source_distribution_can_be_built_from(source):
    archive, _ = built("build_sdist", source, {})
    unpacked = source.parent / "unpacked"
    shutil.unpack_archive(archive, unpacked)
    (inner,) = unpacked.iterdir()
    wheel, _ = built("build_wheel", inner, {"compile": "none"})
    assert wheel.name.endswith("-py3-none-any.whl")


def test_what_compiles_is_asked_for_with_the_packages_own_bounds(source):
    words = "import backend; print(backend.get_requires_for_build_wheel())"
    said = run(words, cwd=source, paths=[source / "builder"]).splitlines()[-1]
    assert "numba>=" in said
    assert said.count(">=") == 6
