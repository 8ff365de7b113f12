"""Measure depth through colour maps against depth as depth. Called by runs/colormap.sh."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import fmean

from encodepth.evaluate.compare import METRICS, deltas, means, scenes, select
from encodepth.evaluate.frames import find_frames
from encodepth.evaluate.plots import plot_curves
from encodepth.evaluate.records import Record, only, read_records
from encodepth.evaluate.runner import evaluate

FRAMES = {
    ("aug_icl_nuim_livingroom1_clean_211", "000001"),
    ("aug_icl_nuim_livingroom1_clean_211", "000101"),
    ("aug_icl_nuim_livingroom1_clean_211", "000204"),
    ("kinect_other_lab_room_22", "000013"),
}
MAPS = ("jet", "turbo", "hue")
SLOW = "hevc-x265-444-slow"  # with turbo only
LOSSY = {  # colour codec with settings, and the codec of the same family that takes depth as depth
    "avif-aom-444-s6@20/35/50/65/80/90/95": "avif-aom-12b-s4-lin",
    "hevc-x265-444-slow": "hevc-x265-12b-lin",
    "jp2k-8b": "jp2k-16b-lin",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", action="store_true", help="only print what is measured")
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--figure", type=Path, default=Path("docs/figures/colormap.png"))
    parser.add_argument("-j", "--jobs", type=int, default=2)
    parser.add_argument("-o", "--output", type=Path, default=Path("results/colormap.jsonl"))
    arguments = parser.parse_args()
    test = arguments.shared / "data" / "test"
    if not test.is_dir():
        print(f"colormap: no frames in {test}; this run needs them")
        return 1
    frames = [f for f in find_frames(test) if (f.sequence, f.frame) in FRAMES]
    painted = [
        f"{name}+{codec}" for codec in LOSSY for name in MAPS if codec != SLOW or name == "turbo"
    ]
    exact = [f"{name}-exact+jxl-lossless-rgb" for name in MAPS]
    failures = []
    if not arguments.table:
        done = evaluate(
            [*painted, *exact], frames,
            out=arguments.output, set_name="public", jobs=arguments.jobs, modalities=["depth"],
        )  # fmt: skip
        failures = done.failures + [f"{c}: {reason}" for c, reason in done.skipped.items()]
    for failure in failures:
        print(f"failed: {failure}")
    records = _with_anchors(
        read_records(arguments.output).records, arguments.shared / "anchors" / "public.jsonl"
    )
    _print_tables(records)
    arguments.figure.parent.mkdir(parents=True, exist_ok=True)
    shown = {"turbo+avif-aom-444-s6", "jet+avif-aom-444-s6", "hue+avif-aom-444-s6",
             f"turbo+{SLOW}", "avif-aom-12b-s4-lin", "hevc-x265-12b-lin"}  # fmt: skip
    plot_curves(
        [r for r in select(records, METRICS["rmse"]) if r["codec"] in shown],
        METRICS["rmse"], arguments.figure, title="Depth through a colour map, and as depth",
    )  # fmt: skip
    return 1 if failures else 0


def _with_anchors(records: list[Record], anchors: Path) -> list[Record]:
    """Add depth as depth on the same frames, from the anchor records (runs/anchors.sh)."""
    direct = {*LOSSY.values(), "jxl-lossless-e7"}
    frames = {(r["sequence"], r["frame"]) for r in records}
    own = [r for r in records if r["codec"] not in direct]
    there = [r for r in read_records(anchors).records if r["codec"] in direct]
    return own + [r for r in there if (r["sequence"], r["frame"]) in frames]


def _print_tables(records: list[Record]) -> None:
    print("| through | as depth | BD-rate RMSE, icl | sensor | max error at its best, mm |")
    print("| --- | --- | --- | --- | --- |")
    for spec, direct in LOSSY.items():
        codec = spec.partition("@")[0]
        for name in ("turbo",) if codec == SLOW else MAPS:
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
    by_setting = {r["setting"]: only(records, setting=r["setting"]) for r in records}
    best = min(by_setting.values(), key=lambda rows: fmean(r["rmse_mm"] for r in rows))
    return max(r["max_mm"] for r in best)


def _mean_bpp(records: list[Record], codec: str) -> dict[str, float]:
    rows = only(records, codec=codec)
    return {kind: fmean(r["bpp"] for r in rows if scenes(r) == kind) for kind in ("icl", "sensor")}


if __name__ == "__main__":
    sys.exit(main())
