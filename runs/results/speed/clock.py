"""Times: the least of several runs, and of processes of their own."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from runs.common import DATA, ROOT

VGA = (480, 640)
BOUND_MM = 5.0
OFFICE = DATA / "sequences" / "val" / "realsense_taeyoung_office"
Row = dict[str, Any]


def least(do: Callable[[], Any], runs: int) -> tuple[Any, float, float]:
    """Return the result, and the least processor time and time by the clock, in ms."""
    cpu, wall, result = [], [], None
    for _ in range(runs):
        a, b = time.process_time(), time.perf_counter()
        result = do()
        cpu.append(1000 * (time.process_time() - a))
        wall.append(1000 * (time.perf_counter() - b))
    return result, round(min(cpu), 2), round(min(wall), 2)


def both(encode: Callable[[], Any], decode: Callable[[Any], Any], runs: int) -> Row:
    """Return bytes and times of encoding and decoding."""
    made, cpu, wall = least(encode, runs)
    _, cpu_back, wall_back = least(lambda: decode(made), runs)
    return {
        "bytes": len(made),
        "encode_cpu": cpu,
        "decode_cpu": cpu_back,
        "encode_wall": wall,
        "decode_wall": wall_back,
    }


def spent(program: str, arguments: list[str], cache: str | None = None) -> Row:
    """Run a program; return its processor time and its time by the clock, in s, and its words."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    out = python(program, arguments, cache).stdout
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_s": round(cpu, 3), "wall_s": round(wall, 3), "out": out}


def python(program: str, arguments: list[str], cache: str | None = None) -> Any:
    place = {} if cache is None else {"NUMBA_CACHE_DIR": cache}
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}  # as users have
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=kept | place,
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
