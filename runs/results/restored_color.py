"""What the network after AV1 saves in colour: BD-rate of restored pictures against the same AV1.

Time: about 3 s of one core a picture at libaom's speed 6, 20 s at speed 4; needs ../shared.

    python -m runs.results.restored_color --sets val cid22 [--ways 6:ssim 4:psnr] [--every 1]
        [--weights restore-color] [--codings out/codings] [-o results/restored_color.jsonl]

Every picture is coded at six qualities; what AV1 wrote is kept in the folder of codings. Its
restored curve pays for what a file pays: four bytes of the weights' fingerprint and one of the
strength, or three of strength and gains. PSNR is of RGB after rounding to 8 bits. Rates of "axes"
and "whole" are AV1's and the restored ones' against AV1 as AVIF has it, of the same 10 bits: planes
Y, Cb and Cr, and no CDEF (lines without CDEF, "axes": against the same without). A line holds a
picture; lines that the file has already are not made again. At the end the means of the sets are
printed, also against AV1 of 8 bits where the file has that of the same pictures. Kodak and
`data/test` are for reporting only: nothing is chosen by them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from encodepth import metrics, read
from encodepth.codings import av1_color
from encodepth.codings.av1_groups import COLOR_BITS
from encodepth.files import write_file
from encodepth.learned.restore import strength_of
from encodepth.learned.restore_color import Correction, best_gains, corrected, rmse
from encodepth.learned.weights import find_weights
from encodepth.networks.color_restorer import ColorRestorer
from encodepth.networks.restorer_weights import load_color_restorer

from ..common import DATA, middle, sequences

QUALITIES = (15, 30, 45, 60, 75, 88)
PHOTOS = {"cid22": "cid22/validation_*.webp", "kodak": "kodak/*.webp"}
PAIRS = {"val": 1, "test": 3}  # frames of a sequence, evenly spaced
SIDES = (480, 640)  # the middle of larger frames
BEFORE = "ycbcr"  # planes of lines that do not say
PLANES = "axes, CDEF"
AS_AVIF = {"enable-cdef": "0"}
EIGHT = "c064c334"  # weights whose lines are of AV1 of 8 bits, as version 0.1 wrote it
FIGURES = {1: "psnr", 2: "ms_ssim"}  # where they stand in a point
STRENGTH, GAINS = 5, 2  # bytes, and how many more gains take
Picture = NDArray[np.uint8]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", default=["val", "cid22"])
    parser.add_argument("--ways", nargs="+", default=["6:ssim"], help="libaom's speed:tune")
    parser.add_argument("--weights", default="restore-color")
    parser.add_argument("--codings", type=Path, default=Path("out/codings"))
    parser.add_argument("--every", type=int, default=1, help="take every n-th photograph")
    parser.add_argument("-o", "--output", type=Path, default=Path("results/restored_color.jsonl"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    restorer = load_color_restorer(find_weights(args.weights))
    lines = args.output.read_text().splitlines() if args.output.exists() else []
    records = [json.loads(line) for line in lines]
    keys = ("weights", "set", "picture", "speed", "tune", "planes")
    done = {tuple(r.get(k, BEFORE) for k in keys) for r in records}
    for name in args.sets:
        for label, picture in pictures(name, args.every):
            for way in args.ways:
                speed, tune = way.split(":")
                key = (f"{restorer.fingerprint:08x}", name, label, int(speed), tune, PLANES)
                if key in done:
                    continue
                payloads = coded(picture, int(speed), tune, args.codings)
                plain = coded(picture, int(speed), tune, args.codings, turned=False)
                record = dict(zip(keys, key, strict=True)) | measure(restorer, picture, payloads)
                record["bd_rate"] |= against(record["points"], picture, plain)
                records.append(record)
                with open(args.output, "a", encoding="utf-8") as file:
                    file.write(json.dumps(record) + "\n")
    show(records)


def pictures(name: str, every: int) -> Iterator[tuple[str, Picture]]:
    """Yield (label, colour) of a set, of photographs every so many-th."""
    if name in PHOTOS:
        for path in sorted(DATA.glob(PHOTOS[name]))[::every]:
            color = read(path).color
            assert color is not None
            yield path.stem, color
        return
    for sequence, pairs in sorted(sequences(DATA / name).items()):
        for pair in pairs[:: -(-len(pairs) // PAIRS[name])]:
            color = pair.load().color
            assert color is not None
            yield f"{sequence}/{pair.frame}", middle(color, *SIDES)


def coded(
    picture: Picture, speed: int, tune: str, folder: Path, turned: bool = True
) -> list[bytes]:
    """Return a picture at every quality as AV1 codes it, from the folder where it is there."""
    way, extra = ("axes-cdef", {}) if turned else ("ycbcr", AS_AVIF)
    content, payloads = hashlib.sha256(picture.tobytes()).hexdigest()[:16], []
    for quality in QUALITIES:
        path = folder / f"{content}-{speed}-{tune}-{quality}-{COLOR_BITS}-{way}.av1"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            data = av1_color.encode_color_as(
                picture, quality, speed, tune, threads=1, turned=turned, extra=extra
            )
            write_file(path, data)
        payloads.append(path.read_bytes())
    return payloads


def measure(restorer: ColorRestorer, picture: Picture, payloads: list[bytes]) -> dict[str, Any]:
    """Return a picture's points, AV1's and restored ones, and their BD-rates in percent."""
    points = []
    for quality, data in zip(QUALITIES, payloads, strict=True):
        decoded = av1_color.decode_finely(data, *picture.shape[:2])
        strength = strength_of(rmse(decoded, picture))
        estimate = restorer.estimate(decoded, quality, strength)
        gains = best_gains(decoded, picture, estimate)
        shown = {
            "av1": (np.rint(decoded).astype(np.uint8), 0),
            "strength": (corrected(decoded, estimate, Correction(strength).gains), STRENGTH),
            "restored": (corrected(decoded, estimate, gains), STRENGTH + GAINS),
        }
        points.append({
            name: [len(data) + more, metrics.psnr(out, picture), metrics.ms_ssim_db(out, picture)]
            for name, (out, more) in shown.items()
        } | {"gains": gains})  # fmt: skip
    rates = {}
    for name in ("strength", "restored"):
        for i, figure in FIGURES.items():
            curves = (curve(points, n, i) for n in ("av1", name))
            rates[f"{name}_{figure}"] = round(metrics.bd_rate(*curves), 3)
    return {"bd_rate": rates, "points": points}


def against(
    points: list[dict[str, Any]], picture: Picture, payloads: list[bytes]
) -> dict[str, float]:
    """Return the BD-rates of a picture's points against AV1 of Y, Cb and Cr."""
    shown = [av1_color.decode_color(data, *picture.shape[:2]) for data in payloads]
    rates = {}
    for i, (figure, of) in enumerate((("psnr", metrics.psnr), ("ms_ssim", metrics.ms_ssim_db)), 1):
        plain = [(len(p), of(out, picture)) for p, out in zip(payloads, shown, strict=True)]
        for name, point in (("axes", "av1"), ("whole", "restored")):
            rates[f"{name}_{figure}"] = round(metrics.bd_rate(plain, curve(points, point, i)), 3)
    return rates


