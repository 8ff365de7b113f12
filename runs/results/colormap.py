"""Depth as a jet, turbo or hue picture against depth as depth (thesis section 5.4, finished).

    python -m runs.results.colormap

Time: about 7 minutes on two idle cores (4 frames of data/test). Needs ../shared, and for our own
codec results/default_depth.jsonl of the same weights; what other weights measured is measured anew.
Writes results/colormap.jsonl and docs/figures/colormap.svg; prints docs/evaluation.md's tables.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import fmean

from encodepth.evaluate.compare import deltas
from encodepth.evaluate.frames import find_frames
from encodepth.evaluate.means import means
from encodepth.evaluate.measures import METRICS, frame_of, scenes, select
from encodepth.evaluate.ours import parse
from encodepth.evaluate.records import Record, only, read_records
from encodepth.files import write_file
from encodepth.report.plot import plot_curves
from encodepth.thesis.colormap import MAPS
from runs.common import ANCHORS, DATA, FIGURES, RESULTS, measure, need, options

FRAMES = {
    ("aug_icl_nuim_livingroom1_clean_211", "000001"),
    ("aug_icl_nuim_livingroom1_clean_211", "000101"),
    ("aug_icl_nuim_livingroom1_clean_211", "000204"),
    ("kinect_other_lab_room_22", "000013"),
}
LOSSY = {  # colour codec with settings, and the codec of the same family that takes depth as depth
    "avif-aom-444-s6@20/35/50/65/80/90/95": "avif-aom-12b-s4-lin",
    "hevc-x265-444-slow": "hevc-x265-12b-lin",
    "jp2k-8b": "jp2k-16b-lin",
    "base": "base+alone",
    "base+av1": "base+av1+alone",
}
SHOWN = {
    "turbo+avif-aom-444-s6", "jet+avif-aom-444-s6", "hue+avif-aom-444-s6", "turbo+base",
    "turbo+hevc-x265-444-slow", "base+alone", "avif-aom-12b-s4-lin", "hevc-x265-12b-lin",
}  # fmt: skip
SOME = {"hevc-x265-444-slow": ("turbo",), "base": ("jet", "turbo"), "base+av1": ("turbo",)}


def main() -> int:
    parser = options(__doc__, output=RESULTS / "colormap.jsonl", jobs=2)
    parser.add_argument("--table", action="store_true", help="only print what is measured")
    parser.add_argument("--direct", type=Path, default=RESULTS / "default_depth.jsonl")
    parser.add_argument("--figure", type=Path, default=FIGURES / "colormap.svg")
    asked = parser.parse_args()
    need(DATA / "test", ANCHORS)
    wrong = [] if asked.table else _measure(asked.output, asked.jobs)
    own = read_records(asked.output).records
    depth = read_records(asked.direct).records if asked.direct.exists() else []
    if other := _other_weights(own, depth):
        print(f"{asked.direct} holds {other}; run python -m runs.results.default depth first")
        return 1
    records = _beside(own, [*read_records(ANCHORS / "public.jsonl").records, *depth])
    _print_tables(records)
    plot_curves(
        [r for r in select(records, METRICS["rmse"]) if r["codec"] in SHOWN],
        METRICS["rmse"], asked.figure, title="Depth through a colour map, and as depth",
    )  # fmt: skip
    return 1 if wrong else 0


def _measure(output: Path, jobs: int) -> list[str]:
    _drop_other_weights(output)
    frames = [f for f in find_frames(DATA / "test") if (f.sequence, f.frame) in FRAMES]
    painted = [f"{name}+{codec}" for codec in LOSSY for name in SOME.get(codec, MAPS)]
    exact = [f"{name}-exact+jxl-lossless-rgb" for name in MAPS]
    return measure(
        [*painted, *exact], frames, output, set_name="public", jobs=jobs, modalities=["depth"]
    )


def _drop_other_weights(path: Path) -> None:
    """Take out what other weights than those installed measured, so that it is measured anew."""
    if not path.exists() or parse("base").missing() is not None:
        return
    now = parse("base").weights()
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if json.loads(line).get("weights", now) == now]
    if len(kept) < len(lines):
        print(f"{len(lines) - len(kept)} records of other weights are measured anew")
        write_file(path, "".join(kept).encode())


def _other_weights(own: list[Record], direct: list[Record]) -> str:
    """Say which weights depth as depth was measured with, if not those of depth as colour."""
    through = {r["weights"] for r in own if r.get("weights")}
    there = {r["weights"] for r in direct if r["codec"] == "base+alone" and r.get("weights")}
    return f"weights {min(there)}, not {min(through)}" if there and there != through else ""


def _beside(own: list[Record], others: list[Record]) -> list[Record]:
    """Add depth as depth on the same frames: from the anchor records, and from our own."""
    direct = {*LOSSY.values(), "jxl-lossless-e7"}
    frames = set(map(frame_of, own))
    there = [r for r in others if r["codec"] in direct and r["modality"] == "depth"]
    return own + [r for r in there if frame_of(r) in frames]


def _print_tables(records: list[Record]) -> None:
    print("| through | as depth | BD-rate RMSE, icl | sensor | max error at its best, mm |")
    print("| --- | --- | --- | --- | --- |")
    for spec, direct in LOSSY.items():
        codec = spec.partition("@")[0]
        for name in SOME.get(codec, MAPS):
            through = f"{name}+{codec}"
            chosen = [r for r in records if r["codec"] in (through, direct)]
            found = {d.scenes: d.bd_rate for d in deltas(chosen, METRICS["rmse"], direct)}
            cells = [_percent(found.get(kind)) for kind in ("icl", "sensor")]
            worst = _worst_at_best(only(records, codec=through))
            print(f"| {through} | {direct} | {cells[0]} | {cells[1]} | {worst:.0f} |")
    print("\n| exact | bpp, icl | sensor | of JPEG XL on depth |")
    print("| --- | --- | --- | --- |")
    plain = _mean_bpp(records, "jxl-lossless-e7")
    for codec in ["jxl-lossless-e7", *(f"{name}-exact+jxl-lossless-rgb" for name in MAPS)]:
        rates = _mean_bpp(records, codec)
        assert all(r["max_mm"] == 0 for r in only(records, codec=codec))
        times = "  ".join(f"x {rates[kind] / plain[kind]:.2f}" for kind in ("icl", "sensor"))
        print(f"| {codec} | {rates['icl']:.3f} | {rates['sensor']:.3f} | {times} |")
    print("\nMeans, bpp:RMSE mm")
    for point in means(select(records, METRICS["rmse"]), METRICS["rmse"]):
        print(f"{point.scenes:8}{point.codec:28}{point.bpp:7.3f}{point.value:9.2f}")


def _percent(value: float | None) -> str:
    return "no common error" if value is None else f"{value:+.0f} %"


def _worst_at_best(records: list[Record]) -> float:
    """Largest error over the frames at the setting with the least mean RMSE."""
    if not records:
        return float("nan")
    by_setting = {r["setting"]: only(records, setting=r["setting"]) for r in records}
    best = min(by_setting.values(), key=lambda rows: fmean(r["rmse_mm"] for r in rows))
    return max(r["max_mm"] for r in best)


def _mean_bpp(records: list[Record], codec: str) -> dict[str, float]:
    rows = only(records, codec=codec)
    return {kind: fmean(r["bpp"] for r in rows if scenes(r) == kind) for kind in ("icl", "sensor")}


if __name__ == "__main__":
    sys.exit(main())
