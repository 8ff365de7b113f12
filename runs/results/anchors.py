"""Measure the conventional codecs again and set them beside the published anchor records.

    python -m runs.results.anchors [--all]

Time: about 12 minutes on two cores; with --all (every frame and setting) about 1.5 hours. Needs
../shared (data and anchors); writes results/anchors.jsonl and prints a table. What the report
needs on every frame is measured there: JPEG 2000 for colour, which nobody published, and the
comprehensive similarity of AVIF and HEVC for depth, which the published records lack.
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict

from encodepth.evaluate.baselines import conventional
from encodepth.evaluate.frames import find_frames
from encodepth.evaluate.measures import frame_of
from encodepth.evaluate.records import Record, key, read_records
from runs.common import ANCHORS, DATA, RESULTS, measure, need, options

FRAMES = {  # two rendered frames (without and with holes), one of each sensor, two of Kodak
    ("aug_icl_nuim_livingroom1_clean_211", "000062"),
    ("aug_icl_nuim_livingroom1_clean_211", "000164"),
    ("kinect_other_lab_room_22", "000006"),
    ("open3d_samples_sunrgbd_sample_1", "000000"),
    ("kodak", "kodim05"),
    ("kodak", "kodim20"),
}
BESIDE_THE_THESIS = {  # whose published records lack the comprehensive similarity (Figure 27)
    "avif-aom-12b-s4-lin",
    "hevc-x265-12b-lin",
}
BYTES, DECIBELS = 0.01, 0.05  # what counts as reproduced
ERRORS = ("psnr", "ms_ssim_db", "psnr_max", "psnr65535")
REASONS = {
    "hevc-x265-444-slow": "ties in the colour conversion round otherwise",
    "hevc-x265-12b-lin": "holes filled in 64-bit floats here, in 32-bit there",
    "avif-aom-12b-s4-lin": "holes filled in 64-bit floats here, in 32-bit there",
    "jp2k-16b-lin": "holes filled in 64-bit floats here, in 32-bit there",
    "ffv1-gray16": "two bytes more: the length of the codec header",
}


def main() -> int:
    parser = options(__doc__, output=RESULTS / "anchors.jsonl", jobs=os.cpu_count() or 1)
    parser.add_argument("--all", action="store_true", help="every frame and every setting")
    asked = parser.parse_args()
    need(ANCHORS, DATA)
    anchors = {}
    for name in ("public", "kodak"):
        anchors |= {key(r): r for r in read_records(ANCHORS / f"{name}.jsonl").records}
    measured = set(map(frame_of, anchors.values()))
    there = {record["codec"] for record in anchors.values()}
    again = _codecs(there, everything=asked.all)
    for folder, set_name in (("test", "public"), ("kodak", "kodak")):
        every = [f for f in find_frames(DATA / folder) if (f.sequence, f.frame) in measured]
        few = [f for f in every if asked.all or (f.sequence, f.frame) in FRAMES]
        for names, frames in ((again, few), (_everywhere(there), every)):
            measure(names, frames, asked.output, set_name=set_name, jobs=asked.jobs)
    return _report(read_records(asked.output).records, anchors)


def _codecs(published: set[str], *, everything: bool) -> list[str]:
    """Return the codecs that have published records, with the settings to measure again."""
    names = []
    for codec in conventional():
        if codec.name not in published:
            continue
        chosen = codec.settings
        if not everything and len(chosen) > 3:
            chosen = (chosen[0], chosen[len(chosen) // 2], chosen[-1])
        names.append(f"{codec.name}@{'/'.join(f'{s:g}' for s in chosen)}")
    return names


def _everywhere(published: set[str]) -> list[str]:
    """Return the codecs that the report needs on every frame and has no whole records of."""
    return [
        codec.name
        for codec in conventional()
        if codec.name not in published or codec.name in BESIDE_THE_THESIS
    ]


def _report(records: list[Record], anchors: dict) -> int:
    """Print one line per codec and return 1 if a difference is large and unexplained."""
    pairs: dict[str, list[tuple[Record, Record]]] = defaultdict(list)
    for record in records:
        if key(record) in anchors:
            pairs[record["codec"]].append((record, anchors[key(record)]))
    head = ("codec", "records", "same bytes", "max bytes %", "mean bytes %", "max dB", "beyond")
    print("{:26}{:>8}{:>12}{:>13}{:>14}{:>8}{:>8}  why".format(*head))
    unexplained = 0
    for codec, both in pairs.items():
        size = [100 * (ours["bytes"] / theirs["bytes"] - 1) for ours, theirs in both]
        quality = [_decibels(ours, theirs) for ours, theirs in both]
        same = sum(ours["bytes"] == theirs["bytes"] for ours, theirs in both)
        beyond = sum(
            abs(s) > 100 * BYTES or q > DECIBELS for s, q in zip(size, quality, strict=True)
        )
        differs = same < len(both) or max(quality) > DECIBELS
        why = REASONS.get(codec, "unexplained") if differs else ""
        unexplained += why == "unexplained" and beyond > 0
        print(
            f"{codec:26}{len(both):8}{same:12}{max(size, key=abs):13.3f}"
            f"{sum(size) / len(size):14.3f}{max(quality):8.3f}{beyond:8}  {why}"
        )
    return 1 if unexplained or not pairs else 0


def _decibels(ours: Record, theirs: Record) -> float:
    """Largest difference in any quality that both records have."""
    return max(
        (
            abs(ours[name] - theirs[name])
            for name in ERRORS
            if ours.get(name) is not None and theirs.get(name) is not None
        ),
        default=0.0,
    )


if __name__ == "__main__":
    sys.exit(main())
