"""What several test files use: bundled pairs, tiny pictures, the command in this process."""

from __future__ import annotations

import ast
import importlib.util
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# A fork while OpenBLAS's threads work can leave the process waiting for them for ever, and tests
# fork: loaders of torch, Ray. With one thread there are none.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest
from PIL import Image

from encodepth.cli.main import main

# Behind a shell's & nobody hears ctrl-C, nor does what a test starts there.
signal.signal(signal.SIGINT, signal.default_int_handler)

TESTS = Path(__file__).parent
SAMPLES = TESTS.parent / "samples"
EXTRAS = ("torch", "av", "bjontegaard", "h5py", "scipy", "pytorch_msssim")
MISSING = [name for name in EXTRAS if importlib.util.find_spec(name) is None]
NEEDS = {  # rooms that import a package which only an extra brings
    "encodepth.networks": "torch",
    "encodepth.train": "torch",
    "encodepth.thesis": "torch",
    "encodepth.evaluate": "bjontegaard",
    "encodepth.evaluate.cost": "torch",
    "encodepth.evaluate.subjects": "torch",
    "runs.results.thesis": "torch",
}
WHOLE = ("test_thesis_page.py", "test_without_thesis.py")  # reach into every room while they run


def needed_by(path: Path) -> set[str]:
    """Return the packages of extras that a test module imports when it is collected."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{a.name}" for a in node.names)]
        for name in names:
            found |= {need for room, need in NEEDS.items() if name.startswith(room)}
            found.add(name.split(".")[0])
            helper = TESTS / f"{name}.py"
            if helper.is_file():
                found |= needed_by(helper)
    return found


# Without an extra's packages the tests that need them are left out, and pytest says which.
collect_ignore = sorted(
    path.name
    for path in TESTS.glob("test_*.py")
    if needed_by(path) & set(MISSING) or (MISSING and path.name in WHOLE)
)


def pytest_report_header() -> str:
    """Say what is left out."""
    if not MISSING:
        return "every extra is installed"
    return f"without {', '.join(MISSING)}: {len(collect_ignore)} test modules are left out"


@dataclass(frozen=True)
class Transcript:
    """What a command left: exit status and both streams."""

    status: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _compiles_without_a_word(monkeypatch) -> None:
    """What a command in this process says hangs not on whether something was compiled before."""
    monkeypatch.setattr("encodepth.cli.main.say_what_compiles", lambda: None)


@pytest.fixture
def samples() -> Path:
    """The folder of bundled pairs."""
    return SAMPLES


@pytest.fixture
def pair(tmp_path, monkeypatch) -> tuple[np.ndarray, np.ndarray]:
    """Write color.png and depth.png, 24x16 with holes, into the folder that tests then run in."""
    rng = np.random.default_rng(7)
    color = rng.integers(0, 256, (16, 24, 3), dtype=np.uint8)
    depth = (1000 + 10 * np.add.outer(np.arange(16), np.arange(24))).astype(np.uint16)
    depth[:, :5] = 0
    monkeypatch.chdir(tmp_path)
    Image.fromarray(color).save("color.png")
    Image.fromarray(depth).save("depth.png")
    return color, depth


@pytest.fixture
def run(capsys, monkeypatch) -> Callable[..., Transcript]:
    """Run the command in this process and return its transcript."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    def run(*arguments: str) -> Transcript:
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Transcript(int(left.value.code or 0), printed.out, printed.err)

    return run
