"""What several test files use: bundled pairs, tiny pictures, the command in this process."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from encodepth.cli.main import main

SAMPLES = Path(__file__).parents[1] / "samples"


@dataclass(frozen=True)
class Transcript:
    """What a command left: exit status and both streams."""

    status: int
    out: str
    err: str


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
