"""Builds the package by setuptools, with the machine code that is else compiled on first use.

A wheel brings code for every processor of this machine's kind along (`encodepth.native.store`), so
whoever installs from source waits at installation. Where nothing can be compiled (numba is missing,
the processor is of no known kind) the wheel is pure Python and its users compile. Editable
installations and source distributions hold no machine code.

`--config-settings compile=N` compiles only what effort N needs, `compile=none` nothing.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import (
    build_editable,
    build_sdist,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

_USED = {"click", "constriction", "imagecodecs", "numba", "numpy", "pillow"}  # by `encodepth warm`
_OBJECTS = Path("encodepth", "native", "objects")
_SOURCE, _BUILT = "src" / _OBJECTS, "build" / Path("lib") / _OBJECTS
Settings = dict[str, Any] | None


def get_requires_for_build_wheel(config_settings: Settings = None) -> list[str]:
    """Return what is needed to compile besides what setuptools needs."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    used = [d for d in project["dependencies"] if re.match(r"[\w-]+", d)[0] in _USED]
    return [*build_meta.get_requires_for_build_wheel(config_settings), *used]


def build_wheel(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None
) -> str:
    """Build a wheel for this platform, or for any where nothing could be compiled."""
    settings = dict(config_settings or {})
    wanted = settings.pop("compile", "all")
    _remove()
    try:
        if wanted != "none" and _compile(wanted):
            settings["--build-option"] = [
                *_listed(settings.get("--build-option")),
                f"--plat-name={sysconfig.get_platform()}",
            ]
        return build_meta.build_wheel(wheel_directory, settings, metadata_directory)
    finally:
        _remove()


def _listed(value: Any) -> list[str]:
    return shlex.split(value) if isinstance(value, str) else list(value or ())


def _compile(wanted: str) -> bool:
    """Compile into the sources; return whether that worked, and say where it did not."""
    paths = ["src", *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    command = [sys.executable, "-c", "from encodepth.cli.main import main; main()", "warm"]
    command += ["--package", str(_SOURCE), *([] if wanted == "all" else ["--effort", wanted])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    if subprocess.run(command, env=environment, check=False).returncode == 0:
        return True
    _remove()
    print("encodepth: no machine code in this wheel; it will be compiled on first use")
    return False


def _remove() -> None:
    """Remove what this build or one before it compiled."""
    for folder in (_SOURCE, _BUILT):
        shutil.rmtree(folder, ignore_errors=True)
