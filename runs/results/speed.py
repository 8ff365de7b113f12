"""How quick encodepth is, row by row, beside JPEG XL effort 2 and RVL in the same run.

    python -m runs.results.speed [--parts stills ladder recordings live seek large jobs cold]

Time: about 15 minutes on two idle cores. Needs ../shared.

stills      exact and bounded depth, efforts 1, 5 and 7: frames of every sequence and of `data/test`
ladder      efforts 1..9 of exact, bounded and lossy depth, masks and colour; says where a step is
            larger or quicker than the one before. What is lossy has other errors at other efforts:
            its bytes are those at effort 7's error at quality 50, between three qualities
recordings  colour alone, and pairs with exact depth, at effort 1
live        pairs at effort 1 as a camera delivers them, 30 a second: from `append` to the file
seek        any frame of a group of 30, effort 7, by a reader that is open and has none of it
large       an 8192x8192 depth map, exact, effort 1
jobs        groups of pictures on one core, and on two by one thread and by two
cold        the first encoding of a process with and without compiled code, and `import encodepth`

Times are the least of several runs: `cpu` is processor time of all threads, what one idle core
takes; `wall` is the clock, with as many threads as there are cores. Beside other work the clock
says little, so two cores are also reckoned from processor time. Writes results/speed.json, part by
part, and the table of docs/speed.md.
"""

from __future__ import annotations

import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
from PIL import Image

from encodepth import Codec, Reader, RgbdImage, Writer
from encodepth.codings import find, module
from encodepth.codings.base import Ask
from encodepth.codings.jpegxl import decode_frame, encode_frame
from encodepth.io.pair import Pair
from encodepth.io.ros.rvl import compress, decompress
from encodepth.metrics import psnr
from encodepth.plan import EXACT, plan
from encodepth.references import Seen
from runs.common import DATA, RESULTS, ROOT, fill_page, frames_of, keep, need, options, progress

PAGE, MARK = ROOT / "docs" / "speed.md", "<!-- runs/results/speed.py -->"
VGA = (480, 640)
BOUND_MM = 5.0
OFFICE = DATA / "sequences" / "val" / "realsense_taeyoung_office"
WIDE = DATA / "sequences" / "val" / "realsense_articulation_static"
Row = dict[str, Any]


def main() -> None:
    """Measure the parts that are asked for; keep and print all."""
    parts: dict[str, Callable[[Any], Any]] = {
        "stills": stills,
        "ladder": ladder,
        "recordings": recordings,
        "live": live,
        "seek": seek,
        "large": large,
        "jobs": jobs,
        "cold": cold,
    }
    parser = options(__doc__, output=RESULTS / "speed.json")
    parser.add_argument("--parts", nargs="+", choices=parts, default=list(parts))
    parser.add_argument("--frames", type=int, default=2, help="of each sequence")
    parser.add_argument("--runs", type=int, default=3, help="of which the least counts")
    asked = parser.parse_args()
    need(DATA)
    record: dict[str, Any] = {}
    if asked.output.exists():
        record = json.loads(asked.output.read_text())
    for name in asked.parts:
        load = os.getloadavg()[0]
        record[name] = {"load": round(load, 1), "busy": load > 1, "rows": parts[name](asked)}
        keep(asked.output, record)
        progress(json.dumps(record[name], indent=1))
    if asked.output == RESULTS / "speed.json":
        fill_page(PAGE, MARK, table(record))


def folders() -> list[Path]:
    """Return every sequence, and the scenes of the test set."""
    return sorted(DATA.glob("sequences/*/*")) + sorted(DATA.glob("test/*"))


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


def exact(depth: np.ndarray, effort: int, error: int, runs: int) -> Row:
    """Measure exact depth, or depth within `error` steps, by the coding that `auto` takes."""
    row = find(plan("depth", EXACT, effort).codings[0], "depth")
    coding, seen, ask = module(row), Seen(None), Ask(effort=effort, error=error)
    held: dict[bytes, Any] = {}

    def encode() -> bytes:
        coded = coding.encode("depth", depth, ask, seen)
        held[coded.payload] = coded
        return bytes(coded.payload)

    def decode(payload: bytes) -> Any:
        return coding.decode("depth", held[payload], depth.shape, seen)

    return both(encode, decode, runs)


