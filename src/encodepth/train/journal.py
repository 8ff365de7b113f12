"""What a run writes down: settings, versions, metrics as JSON lines, TensorBoard events."""

from __future__ import annotations

import importlib.metadata
import json
import math
import platform
import sys
import time
from pathlib import Path
from typing import Any

from ..files import write_file, write_json

METRICS, RUN = "metrics.jsonl", "run.json"
_PACKAGES = ("encodepth", "torch", "numpy", "pillow", "imagecodecs", "accelerate", "safetensors")
Figures = dict[str, float]


class Journal:
    """The log of one run, in its folder.

    Args:
        folder: exists.
        step: where the run goes on; metrics beyond it are dropped, they will come again.
        tensorboard: write events too, if TensorBoard is installed.
    """

    def __init__(self, folder: Path, step: int = 0, tensorboard: bool = False) -> None:
        self.path = folder / METRICS
        kept = [r for r in read_metrics(folder) if r["step"] <= step] if step else []
        text = "".join(json.dumps(record) + "\n" for record in kept)
        write_file(self.path, text.encode())
        self._events = _events(folder, step) if tensorboard else None

    def write(self, kind: str, step: int, figures: dict[str, Any]) -> None:
        """Append one record: {"kind": "train" | "validation", "step": ..., figures}."""
        record = {"kind": kind, "step": step, **{k: _short(v) for k, v in figures.items()}}
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        if self._events is not None:
            label = "/".join(str(v) for v in figures.values() if isinstance(v, str))
            place = f"/{label}/q{figures['quality']}" if kind == "validation" else ""
            for name, value in figures.items():
                if isinstance(value, float):
                    self._events.add_scalar(f"{kind}{place}/{name}", value, step)

    def close(self) -> None:
        """Finish the event file."""
        if self._events is not None:
            self._events.close()


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Return the records of a run; a last line cut short by a kill is left out."""
    records = []
    try:
        lines = (folder / METRICS).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    for line in lines:
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return records


def write_run(folder: Path, recipe: dict[str, Any], facts: dict[str, Any]) -> None:
    """Write run.json: the resolved recipe, package versions, and facts such as the data's hash."""
    write_json(folder / RUN, {"recipe": recipe, "versions": versions(), **facts})


def versions() -> dict[str, str]:
    """Return what the run ran on, by name."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


class Progress:
    """One line about how training goes, rewritten on a terminal, else printed now and then."""

    def __init__(self, steps: int, quiet: bool = False) -> None:
        self.steps, self.quiet, self.live = steps, quiet, sys.stderr.isatty()

    def show(self, step: int, figures: Figures) -> None:
        """Show the mean figures of the last steps."""
        if self.quiet:
            return
        parts = [f"step {step}/{self.steps}", f"loss {figures['loss']:.4f}"]
        for name, value in figures.items():
            if name.endswith("_bpp"):
                parts.append(f"{name.removesuffix('_bpp')} {value:.4f} bpp")
            elif name.endswith("_distortion"):
                parts.append(f"{-10 * math.log10(max(value, 1e-12)):.2f} dB")
        speed = figures["steps_per_second"]
        parts.append(f"{speed:.2f} steps/s")
        parts.append(f"{clock((self.steps - step) / max(speed, 1e-9))} left")
        line = "  ".join(parts)
        print(f"\r{line}\x1b[K" if self.live else line, file=sys.stderr, flush=True,
              end="" if self.live else "\n")  # fmt: skip

    def say(self, line: str) -> None:
        """Print a line of its own."""
        if not self.quiet:
            start = "\r\x1b[K" if self.live else ""
            print(f"{start}{line}", file=sys.stderr, flush=True)


def clock(seconds: float) -> str:
    """Return a duration as people say it: 45 s, 12 min, 3 h 05 min."""
    minutes = round(seconds / 60)
    if seconds < 99:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def stamp() -> str:
    """Return the time now, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _short(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _events(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder / "events"), purge_step=step or None)
