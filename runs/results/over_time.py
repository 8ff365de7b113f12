"""What time is worth: recordings against stills frame by frame at the same settings. Hours, a core.

    python -m runs.results.over_time [--frames 15] [--only color|depth] [--sequences SEQ ...]
                                     [--efforts 7 1] [--size 640x480] [--with-test]

On consecutive frames of data/sequences, cut to one size around the middle, every way codes the
first frames as one group at three qualities; bytes of each modality, error and CPU time a frame
give a curve, and the curve a BD-rate against stills of the same effort (colour at equal PSNR of
RGB, error pooled over the sequence; depth at equal RMSE of valid pixels). Colour is also set
against SVT-AV1 at preset 12 in 4:2:0. Choices are made on train and val; --with-test adds the test
sequence. CPU times are of the process and as good as the machine is idle. Goes on where it stopped
and writes results/over_time.json.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from encodepth import Codec, Reader, RgbdImage, Writer
from encodepth.container.still import Still
from encodepth.errors import EncodepthError
from encodepth.evaluate.coders import streams
from encodepth.metrics import bd_rate
from encodepth.modalities import modality

ROOT = Path(__file__).parents[2]
SEQUENCES = ROOT / "../shared/data/sequences"
NAMES = {  # folder, metres a step
    "rpy": ("train/tum_fr1_rpy", 0.0002),
    "aims": ("train/realsense_aims_slam", 0.001),
    "office": ("val/realsense_taeyoung_office", 0.001),
    "static": ("val/realsense_articulation_static", 0.001),
    "icl": ("test/aug_icl_nuim_livingroom1_clean", 0.001),
}
TEST = ("icl",)
HOLE = 65535  # as RealSense has it
QUALITIES = {"color": (25, 50, 75), "depth": (30, 55, 80)}
CRF = (48, 38, 28, 18, 8)  # of SVT-AV1
GROUP = 30
EVERY = 3  # pictures, of which one is coded alone, too

Point = dict[str, float]
Way = Callable[[list[RgbdImage], int], Point]


@dataclass(frozen=True)
class Cut:
    """What of a sequence is coded: so many frames, so much of their middle."""

    width: int
    height: int
    frames: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}x{self.frames}"

    def middle(self, array: np.ndarray) -> np.ndarray:
        top, left = (array.shape[0] - self.height) // 2, (array.shape[1] - self.width) // 2
        return np.ascontiguousarray(array[top : top + self.height, left : left + self.width])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=int, default=15)
    parser.add_argument("--only", choices=("color", "depth"))
    parser.add_argument("--sequences", nargs="+", choices=NAMES)
    parser.add_argument("--efforts", nargs="+", type=int, default=[7])
    parser.add_argument("--size", default="640x480")
    parser.add_argument("--with-test", action="store_true")
    parser.add_argument("-o", type=Path, default=ROOT / "results" / "over_time.json")
    args = parser.parse_args()
    names = args.sequences or [n for n in NAMES if args.with_test or n not in TEST]
    width, height = (int(side) for side in args.size.split("x"))
    cut = Cut(width, height, args.frames)
    records = json.loads(args.o.read_text()) if args.o.exists() else {}
    for effort in args.efforts:
        for what in ("depth", "color"):
            if args.only in (None, what):
                measure(records, what, names, effort, cut, args.o)
                show(records, what, names, effort, cut)


def ways(what: str, effort: int) -> dict[str, Way]:
    """Return how pictures are coded, what the others are compared with first."""

    def stills(images: list[RgbdImage], quality: int) -> Point:
        return code_stills(images[::EVERY], quality, effort)

    def recording(images: list[RgbdImage], quality: int) -> Point:
        return code_recording(images, quality, effort)

    found: dict[str, Way] = {f"stills {effort}": stills, f"recording {effort}": recording}
    return found | ({"svt 12": code_svt} if what == "color" else {})


def measure(
    records: dict[str, list[Point]], what: str, names: list[str], effort: int, cut: Cut, to: Path
) -> None:
    for name in names:
        images: list[RgbdImage] = []
        for way, run in ways(what, effort).items():
            key = f"{what} {name} {cut} {way}"
            if key in records:
                continue
            images = images or load(name, what, cut)
            qualities = CRF if way.startswith("svt") else QUALITIES[what]
            records[key] = [run(images, quality) for quality in qualities]
            to.write_text(json.dumps(records, indent=1) + "\n")


def load(name: str, what: str, cut: Cut) -> list[RgbdImage]:
    folder, unit = NAMES[name]
    files = sorted((SEQUENCES / folder / what).iterdir())[: cut.frames]
    if what == "color":
        return [RgbdImage(cut.middle(np.array(Image.open(f).convert("RGB")))) for f in files]
    maps = [cut.middle(np.array(Image.open(f)).astype(np.uint16)) for f in files]
    return [RgbdImage(None, np.where(m == HOLE, np.uint16(0), m), unit) for m in maps]


def code_stills(images: list[RgbdImage], quality: int, effort: int) -> Point:
    codec = Codec()
    start = time.process_time()
    files = [codec.encode(image, quality=quality, effort=effort) for image in images]
    middle = time.process_time()
    decoded = [codec.decode(file) for file in files]
    end = time.process_time()
    sizes: dict[str, float] = {"file": sum(map(len, files))}
    for file in files:
        for stream in Still.parse(file).streams:
            name = modality(stream.modality).name
            sizes[name] = sizes.get(name, 0) + len(stream.payload) + len(stream.parameters)
    return point(images, decoded, quality, sizes, middle - start, end - middle)


def code_recording(images: list[RgbdImage], quality: int, effort: int) -> Point:
    out = io.BytesIO()
    start = time.process_time()
    with Writer(out, rate=30, quality=quality, effort=effort, key_interval=GROUP) as writer:
        for image in images:
            writer.append(image)
    middle = time.process_time()
    reader = Reader(out.getvalue())
    decoded = [frame.image for frame in reader]
    end = time.process_time()
    sizes: dict[str, float] = {"file": len(out.getvalue())}
    codings: dict[str, float] = {}
    for number in range(len(reader.container.chunks)):
        for frame in reader.container.read(number).frames:
            for stream in frame.streams:
                name = modality(stream.modality).name
                sizes[name] = sizes.get(name, 0) + len(stream.payload)
                label = f"{name} by {stream.coding}"
                codings[label] = codings.get(label, 0) + 1
    return point(images, decoded, quality, sizes, middle - start, end - middle) | codings


def code_svt(images: list[RgbdImage], crf: int) -> Point:
    """SVT-AV1 as datasets use it: preset 12, 4:2:0, a key frame every 30."""
    return code_video(images, crf, streams.svt_av1(crf))


def code_video(images: Sequence[RgbdImage], setting: int, stream: streams.Stream) -> Point:
    """Code colour as a stream and back."""
    start = time.process_time()
    coded = streams.encode([image.color for image in images if image.color is not None], stream)
    middle = time.process_time()
    decoded = [RgbdImage(picture) for picture in streams.decode(coded, stream)]
    end = time.process_time()
    size = float(sum(coded.sizes()))
    sizes = {"file": size, "color": size}
    return point(list(images), decoded, setting, sizes, middle - start, end - middle)


def point(
    images: list[RgbdImage],
    decoded: list[RgbdImage],
    quality: int,
    sizes: dict[str, float],
    encoding: float,
    decoding: float,
) -> Point:
    """Return a point of a curve; bytes and ms are of a frame, the error is of all."""
    squares, samples = 0.0, 0
    for image, back in zip(images, decoded, strict=True):
        if image.color is not None:
            assert back.color is not None
            off = back.color.astype(np.float64) - image.color
        else:
            assert image.depth is not None
            assert back.depth is not None
            assert np.array_equal(image.depth > 0, back.depth > 0)
            off = (back.depth.astype(np.float64) - image.depth)[image.depth > 0]
            off *= image.depth_unit * 1000
        squares, samples = squares + float(np.square(off).sum()), samples + off.size
    count = len(images)
    return {
        "quality": quality,
        **{name: round(size / count, 1) for name, size in sizes.items()},
        "rmse": math.sqrt(squares / samples),
        "encode_ms": round(1000 * encoding / count, 1),
        "decode_ms": round(1000 * decoding / count, 1),
    }


def show(
    records: dict[str, list[Point]], what: str, names: list[str], effort: int, cut: Cut
) -> None:
    """Print BD-rates against the first way, of what a stream has, of the file, and of masks."""
    first = f"stills {effort}"
    print(f"{what}, percent of bytes against {first} at equal error; ms a frame")
    print(f"{'':24s} {' '.join(f'{name:>7s}' for name in names)}    mean  encode decode")
    for way in ways(what, effort):
        curves = {n: [records[f"{what} {n} {cut} {w}"] for w in (first, way)] for n in names}
        times = [[[p["encode_ms"], p["decode_ms"]] for p in curves[n][1]] for n in names]
        for part in (what, "file") if way != first else (what,):
            row(f"{way}, {part}", [rate(*curves[n], part) for n in names], times)
        if what == "depth" and way != first:
            row(f"{way}, mask", [masks(*curves[n]) for n in names], times)
    if what == "color":
        svt = "svt 12"
        ours = [
            [records[f"{what} {n} {cut} {w}"] for w in (svt, f"recording {effort}")] for n in names
        ]
        times = [[[p["encode_ms"], p["decode_ms"]] for p in pair[1]] for pair in ours]
        row(f"recording {effort} against svt", [rate(*pair, what) for pair in ours], times)


def row(label: str, cells: list[float], times: list[list[list[float]]]) -> None:
    encode, decode = np.mean(times, axis=(0, 1))
    shown = " ".join(f"{cell:7.1f}" for cell in cells)
    print(f"{label:24s} {shown} {np.nanmean(cells):7.1f} {encode:7.1f} {decode:6.1f}")


def rate(anchor: list[Point], test: list[Point], part: str) -> float:
    curves = [[(p[part], -20 * math.log10(p["rmse"])) for p in c] for c in (anchor, test)]
    try:
        return bd_rate(*curves)
    except EncodepthError:
        return math.nan


def masks(anchor: list[Point], test: list[Point]) -> float:
    """Return the percent of masks' bytes more than stills', where every picture has one.

    At a quality where merged values take a picture's place there is no mask, so the most counts.
    """
    most = [max(p.get("mask", 0.0) for p in curve) for curve in (anchor, test)]
    return 100 * (most[1] / most[0] - 1) if most[0] else math.nan


if __name__ == "__main__":
    main()