def stills(asked: Any) -> list[Row]:
    """Measure frames of 640x480 of all folders."""
    rows = []
    for folder in folders():
        for pair in frames_of(folder, count=min(asked.frames, len(frames_of(folder)))):
            image = pair.load()
            depth = image.depth
            assert depth is not None
            if depth.shape != VGA:
                continue
            within = round(BOUND_MM / 1000 / image.depth_unit)
            coders: dict[str, Callable[[], Row]] = {
                "RVL": lambda d=depth: both(
                    lambda: compress(d), lambda b: decompress(b, *VGA), asked.runs
                ),
                "JPEG XL e2": lambda d=depth: both(
                    lambda: encode_frame(d, 2),
                    lambda b: decode_frame(b, VGA, np.uint16),
                    asked.runs,
                ),
            }
            for effort in (1, 5, 7):
                for name, error in (("exact", 0), ("within 5 mm", within)):
                    coders[f"{name}, effort {effort}"] = lambda d=depth, e=effort, off=error: exact(
                        d, e, off, asked.runs if e < 6 else max(1, asked.runs - 1)
                    )
            for name, coder in coders.items():
                if not rows or all(r["coder"] != name for r in rows):
                    coder()  # compiled, or read from the cache
                label = f"{folder.parent.name}/{folder.name}"
                rows.append({"recording": label, "coder": name, **coder()})
    return rows


KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "exact depth": ("depth", {"lossless": "depth"}),
    "depth within 5 mm": ("depth", {"max_depth_error": BOUND_MM}),
    "lossy depth": ("depth", {"quality": 50}),
    "mask": ("mask", {}),
    "colour": ("color", {"quality": 50}),
}
AROUND = (35, 50, 65)  # qualities between which bytes at an error are found
EQUAL = 7  # the effort whose error it is


def ladder(asked: Any) -> list[Row]:
    """Measure all efforts; the mask is the part of lossy depth's file that it takes."""
    rows = []
    pairs = [frames_of(folder)[0] for folder in (OFFICE, DATA / "sequences/train/tum_fr1_rpy")]
    for kind in KINDS:
        steps: dict[int, list[Row]] = {}
        for effort in range(1, 10):
            steps[effort] = [_step(kind, pair, effort, max(1, asked.runs - 1)) for pair in pairs]
            progress(f"{kind}, effort {effort}")
        before: Row = {}
        for effort, found in steps.items():
            row = {"kind": kind, "effort": effort}
            row |= {n: round(fmean(f[n] for f in found), 2) for n in found[0] if n != "points"}
            if "quality" in KINDS[kind][1]:
                row["bytes_at_error"] = round(fmean(map(_at_error, found, steps[EQUAL])))
            if before:
                size = "bytes_at_error" if "bytes_at_error" in row else "bytes"
                row["larger"] = row[size] > 1.001 * before[size]
                row["quicker"] = row["encode_cpu"] < 0.9 * before["encode_cpu"]
            rows.append(row)
            before = row
            progress(row)
    return rows


def _at_error(step: Row, other: Row) -> float:
    """Return a step's bytes at the error that another has, both logarithms on a line."""
    error, size = zip(*sorted((e, b) for b, e in step["points"]), strict=True)
    if not error[0] <= other["error"] <= error[-1]:
        raise ValueError(f"an error of {other['error']:.3g} lies outside {error}")
    return float(np.exp(np.interp(np.log(other["error"]), np.log(error), np.log(size))))


