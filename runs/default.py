"""Measure the default model and set it beside the anchors. Called by runs/default_*.sh."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import fmean, median

from encodepth.evaluate.compare import METRICS, Delta, compare, deltas, load_records, scenes, select
from encodepth.evaluate.frames import Frame, find_frames
from encodepth.evaluate.ours import parse
from encodepth.evaluate.records import Record, only, read_records
from encodepth.evaluate.runner import evaluate

JPEG, WEBP, AVIF = "jpeg-turbo-420", "webp-m6", "avif-aom-444-s6"
AVIF12, QUANTISED = "avif-aom-12b-s4-lin", "quant-jxl-e7"
JXL7, JXL9 = "jxl-lossless-e7", "jxl-lossless-e9"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["color", "depth"])
    parser.add_argument("--model", default="base", help="a model's name or a weights file")
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--all", action="store_true", help="frames without anchor records too")
    parser.add_argument("--force", action="store_true", help="begin the record file anew")
    parser.add_argument("-j", "--jobs", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    output = arguments.output or Path(f"results/default_{arguments.what}.jsonl")
    anchors = [arguments.shared / "anchors" / f"{name}.jsonl" for name in ("public", "kodak")]
    if not all(path.is_file() for path in anchors):
        print(f"default: no anchor records in {arguments.shared}; this run needs them and the data")
        return 1
    if arguments.force:
        output.unlink(missing_ok=True)
    published = load_records(anchors)
    run = _color if arguments.what == "color" else _depth
    failed = run(arguments, output, {(r["sequence"], r["frame"]) for r in published})
    report = _color_table if arguments.what == "color" else _depth_table
    own = read_records(output).records
    report(own, published, arguments.model)
    print()
    metric = "psnr" if arguments.what == "color" else "rmse"
    print(compare([output, *anchors], metric).text())
    return 1 if failed else 0


def _color(arguments: argparse.Namespace, output: Path, known: set) -> bool:
    failed = False
    for folder, set_name in (("test", "public"), ("kodak", "kodak")):
        frames = _frames(arguments, folder, known)
        names = [f"{arguments.model}+alone", "jxl-e7@1"]
        failed |= _measure(names, frames, output, set_name, arguments.jobs, ["color"])
    return failed


def _depth(arguments: argparse.Namespace, output: Path, known: set) -> bool:
    frames = _frames(arguments, "test", known)
    model = arguments.model
    failed = _measure([model], frames, output, "public", arguments.jobs, ["color", "depth"])
    ways = ("", "+auto", "+auto+e8", "+avif", "+bound", "+lossless")
    names = [f"{model}{way}+alone" for way in ways] + [JXL7, JXL9]
    return _measure(names, frames, output, "public", arguments.jobs, ["depth"]) or failed


def _frames(arguments: argparse.Namespace, folder: str, known: set) -> list[Frame]:
    frames = find_frames(arguments.shared / "data" / folder)
    return [f for f in frames if arguments.all or (f.sequence, f.frame) in known]


def _measure(
    names: list[str], frames: list[Frame], output: Path, set_name: str, jobs: int, what: list[str]
) -> bool:
    done = evaluate(names, frames, out=output, set_name=set_name, jobs=jobs, modalities=what)
    for codec, reason in done.skipped.items():
        print(f"skipped {codec}: {reason}")
    for failure in done.failures:
        print(f"failed: {failure}")
    return bool(done.skipped or done.failures)


def _color_table(own: list[Record], published: list[Record], model: str) -> None:
    ours = parse(f"{model}+alone").name
    by_psnr = _against(own, published, "psnr", ours)
    by_ssim = _against(own, published, "ms-ssim", ours)
    print(f"{'':52}{'measured':>12}   {'must':>8}   {'goal':>8}")
    _row("data/test against WebP, BD-rate PSNR", _rate(by_psnr(WEBP), "test"), "-10 %", "-55 %")
    _row("data/test against AVIF 4:4:4", _rate(by_psnr(AVIF), "test"), "+40 %", "-35 %")
    _row("Kodak against JPEG", _rate(by_psnr(JPEG), "kodak"), "-35 %", "-65 %")
    _row("MS-SSIM at equal bytes, test, to WebP",
         _quality(by_ssim(WEBP), "test", "dB"), "+0 dB", "")  # fmt: skip
    _row("MS-SSIM at equal bytes, test, to AVIF",
         _quality(by_ssim(AVIF), "test", "dB"), "", "+0 dB")  # fmt: skip
    pairs = _pairs(only(own, codec=ours), only(own, codec="jxl-e7"))
    small = [(a, b) for a, b in pairs if (a["width"], a["height"]) == (640, 480)]
    for way, must, goal in (("encode", "2.5", "1.0"), ("decode", "2.0", "0.7")):
        _row(f"{way}, times JPEG XL e7 encoding it", _time(small, way), must, goal)


def _depth_table(own: list[Record], published: list[Record], model: str) -> None:
    ours, joint = parse(f"{model}+alone").name, parse(model).name
    autos = {7: parse(f"{model}+auto+alone").name, 8: parse(f"{model}+auto+e8+alone").name}
    print(f"{'':52}{'measured':>12}   {'must':>8}   {'goal':>8}")
    learned = _against(own, published, "rmse", ours)(AVIF12)
    for effort, auto in autos.items():
        best = _against(own, published, "rmse", auto)(AVIF12)
        for kind, goal in (("icl", "-40 %"), ("sensor", "-35 %")):
            _row(f"best coder, effort {effort}, against AVIF 12 bit, {kind}",
                 _rate(best, kind), "0 %", goal)  # fmt: skip
    _row("learned against AVIF 12 bit, icl", _rate(learned, "icl"), "+25 %", "-40 %")
    _row("learned against AVIF 12 bit, sensor", _rate(learned, "sensor"), "0 %", "-35 %")
    context = deltas(_payloads(own, (ours, joint)), METRICS["rmse"], ours)
    for kind in ("icl", "sensor"):
        _row(f"payload with colour as context, without, {kind}", _rate(context, kind),
             "-5 %", "-15 %")  # fmt: skip
    exact = only(own, codec=parse(f"{model}+lossless+alone").name)
    bound = only(own, codec=parse(f"{model}+bound+alone").name)
    masks = _pairs(only(own, codec=ours), only(published, codec=AVIF12))
    _row("hole mask against JPEG XL or WebP, sensor",
         _bytes([p for p in masks if scenes(p[0]) == "sensor"], "mask_bytes"),
         "-15 %", "-40 %")  # fmt: skip
    for kind in ("icl", "sensor"):
        for mm in (1, 2, 5, 10):
            pairs = _pairs(only(bound, setting=mm), only(published, codec=QUANTISED, setting=mm))
            _row(f"bounded +-{mm} mm against quantised JPEG XL, {kind}",
                 _bytes([p for p in pairs if scenes(p[0]) == kind]), "-5 %", "-20 %")  # fmt: skip
        pairs = [p for p in _pairs(exact, only(own, codec=JXL9)) if scenes(p[0]) == kind]
        _row(f"lossless against JPEG XL e9, {kind}", _bytes(pairs), "0 %", "-15 %")
    _row("  its time to encode, times JPEG XL e9",
         _time(_pairs(exact, only(own, codec=JXL9)), "encode"), "< 1", "")  # fmt: skip
    flying = _against(own, published, "flying", ours)(AVIF12)
    for kind in ("icl", "sensor"):
        _row(f"flying pixels at equal bytes to AVIF 12 bit, {kind}",
             _quality(flying, kind, "points", sign=-1), "< 0", "")  # fmt: skip
    pairs = _pairs(only(own, codec=ours), only(own, codec=JXL7))
    for way, must, goal in (("encode", "2.0", "1.0"), ("decode", "1.5", "0.5")):
        _row(f"{way}, times JPEG XL e7 encoding it losslessly", _time(pairs, way), must, goal)


def _row(name: str, measured: str, must: str, goal: str) -> None:
    print(f"{name:52}{measured:>12}   {must:>8}   {goal:>8}")


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
    there = {(r["sequence"], r["frame"]): r for r in theirs}
    both = ((r, there.get((r["sequence"], r["frame"]))) for r in ours)
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
