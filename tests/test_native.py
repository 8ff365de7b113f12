"""Compiled functions: what they take and give; machine code is found, refused, made anew."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from encodepth.native import compiled, inlined, store


class Known(NamedTuple):
    """What a function is given."""

    rows: np.ndarray
    factor: int


@inlined
def scaled(value: int, known: Known) -> int:
    return value * known.factor


@compiled
def sums(known: Known, second: bool, nothing: None) -> tuple[int, bool]:
    """Return the sum of a row times the factor, and whether it is the second."""
    row, total = 1 if second else 0, 0
    for x in range(known.rows.shape[1]):
        total += scaled(known.rows[row, x], known)
    return total, second


@compiled
def fill(out: np.ndarray, value: float) -> None:
    for i in range(out.size):
        out[i] = value


ROWS = np.arange(12, dtype=np.int32).reshape(2, 6)
CALL = "import test_native as t; print(t.sums(t.Known(t.ROWS, 3), True, None))"
BARE = "import sys; sys.modules['numba'] = None; " + CALL


def call(words: str, folder: Path) -> str:
    """Run a process that keeps its machine code in a folder; return what it prints."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", words],
        cwd=Path(__file__).parent, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    return done.stdout + done.stderr[-300:]


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> Path:
    """A folder that `sums` was compiled into."""
    folder = tmp_path_factory.mktemp("kept")
    assert call(CALL, folder) == "(153, True)\n"
    return folder


def test_arrays_of_any_layout_numbers_and_tuples_go_in_and_come_out():
    assert sums(Known(ROWS, 2), False, None) == (30, False)
    assert sums(Known(ROWS[:, ::2], 2), True, None) == (48, True)
    assert sums(Known(np.asfortranarray(ROWS), np.int64(2)), True, None) == (102, True)
    fixed = ROWS.copy()
    fixed.setflags(write=False)
    assert sums(Known(fixed, 2), np.bool_(False), None) == (30, False)
    out = np.zeros(4)
    assert fill(out, 2.5) is None
    assert out.tolist() == [2.5] * 4


def test_what_compiled_code_cannot_take_is_named():
    with pytest.raises(TypeError, match="given a str"):
        sums(Known(ROWS, 2), "no", None)


def test_what_was_compiled_runs_without_numba(kept):
    assert len(list(kept.glob("test_native.sums-*.code"))) == 1
    assert call(BARE, kept) == "(153, True)\n"


def test_damaged_code_is_not_run_but_made_anew(kept):
    (path,) = kept.glob("test_native.sums-*.code")
    whole = path.read_bytes()
    for damaged in (whole[:-1], whole[:200], b"", whole.replace(b"sha256", b"sha257")):
        path.write_bytes(damaged)
        assert "ModuleNotFoundError" in call(BARE, kept) or "import of numba" in call(BARE, kept)
    assert call(CALL, kept) == "(153, True)\n"
    assert path.read_bytes()[:100] == whole[:100]


def test_a_changed_source_is_compiled_anew(kept, tmp_path):
    (tmp_path / "test_native.py").write_text(
        Path(__file__).read_text(encoding="utf-8").replace("* known.factor", "- known.factor")
    )
    words = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {CALL}"
    assert call(words, kept) == "(33, True)\n"


def test_a_package_brings_code_for_its_kind_of_processor(tmp_path):
    if platform.machine() not in store.KINDS:
        pytest.skip(f"no packages for {platform.machine()}")
    shipped, own = tmp_path / "objects", tmp_path / "own"
    name, features = store.KINDS[platform.machine()]
    make = f"from encodepth.native import store; store.for_a_package({str(shipped)!r}); {CALL}"
    assert call(make, own) == "(153, True)\n"
    assert list(shipped.glob("*.code"))
    assert not own.exists()
    use = "from encodepth.native import store; import pathlib; "
    use += f"store.SHIPPED = pathlib.Path({str(shipped)!r}); "
    assert call(use + BARE, own) == "(153, True)\n"
    lacking = use + "store._features = lambda: frozenset({'+sse2'}); " + BARE
    if features:
        assert call(lacking, own) != "(153, True)\n", name


def test_a_command_says_that_it_compiles_once(tmp_path):
    words = "from encodepth.cli.main import main; import sys; main(sys.argv[1:])"
    target = tmp_path / "pair.rgbd"

    def encode(*more: str) -> str:
        sample = Path(__file__).parents[1] / "samples" / "desk"
        given = ["encode", str(sample / "color.webp"), str(sample / "depth.png"), "-o", str(target)]
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
        asked = [*given, "-f", "--lossless", "depth", "--effort", "1", *more]
        done = subprocess.run(
            [sys.executable, "-c", words, *asked],
            env=environment, capture_output=True, text=True, timeout=300, check=True,
        )  # fmt: skip
        return done.stderr

    assert encode().count("compiling what this machine has not needed before") == 1
    assert "compiling" not in encode()
