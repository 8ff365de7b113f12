"""Bytes and time of exact and bounded depth: quick codings, JPEG XL effort 2, RVL, the slow coding.

    python -m runs.machines.bench_exact ../shared/data out.json [--frames 6] [--slow]

Frames spread evenly over every recording and over the test set; one thread; every output proved.
Times are medians over frames of the least of three runs (effort 7: one), in ms of
this thread's processor (`cpu`) and of the clock (`wall`). A bound is 5 mm.
RVL is Wilson 2017's, of the depth as it is.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from statistics import fmean, median

import numpy as np
from numba import njit
from PIL import Image

from encodepth.codings import exact as lossless
from encodepth.codings import mixed, quick, values
from encodepth.codings.jpegxl import decode_frame, encode_frame

Coder = tuple[Callable[[np.ndarray, int], bytes], Callable[[bytes, int, int], np.ndarray]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--frames", type=int, default=6, help="of each recording")
    parser.add_argument("--slow", action="store_true", help="measure effort 7 too")
    arguments = parser.parse_args()
    coders = CODERS | ({"encodepth effort 7": SLOW} if arguments.slow else {})
    rows = []
    folders = sorted(arguments.data.glob("sequences/*/*")) + sorted(arguments.data.glob("test/*"))
    _warm(coders)
    for folder in folders:
        per_metre = json.loads((folder / "meta.json").read_text())["depth_units_per_meter"]
        for path in _spread(sorted((folder / "depth").iterdir()), arguments.frames):
            depth = np.array(Image.open(path)).astype(np.uint16)
            if isinstance(per_metre, str):  # SUN's: millimetres rotated by three bits
                depth, unit = depth >> 3 | depth << 13, 1000
            else:
                unit = per_metre
            for error in (0, round(0.005 * unit)):
                for name, coder in coders.items():
                    if error and name in EXACT_ONLY:
                        continue
                    rows.append(_measure(name, coder, depth, error))
                    rows[-1] |= {"recording": f"{folder.parent.name}/{folder.name}"}
    record = {"machine": platform.processor() or platform.machine(), "rows": rows}
    arguments.out.write_text(json.dumps(record) + "\n")
    _print(rows, list(coders))


def _warm(coders: dict[str, Coder]) -> None:
    depth = np.arange(1, 4097, dtype=np.uint16).reshape(64, 64)
    for name, coder in coders.items():
        _measure(name, coder, depth, 0)


def _measure(name: str, coder: Coder, depth: np.ndarray, error: int) -> dict:
    encode, decode = coder
    runs = 1 if coder is SLOW else 3
    payload, *encoding = _timed(lambda: encode(depth, error), runs)
    decoded, *decoding = _timed(lambda: decode(payload, *depth.shape), runs)
    values.prove(depth, decoded, error)
    return {
        "coder": name,
        "bounded": error > 0,
        "size": list(depth.shape),
        "bytes": len(payload),
        "encode": encoding,
        "decode": decoding,
    }


def _timed(do: Callable, runs: int) -> tuple:
    """Return the result, the least processor time and the least time by the clock, in ms."""
    cpu, wall = [], []
    for _ in range(runs):
        a, b = time.thread_time(), time.perf_counter()
        result = do()
        cpu.append(1000 * (time.thread_time() - a))
        wall.append(1000 * (time.perf_counter() - b))
    return result, min(cpu), min(wall)


def _print(rows: list[dict], coders: list[str]) -> None:
    recordings = list(dict.fromkeys(row["recording"] for row in rows))
    for bounded in (False, True):
        print("within 5 mm" if bounded else "exact")
        print("| recording | size | coder | bytes | of JPEG XL e2 | encode cpu, wall | decode |")
        print("|---|---|---|---|---|---|---|")
        for recording in recordings:
            ours = [r for r in rows if r["recording"] == recording and r["bounded"] == bounded]
            base = [r["bytes"] for r in rows if r["recording"] == recording
                    and r["coder"] == "JPEG XL e2" and not r["bounded"]]  # fmt: skip
            for name in coders:
                mine = [r for r in ours if r["coder"] == name]
                if not mine:
                    continue
                size = fmean(r["bytes"] for r in mine)
                spent = [
                    f"{median(r[way][0] for r in mine):.1f}, {median(r[way][1] for r in mine):.1f}"
                    for way in ("encode", "decode")
                ]
                print(
                    f"| {recording} | {mine[0]['size'][1]}x{mine[0]['size'][0]} | {name} "
                    f"| {size:.0f} | {size / fmean(base):.3f} | {spent[0]} | {spent[1]} |"
                )


def _spread(paths: list[Path], count: int) -> list[Path]:
    count = min(count, len(paths))
    return [paths[(2 * k + 1) * len(paths) // (2 * count)] for k in range(count)]


@njit(cache=True)
def _rvl_walk(depth: np.ndarray, out: np.ndarray) -> int:
    """Write runs of holes, runs of values and the zigzag differences of values, 3 bits a nibble."""
    at, nibble, before, i = 0, 0, np.int64(0), 0
    while i < depth.size:
        holes = 0
        while i + holes < depth.size and depth[i + holes] == 0:
            holes += 1
        i += holes
        some = 0
        while i + some < depth.size and depth[i + some] != 0:
            some += 1
        for k in range(some + 2):
            if k == 0:
                number = np.int64(holes)
            elif k == 1:
                number = np.int64(some)
            else:
                step = np.int64(depth[i]) - before
                number = step << 1 ^ step >> 63
                before = np.int64(depth[i])
                i += 1
            while True:
                part = number & 7
                number >>= 3
                part |= 8 if number else 0
                if nibble:
                    out[at] |= part
                    at += 1
                else:
                    out[at] = part << 4
                nibble ^= 1
                if number == 0:
                    break
    return at + nibble


@njit(cache=True)
def _rvl_unwalk(data: np.ndarray, depth: np.ndarray) -> None:
    at, nibble, before, i = 0, 0, np.int64(0), 0
    while i < depth.size:
        left, state = np.int64(2), 0
        while left:
            number, shift, part = np.int64(0), 0, np.int64(8)
            while part & 8:
                part = np.int64(data[at]) >> (0 if nibble else 4) & 15
                at += nibble
                nibble ^= 1
                number |= (part & 7) << shift
                shift += 3
            if state == 0:
                for _ in range(number):
                    depth[i] = 0
                    i += 1
                state = 1
            elif state == 1:
                left, state = number + 1, 2
            else:
                before += (number >> 1) ^ -(number & 1)
                depth[i] = before
                i += 1
            left -= 1


def _rvl(depth: np.ndarray, error: int) -> bytes:
    out = np.empty(depth.size * 4 + 64, np.uint8)
    return out[: _rvl_walk(depth.ravel(), out)].tobytes()


def _unrvl(payload: bytes, height: int, width: int) -> np.ndarray:
    depth = np.empty(height * width, np.uint16)
    _rvl_unwalk(np.frombuffer(bytearray(payload), np.uint8), depth)
    return depth.reshape(height, width)


CODERS: dict[str, Coder] = {
    "RVL": (_rvl, _unrvl),
    "JPEG XL e2": (
        lambda depth, error: encode_frame(depth, 2),
        lambda payload, height, width: decode_frame(payload, (height, width), np.uint16),
    ),
    "quick": (
        lambda depth, error: quick.encode_plane(depth, error=error, threads=1),
        lambda payload, height, width: quick.decode_plane(payload, height, width, threads=1),
    ),
    "mixed": (
        lambda depth, error: mixed.encode_plane(depth, error=error, threads=1),
        lambda payload, height, width: mixed.decode_plane(payload, height, width, threads=1),
    ),
}
SLOW: Coder = (lambda depth, error: lossless.encode_depth(depth, error, 7), lossless.decode_depth)
EXACT_ONLY = ("RVL", "JPEG XL e2")

if __name__ == "__main__":
    main()
