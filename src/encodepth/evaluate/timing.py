"""Time and memory of calls, on a CPU or a GPU."""

from __future__ import annotations

import ctypes
import resource
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass(frozen=True)
class Times:
    """Seconds of repeated calls, after one to warm up."""

    median: float
    low: float
    high: float
    runs: int

    @classmethod
    def of(cls, seconds: list[float]) -> Times:
        """Sum up what was measured."""
        return cls(statistics.median(seconds), min(seconds), max(seconds), len(seconds))


def seconds(call: Callable[[], object], device: str) -> float:
    """Return the wall-clock time of a call."""
    start = time.perf_counter()
    call()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def peak(call: Callable[[], object], device: str) -> int | None:
    """Bytes that a call needs above what was there before, at its peak."""
    if device == "cuda":
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        call()
        return int(torch.cuda.max_memory_allocated() - before)
    reset = Path("/proc/self/clear_refs")
    if sys.platform != "linux" or not reset.exists():
        return None
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)  # what the C library kept of freed memory is no baseline
    try:
        reset.write_text("5")  # forget the peak so far
    except OSError:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        call()
        risen = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
        return risen or None
    before = _status("VmRSS")
    call()
    return max(0, _status("VmHWM") - before)


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    return 0