def _step(kind: str, pair: Pair, effort: int, runs: int) -> Row:
    what, settings = KINDS[kind]
    image = pair.load()
    assert image.depth is not None
    if what == "mask":
        row = find(plan("mask", EXACT, effort).codings[0], "mask")
        coding, seen, valid = module(row), Seen(None), image.depth > 0
        code = lambda: coding.encode("mask", valid, Ask(effort=effort), seen)  # noqa: E731
        coded, cpu, wall = least(code, runs + 1)
        return {"bytes": len(coded.payload), "encode_cpu": cpu, "encode_wall": wall, "error": 0.0}
    codec, given = Codec(), RgbdImage(**{what: getattr(image, what)}, depth_unit=image.depth_unit)
    data, cpu, wall = least(lambda: codec.encode(given, effort=effort, **settings), runs + 1)
    made: Row = {"bytes": len(data), "encode_cpu": cpu, "encode_wall": wall, "error": 0.0}
    if "quality" in settings:
        around = [codec.encode(given, effort=effort, quality=quality) for quality in AROUND]
        made["points"] = [(len(d), _error(codec.decode(d), image)) for d in around]
        made["error"] = _error(codec.decode(data), image)
    return made


def _error(back: RgbdImage, image: RgbdImage) -> float:
    """Return the root mean squared error: of depth in mm, or of colour in steps of 8 bits."""
    if back.color is not None:
        assert image.color is not None
        return float(10 ** (-psnr(back.color, image.color) / 20) * 255)
    assert back.depth is not None
    assert image.depth is not None
    off = back.depth.astype(float) - image.depth
    return float(np.sqrt(np.mean(off[image.depth > 0] ** 2)) * image.depth_unit * 1000)


def recordings(asked: Any) -> list[Row]:
    """Measure colour and pairs in recordings of 30 frames at effort 1."""
    rows = []
    for folder in sorted(DATA.glob("sequences/*/*")):
        images = [pair.load() for pair in frames_of(folder)[:30]]
        colours = [RgbdImage(color=image.color) for image in images]
        rows.append({"recording": folder.name, "what": "colour", **_record(colours, {}, asked)})
        rows[-1] |= _against_jpeg(colours, rows[-1])
        for name, settings in (
            ("pair, exact", {"lossless": "depth"}),
            ("pair, 5 mm", {"max_depth_error": BOUND_MM}),
        ):
            row = _record(images, settings, asked)
            rows.append({"recording": folder.name, "what": name, **row})
        progress(rows[-3:])
    return rows


def seek(asked: Any) -> Row:
    """Measure frames of a group of 30 pairs, asked for one by one, each with nothing of it decoded.

    A second group of one frame is read between, so that a reader that keeps one group has to begin
    anew. A frame decodes those of its group before it: so many at most.
    """
    images = [pair.load() for pair in frames_of(DATA / "sequences/train/tum_fr1_rpy")[:31]]
    out = io.BytesIO()
    with Writer(out, rate=30, effort=7, key_interval=30, max_depth_error=BOUND_MM) as writer:
        for image in images:
            writer.append(image)
    rows = []
    with Reader(out.getvalue(), cache=0) as reader:
        reader[29], reader[30]  # warm
        for number in (29, *np.random.default_rng(0).permutation(29)[:9].tolist()):
            spent: list[tuple[float, float]] = []
            for _ in range(asked.runs):
                reader[30]
                _, cpu, wall = least(lambda n=number: reader[n], 1)  # type: ignore[misc]
                spent.append((cpu, wall))
            cpu, wall = (min(times) for times in zip(*spent, strict=True))
            row = {"frame": number, "frames_decoded": number + 1, "cpu": cpu, "wall": wall}
            rows.append(row)
    first = rows[0]
    middle = median(r["cpu"] for r in rows[1:])
    return {
        "rows": rows,
        "worst_cpu": first["cpu"],
        "worst_wall": first["wall"],
        "random_cpu": middle,
    }


