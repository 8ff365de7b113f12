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


def dump_dom(page: Path, hash_: str = "", *, awaits: str = "") -> str:
    """Return the document after its scripts have run.

    Virtual time may be over before the graphics process of the browser has begun, so a page that
    lacks what is awaited is opened again, twice at most.
    """
    for _ in range(3):
        shown = _dump(page, hash_)
        if awaits in shown:
            break
    return shown


def _dump(page: Path, hash_: str) -> str:
    done = subprocess.run(
        [
            browser(), "--headless", "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader",
            "--enable-unsafe-swiftshader", "--virtual-time-budget=30000", "--dump-dom",
            page.resolve().as_uri() + hash_,
        ],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return done.stdout
