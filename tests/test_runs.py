"""The programs of runs/ are made of what the package has: each is there to be started."""

import importlib
import re
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


# What trains or draws a curve of training, or is a page's own part of a script that is there.
APART = {"machines.gpu_train", "machines.slurm_train", "results.restore_curve"}


def test_all_sh_runs_every_program_that_the_pages_name():
    named = re.compile(r"\bruns[./](results|gates|choices|machines)[./](\w+)")
    pages = [ROOT / "README.md", *ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    texts = [page.read_text(encoding="utf-8") for page in pages]
    asked = {".".join(found) for text in texts for found in named.findall(text)}
    scripts = [ROOT / "runs" / "all.sh", *(ROOT / "runs" / "results").glob("*.sh")]
    run = {".".join(f) for script in scripts for f in named.findall(script.read_text())}
    assert asked - APART <= run