def _record(images: list[RgbdImage], settings: dict[str, Any], asked: Any) -> Row:
    """Return times a frame and frames a second of two cores."""

    def write() -> bytes:
        out = io.BytesIO()
        with Writer(out, rate=30, effort=1, key_interval=15, jobs=2, **settings) as writer:
            for image in images:
                writer.append(image)
        return out.getvalue()

    def read(data: bytes) -> list[RgbdImage]:
        with Reader(data, cache=0) as reader:
            return [frame.image for frame in reader]

    row = both(write, read, asked.runs)
    count = len(images)
    assert images[0].color is not None
    height, width, _ = images[0].color.shape
    made: Row = {"size": f"{width}x{height}", "bytes": round(row["bytes"] / count)}
    for way in ("encode", "decode"):
        made[f"{way}_cpu"] = round(row[f"{way}_cpu"] / count, 2)
        made[f"{way}_a_second"] = round(1000 * count / row[f"{way}_wall"], 1)
        made[f"{way}_a_second_idle"] = round(2000 * count / row[f"{way}_cpu"], 1)
    if not settings:  # colour alone
        made["psnr"] = _mean_psnr(read(write()), images)
    return made


def live(asked: Any) -> list[Row]:
    """Measure how long frames take into the file, and the threads' processor time for one.

    The two threads that code a frame are colour's and depth's, so on two idle cores a frame takes
    about the longer one's time.
    """
    rows = []
    for folder in sorted(DATA.glob("sequences/*/*")):
        images = [pair.load() for pair in frames_of(folder)[:60]]
        if images[0].depth is None or images[0].depth.shape != VGA:
            continue
        for name, settings in (
            ("exact", {"lossless": "depth"}),
            ("5 mm", {"max_depth_error": BOUND_MM}),
        ):
            colours = [RgbdImage(color=image.color) for image in images]
            row: Row = {"recording": folder.name, "what": f"pair, {name}"}
            row |= _live(images, settings)
            row["colour_cpu"] = _live(colours, {}, hertz=0)["cpu"]
            rows.append(row)
            progress(row)
    return rows


def _live(images: list[RgbdImage], settings: dict[str, Any], hertz: float = 30) -> Row:
    out, spent = io.BytesIO(), time.process_time()
    kept: dict[str, Any] = {"effort": 1, "live": True, **settings}
    with Writer(out, rate=30, when_full="drop" if hertz else "wait", **kept) as writer:
        start = time.perf_counter()
        for number, image in enumerate(images):
            if hertz:
                time.sleep(max(start + number / hertz - time.perf_counter(), 0))
            writer.append(image)
    spent = time.process_time() - spent
    delays = [1000 * float(np.percentile(writer.delays, part)) for part in (50, 95, 100)]
    return {
        "bytes": round(writer.bytes / writer.frames),
        "cpu": round(1000 * spent / writer.frames, 1),
        "dropped": writer.dropped,
        **dict(zip(("median_ms", "most_ms", "all_ms"), np.round(delays, 1).tolist(), strict=True)),
    }


def _mean_psnr(decoded: list[RgbdImage], images: list[RgbdImage]) -> float:
    found = []
    for back, image in zip(decoded, images, strict=True):
        assert back.color is not None
        assert image.color is not None
        found.append(psnr(back.color, image.color))
    return round(fmean(found), 2)


def _against_jpeg(images: list[RgbdImage], row: Row) -> Row:
    """Return how many bytes a frame JPEG (4:2:0) takes at that PSNR, between two qualities."""
    before: tuple[float, float] | None = None
    for quality in (*range(30, 96, 5), 98):
        sizes, errors = [], []
        for image in images[::3]:
            out = io.BytesIO()
            Image.fromarray(image.color).save(out, "JPEG", quality=quality)
            sizes.append(out.tell())
            assert image.color is not None
            errors.append(psnr(np.asarray(Image.open(out)), image.color))
        size, error = fmean(sizes), fmean(errors)
        if error >= row["psnr"]:
            if before is not None:
                share = (row["psnr"] - before[1]) / (error - before[1])
                size = before[0] + share * (size - before[0])
            break
        before = (size, error)
    return {"jpeg_bytes": round(size), "less_percent": round(100 * (1 - row["bytes"] / size), 1)}


