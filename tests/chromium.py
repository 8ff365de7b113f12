"""Run a page in headless Chromium and return the document it ends up with; tests skip without."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def browser() -> str:
    """Return the browser's path, or skip the test."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("Chromium is not installed")
    return found


def dump_dom(page: Path, hash_: str = "") -> str:
    """Return the document after its scripts have run."""
    done = subprocess.run(
        [
            browser(), "--headless", "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader",
            "--enable-unsafe-swiftshader", "--virtual-time-budget=30000", "--dump-dom",
            page.resolve().as_uri() + hash_,
        ],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return done.stdout