def against_eight(records: list[dict[str, Any]], record: dict[str, Any]) -> dict[str, float]:
    """Return a line's BD-rates against AV1 of 8 bits coded so, if the record has that of it."""
    said = ("set", "picture", "speed", "tune")
    for other in records:
        if other["weights"] == EIGHT and all(other[k] == record[k] for k in said):
            plain, points = other["points"], record["points"]
            return {
                f"whole_{figure}_of_8_bits": metrics.bd_rate(
                    curve(plain, "av1", i), curve(points, "restored", i)
                )
                for i, figure in FIGURES.items()
            }
    return {}


def curve(points: list[dict[str, Any]], name: str, figure: int) -> list[tuple[float, float]]:
    """Return (bytes, quality) of one kind of points."""
    return [(p[name][0], p[name][figure]) for p in points]


def show(records: list[dict[str, Any]]) -> None:
    """Print the mean BD-rates of every set and way, for the weights of each."""
    groups = defaultdict(list)
    for r in records:
        planes = r.get("planes", BEFORE)
        rates = r["bd_rate"] | against_eight(records, r)
        groups[r["weights"], r["set"], r["speed"], r["tune"], planes].append(rates)
    for key, of_set in sorted(groups.items()):
        known = set.intersection(*map(set, of_set))
        means = {
            k: round(float(np.mean([r[k] for r in of_set])), 2) for k in of_set[0] if k in known
        }
        print(*key, len(of_set), means)


if __name__ == "__main__":
    main()