def large(asked: Any) -> Row:
    """Measure 8192x8192 pixels in a process of their own."""
    made = _python(_LARGE, [str(OFFICE)])
    return json.loads(made.stdout)


_LARGE = """
import json, re, sys, time
import numpy as np
from encodepth.codings import quick
from encodepth.codings.base import Ask
from encodepth.codings.values import prove
from runs.common import frames_of
depth = frames_of(__import__('pathlib').Path(sys.argv[1]))[0].load().depth
quick.decode_plane(quick.encode_plane(depth), *depth.shape)  # compiled
big = np.tile(depth, (18, 13))[:8192, :8192]
made = {'pixels': big.size}
for way in ('encode', 'decode'):
    a, b = time.process_time(), time.perf_counter()
    if way == 'encode':
        data = quick.encode('depth', big, Ask(effort=1), None)
    else:
        back = quick.decode('depth', data, big.shape, None)
    made |= {f'{way}_cpu_s': round(time.process_time() - a, 2),
             f'{way}_wall_s': round(time.perf_counter() - b, 2)}
# not ru_maxrss, which begins with what the process that started this one had
peak = int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])
made |= {'bytes': len(data.payload), 'whole': bool(np.array_equal(big, back)),
         'peak_gb': round(peak / 1e6, 2)}
print(json.dumps(made))
"""


def jobs(asked: Any) -> Row:
    """Measure groups of a recording on one core, and on all with one thread and with two.

    One group already uses two cores, for colour beside depth and for proofs: what a second core is
    worth shows against a process that has only one.
    """
    made: Row = {}
    for effort in (1, 5):
        ways = {"one core": (1, 1), "jobs 1": (2, 1), "jobs 2": (2, 2)}
        found = {
            name: json.loads(_python(_GROUPS, [str(OFFICE), str(effort), *map(str, way)]).stdout)
            for name, way in ways.items()
        }
        same = len({row.pop("bytes") for row in found.values()}) == 1
        made |= {f"effort {effort}, {name}": row for name, row in found.items()}
        made[f"effort {effort}, same bytes"] = same
    return made


_GROUPS = """
import hashlib, io, json, os, sys, time
from pathlib import Path
effort, cores, count = map(int, sys.argv[2:])
if hasattr(os, 'sched_setaffinity'):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
from encodepth import Writer
from runs.common import frames_of
from runs.results.speed import least
images = [pair.load() for pair in frames_of(Path(sys.argv[1]))[:32]]
def write():
    out = io.BytesIO()
    settings = {'effort': effort, 'lossless': 'depth', 'jobs': count}
    with Writer(out, rate=30, key_interval=8, **settings) as writer:
        for image in images:
            writer.append(image)
    return out.getvalue()
write()  # compiled
data, cpu, wall = least(write, 3 if effort == 1 else 1)
print(json.dumps({'cpu': cpu, 'wall': wall, 'bytes': hashlib.sha256(data).hexdigest()}))
"""


def cold(asked: Any) -> Row:
    """Measure processes that encode one pair of samples/, without and with compiled code."""
    made: Row = {}
    desk = ROOT / "samples" / "desk"
    with tempfile.TemporaryDirectory() as folder:
        for effort in (1, 5, 7):
            for state in ("cold", "warm"):
                row = _spent(_ONCE, [str(desk), str(effort)], folder)
                made[f"effort {effort}, {state}"] = row
            made[f"effort {effort}, inside"] = json.loads(row.pop("out"))
            made[f"effort {effort}, cold"].pop("out")
    found = [_spent("import encodepth", []) for _ in range(7)]
    bare = [_spent("pass", []) for _ in range(7)]
    for clock in ("cpu_s", "wall_s"):
        own = min(r[clock] for r in found) - min(r[clock] for r in bare)
        made[f"import encodepth, {clock}"] = round(own, 3)
    return made


