"""The programs of runs/ are made of what the package has: each is there to be started."""

import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RUNS = sorted(".".join(p.relative_to(ROOT).with_suffix("").parts) for p in ROOT.glob("runs/*/*.py"))


@pytest.mark.parametrize("name", RUNS)
def test_a_run_can_be_started(name, monkeypatch):
    pytest.importorskip("torch", reason="runs need the development environment")
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.setattr(sys, "argv", [name])
    importlib.import_module(name)
