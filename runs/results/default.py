"""Measure the default model on data/test and Kodak and set it beside the published anchors.

    python -m runs.results.default color [--model FILE] [--force] [--sets test kodak]
    python -m runs.results.default depth [--model FILE] [--force]

Time on two cores: colour about 40 minutes (45 frames, 10 qualities), depth about 15 (21 frames).
Needs ../shared. Writes results/default_color.jsonl or results/default_depth.jsonl; --force begins
it anew.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import fmean, median

from encodepth.evaluate.compare import compare, deltas
from encodepth.evaluate.comparison import Delta
from encodepth.evaluate.frames import Frame, find_frames
from encodepth.evaluate.load import load_records
from encodepth.evaluate.measures import METRICS, frame_of, scenes, select
from encodepth.evaluate.ours import parse
from encodepth.evaluate.records import Record, only, read_records
from runs.common import ANCHORS, DATA, RESULTS, measure, need, options

JPEG, WEBP, AVIF = "jpeg-turbo-420", "webp-m6", "avif-aom-444-s6"
TUNED, VVC = "avif-aom-444-s6-tunessim", "vvc-vvenc-420-10b-medium"
COLOR_WAYS = {"effort 7": "e7", "effort 9": "e9", "effort 9, tuned for PSNR": "e9+psnr"}
SETS = {"test": "public", "kodak": "kodak"}  # folders, and what the anchors call them
AVIF12, QUANTISED = "avif-aom-12b-s4-lin", "quant-jxl-e7"
JXL7, JXL9 = "jxl-lossless-e7", "jxl-lossless-e9"
KINDS = ("icl", "sensor")
_ANCHORS = [ANCHORS / f"{name}.jsonl" for name in ("public", "kodak")]


def main() -> int:
    parser = options(__doc__, model=True, jobs=1)
    parser.add_argument("what", choices=["color", "depth"])
    parser.add_argument("--sets", nargs="+", default=[*SETS], choices=SETS, help="of colour")
    parser.add_argument("--all", action="store_true", help="frames without anchor records too")
    parser.add_argument("--force", action="store_true", help="begin the record file anew")
    parser.add_argument("-o", "--output", type=Path)
    asked = parser.parse_args()
    output = asked.output or RESULTS / f"default_{asked.what}.jsonl"
    need(*_ANCHORS, DATA)
    if asked.force:
        output.unlink(missing_ok=True)
    published = load_records(_ANCHORS)
    color = asked.what == "color"
    wrong = (_color if color else _depth)(asked, output, set(map(frame_of, published)))
    own = read_records(output).records
    (_color_table if color else _depth_table)(own, published, asked.model)
    print()
    print(compare([output, *_ANCHORS], "psnr" if color else "rmse").text())
    return 1 if wrong else 0


def _color(asked: argparse.Namespace, output: Path, known: set) -> list[str]:
    wrong = []
    autos = [f"{asked.model}+auto+{way}+alone" for way in COLOR_WAYS.values()]
    by_vvc = set(map(frame_of, only(load_records(_ANCHORS), codec=VVC)))
    for folder in asked.sets:
        set_name = SETS[folder]
        frames = _frames(asked, folder, known)
        names = [f"{asked.model}+alone", "jxl-e7@1"]
        wrong += _measure(names, frames, output, set_name, asked.jobs, ["color"])
        frames = _frames(asked, folder, by_vvc)
        wrong += _measure(autos, frames, output, set_name, asked.jobs, ["color"])
    return wrong


def _depth(asked: argparse.Namespace, output: Path, known: set) -> list[str]:
    frames, model = _frames(asked, "test", known), asked.model
    wrong = _measure([model], frames, output, "public", asked.jobs, ["color", "depth"])
    ways = ("", "+auto", "+auto+e8", "+av1", "+bound", "+lossless")
    names = [f"{model}{way}+alone" for way in ways] + [JXL7, JXL9]
    return wrong + _measure(names, frames, output, "public", asked.jobs, ["depth"])


def _frames(asked: argparse.Namespace, folder: str, known: set) -> list[Frame]:
    frames = find_frames(DATA / folder)
    return [f for f in frames if asked.all or (f.sequence, f.frame) in known]


def _measure(
    names: list[str], frames: list[Frame], output: Path, set_name: str, jobs: int, what: list[str]
) -> list[str]:
    return measure(names, frames, output, set_name=set_name, jobs=jobs, modalities=what)


def _color_table(own: list[Record], published: list[Record], model: str) -> None:
    ours = parse(f"{model}+alone").name
    by_psnr = _against(own, published, "psnr", ours)
    by_ssim = _against(own, published, "ms-ssim", ours)
    _row("data/test against WebP, BD-rate PSNR", _rate(by_psnr(WEBP), "test"))
    _row("data/test against AVIF 4:4:4", _rate(by_psnr(AVIF), "test"))
    _row("Kodak against JPEG", _rate(by_psnr(JPEG), "kodak"))
    for name, codec in (("WebP", WEBP), ("AVIF", AVIF)):
        _row(f"MS-SSIM at equal bytes, test, to {name}", _quality(by_ssim(codec), "test", "dB"))
    for label, way in COLOR_WAYS.items():
        codec_of_way = parse(f"{model}+auto+{way}+alone").name
        for metric in ("psnr", "ms-ssim"):
            auto = _against(own, published, metric, codec_of_way)
            for name, codec in (("AVIF", AVIF), ("AVIF tuned for SSIM", TUNED), ("VVC", VVC)):
                for kind in ("test", "kodak"):
                    said = f"auto, {label}, {metric}, against {name}, {kind}"
                    _row(said, _rate(auto(codec), kind))
    pairs = _pairs(only(own, codec=ours), only(own, codec="jxl-e7"))
    small = [(a, b) for a, b in pairs if (a["width"], a["height"]) == (640, 480)]
    for way in ("encode", "decode"):
        _row(f"{way}, times JPEG XL e7 encoding it", _time(small, way))


def _depth_table(own: list[Record], published: list[Record], model: str) -> None:
    ours, joint = parse(f"{model}+alone").name, parse(model).name
    for effort, way in ((7, "+auto+alone"), (8, "+auto+e8+alone")):
        best = _against(own, published, "rmse", parse(model + way).name)(AVIF12)
        for kind in KINDS:
            _row(f"auto, effort {effort}, against AVIF 12 bit, {kind}", _rate(best, kind))
    learned = _against(own, published, "rmse", ours)(AVIF12)
    context = deltas(_payloads(own, (ours, joint)), METRICS["rmse"], ours)
    for kind in KINDS:
        _row(f"restored against AVIF 12 bit, {kind}", _rate(learned, kind))
        _row(f"payload with colour as context, without, {kind}", _rate(context, kind))
    masks = _pairs(only(own, codec=ours), only(published, codec=AVIF12))
    _row("hole mask against JPEG XL or WebP, sensor", _bytes(_of(masks, "sensor"), "mask_bytes"))
    _exact_rows(own, published, model)
    flying = _against(own, published, "flying", ours)(AVIF12)
    for kind in KINDS:
        _row(f"flying pixels at equal bytes to AVIF 12 bit, {kind}",
             _quality(flying, kind, "points", sign=-1))  # fmt: skip
    pairs = _pairs(only(own, codec=ours), only(own, codec=JXL7))
    for way in ("encode", "decode"):
        _row(f"{way}, times JPEG XL e7 encoding it losslessly", _time(pairs, way))


def _exact_rows(own: list[Record], published: list[Record], model: str) -> None:
    exact = only(own, codec=parse(f"{model}+lossless+alone").name)
    bound = only(own, codec=parse(f"{model}+bound+alone").name)
    lossless = _pairs(exact, only(own, codec=JXL9))
    for kind in KINDS:
        for mm in (1, 2, 5, 10):
            pairs = _pairs(only(bound, setting=mm), only(published, codec=QUANTISED, setting=mm))
            _row(f"bounded +-{mm} mm against quantised JPEG XL, {kind}", _bytes(_of(pairs, kind)))
        _row(f"lossless against JPEG XL e9, {kind}", _bytes(_of(lossless, kind)))
    _row("  its time to encode, times JPEG XL e9", _time(lossless, "encode"))


def _row(name: str, measured: str) -> None:
    print(f"{name:76}{measured:>12}")


def _of(pairs: list[tuple[Record, Record]], kind: str) -> list[tuple[Record, Record]]:
    return [pair for pair in pairs if scenes(pair[0]) == kind]


def _against(
    own: list[Record], published: list[Record], metric: str, codec: str
) -> Callable[[str], list[Delta]]:
    chosen = select([*own, *published], METRICS[metric])
    return lambda anchor: deltas(
        [r for r in chosen if r["codec"] in (codec, anchor)], METRICS[metric], anchor
    )


def _rate(found: Iterable[Delta], kind: str) -> str:
    for delta in found:
        if delta.scenes == kind and delta.bd_rate is not None:
            part = "" if delta.compared == delta.frames else f" ({delta.compared}/{delta.frames})"
            return f"{delta.bd_rate:+.1f} %{part}"
    return "no overlap"


def _quality(found: Iterable[Delta], kind: str, unit: str, sign: int = 1) -> str:
    for delta in found:
        if delta.scenes == kind and delta.bd_quality is not None:
            return f"{sign * delta.bd_quality:+.2f} {unit}"
    return "no overlap"


def _payloads(own: list[Record], codecs: tuple[str, str]) -> list[Record]:
    """Return depth records with the rate of the depth payload alone."""
    return [
        {**r, "bpp": 8 * r["payload_bytes"] / (r["width"] * r["height"])}
        for r in own
        if r["modality"] == "depth" and r["codec"] in codecs
    ]


def _pairs(ours: list[Record], theirs: list[Record]) -> list[tuple[Record, Record]]:
    """Pair each of our records with one of theirs on the same frame."""
    there = {frame_of(r): r for r in theirs}
    both = ((r, there.get(frame_of(r))) for r in ours)
    return [(a, b) for a, b in both if b is not None]


def _bytes(pairs: list[tuple[Record, Record]], field: str = "bytes") -> str:
    """Difference of the mean bytes, in percent."""
    if not pairs:
        return "none"
    ours, theirs = (fmean(p[i][field] for p in pairs) for i in (0, 1))
    return f"{100 * (ours / theirs - 1):+.1f} %"


def _time(pairs: list[tuple[Record, Record]], way: str) -> str:
    """Median over frames and settings of our time by their encode time."""
    ratios = [a[f"{way}_ms"] / b["encode_ms"] for a, b in pairs if a.get(f"{way}_ms")]
    return f"{median(ratios):.2f}" if ratios else "none"


if __name__ == "__main__":
    sys.exit(main())