_ONCE = """
import json, sys, time
from pathlib import Path
import encodepth
a = time.process_time()
folder = Path(sys.argv[1])
image = encodepth.read(folder / 'color.webp', folder / 'depth.png')
codec, effort = encodepth.Codec(), int(sys.argv[2])
spent = []
for _ in range(3):
    a = time.process_time()
    codec.decode(codec.encode(image, effort=effort, lossless='depth'))
    spent.append(round(time.process_time() - a, 2))
print(json.dumps({'first_s': spent[0], 'later_s': min(spent[1:])}))
"""


def _spent(program: str, arguments: list[str], cache: str | None = None) -> Row:
    """Run a program; return its processor time and its time by the clock, in s, and its words."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    out = _python(program, arguments, cache).stdout
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_s": round(cpu, 3), "wall_s": round(wall, 3), "out": out}


def _python(program: str, arguments: list[str], cache: str | None = None) -> Any:
    place = {} if cache is None else {"NUMBA_CACHE_DIR": cache}
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, **place},
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )


def table(record: dict[str, Any]) -> list[str]:
    """Return the lines of the page."""
    lines = [
        "| 640x480 depth | bytes | of JPEG XL e2 | encode ms | decode ms |",
        "|---|---|---|---|---|",
    ]
    rows = record["stills"]["rows"] if "stills" in record else []
    whole = {name: [r for r in rows if r["coder"] == name] for name in {r["coder"] for r in rows}}
    order = list(dict.fromkeys(r["coder"] for r in rows))
    for name in order:
        mine, base = whole[name], whole["JPEG XL e2"]
        size = fmean(r["bytes"] for r in mine)
        cells = [f"{size:.0f}", f"{size / fmean(r['bytes'] for r in base):.3f}"]
        cells += [f"{median(r[f'{way}_cpu'] for r in mine):.1f}" for way in ("encode", "decode")]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", *_of_ladder(record), "", *_of_recordings(record), "", *_of_live(record)]
    return lines


def _of_ladder(record: dict[str, Any]) -> Iterator[str]:
    if "ladder" not in record:
        return
    rows = record["ladder"]["rows"]
    yield "| bytes / encode ms | " + " | ".join(str(e) for e in range(1, 10)) + " |"
    yield "|---" * 10 + "|"
    for kind in KINDS:
        steps = [r for r in rows if r["kind"] == kind]
        sizes = [r.get("bytes_at_error", r["bytes"]) for r in steps]
        cells = [
            f"{size:.0f} / {r['encode_cpu']:.0f}" for size, r in zip(sizes, steps, strict=True)
        ]
        yield f"| {kind} | {' | '.join(cells)} |"


def _of_recordings(record: dict[str, Any]) -> Iterator[str]:
    if "recordings" not in record:
        return
    yield "| recording, effort 1 | size | bytes | encode ms | decode ms | encode, decode a second |"
    yield "|---|---|---|---|---|---|"
    for r in record["recordings"]["rows"]:
        idle = f"{r['encode_a_second_idle']:.0f}, {r['decode_a_second_idle']:.0f}"
        less = f" ({r['less_percent']:.0f} % below JPEG)" if "less_percent" in r else ""
        yield (
            f"| {r['recording']}: {r['what']} | {r['size']} | {r['bytes']}{less} "
            f"| {r['encode_cpu']:.1f} | {r['decode_cpu']:.1f} | {idle} |"
        )


def _of_live(record: dict[str, Any]) -> Iterator[str]:
    if "live" not in record:
        return
    yield (
        "| live, effort 1, 640x480 | bytes | CPU ms, colour's part "
        "| ms into the file: median, 95 %, all | dropped |"
    )
    yield "|---|---|---|---|---|"
    for r in record["live"]["rows"]:
        delays = ", ".join(f"{r[name]:.0f}" for name in ("median_ms", "most_ms", "all_ms"))
        cpu = f"{r['cpu']:.1f}, {r['colour_cpu']:.1f}"
        name = f"{r['recording']}: {r['what']}"
        yield f"| {name} | {r['bytes']} | {cpu} | {delays} | {r['dropped']} |"


if __name__ == "__main__":
    main()
