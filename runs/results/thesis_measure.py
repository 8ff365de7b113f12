"""Measure the models of runs/results/thesis.py on data/test as real .rgbd files; every byte counts.

    python -m runs.results.thesis_measure -o OUT [-r results/thesis/records.jsonl] [--smoke]

Time: about 12 minutes of one core.

One record per frame and model, and at the middle lambda a second one with the guide of another
frame (`guide`: "own", "another" or "none"). A file holds the target alone (depth: and its
hole mask): what a decoder needs. Goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from encodepth import Codec, RgbdImage
from encodepth.codings.base import pack_range
from encodepth.codings.filling import depth_plane, depth_range
from encodepth.codings.mask import encode_mask
from encodepth.container.still import COLOR, DEPTH, MASK, Still
from encodepth.container.stream import Stream
from encodepth.evaluate.fields import color_fields, depth_fields
from encodepth.evaluate.records import Record, RecordFile, key, machine_header
from encodepth.info import inspect
from encodepth.io.dataset import open_dataset
from encodepth.io.pair import Pair
from encodepth.learned.symbols import Coded
from encodepth.thesis.model import TcmModel
from encodepth.thesis.weights import load_tcm
from encodepth.train import losses
from encodepth.train.config import Loss
from encodepth.train.run import split, stored_recipe
from runs.common import SHARED
from runs.results.thesis import BUDGET, MIDDLE, SMOKE, Run, plan, weights

CLEAN = "aug_icl_nuim_livingroom1_clean_211"
QUALITY = 50  # the file's quality field; weights of this family have one rate
SET = "data/test"


def test_frames(shared: Path, every: int, others: int) -> list[tuple[Pair, Pair]]:
    """Frames to measure, each with the frame whose other modality is the stranger.

    Every `every`-th of the clean living room (guide: the frame half the sequence away), every
    `others`-th of the sensor scenes (guide: a frame of another scene).
    """
    pairs = list(open_dataset(shared / "data" / "test"))
    clean = [p for p in pairs if p.sequence == CLEAN][::every]
    rest: list[Pair] = []
    for name in sorted({p.sequence for p in pairs} - {CLEAN}):
        rest += [p for p in pairs if p.sequence == name][::others]
    half = [clean[(i + len(clean) // 2) % len(clean)] for i in range(len(clean))]
    far = [clean[i % len(clean)] for i in range(len(rest))]
    return list(zip([*clean, *rest], [*half, *far], strict=True))


LEARNED, CONTEXTS = 0, 2  # codings by number


def file_of(model: TcmModel, image: RgbdImage, guide: RgbdImage | None, peak: int = 0) -> bytes:
    """Return the .rgbd file of the target alone, coded with a look at `guide`'s other modality.

    Args:
        model: codes colour or depth.
        image: the frame.
        guide: the frame that the guide is taken from; None for a model without.
        peak: 0 maps depth by the frame's range; else the steps that become 1 (65535: thesis).
    """
    if model.kind == "color":
        assert image.color is not None
        seen = None if guide is None else plane_of(guide)[0]
        coded = model.encode(image.color, QUALITY, seen)
        height, width = image.color.shape[:2]
        stream = Stream(COLOR, LEARNED, coded.payload, head_of(model, coded))
        return Still((stream,), {COLOR: (width, height)}).serialize()
    assert image.depth is not None
    valid = image.depth > 0
    plane, low, high = plane_of(image, peak)
    coded = model.encode(plane, QUALITY, None if guide is None else guide.color)
    parameters = head_of(model, coded) + pack_range(low, high)
    stream = Stream(DEPTH, LEARNED, coded.payload, parameters)
    streams = (stream,)
    if not valid.all():
        streams = (Stream(MASK, CONTEXTS, encode_mask(valid)), stream)
    height, width = valid.shape
    return Still(streams, {DEPTH: (width, height)}, image.depth_unit).serialize()


def head_of(model: TcmModel, coded: Coded) -> bytes:
    """Return what every learned stream's parameters begin with."""
    weights, check = model.fingerprint.to_bytes(4, "little"), coded.check.to_bytes(2, "little")
    return bytes([QUALITY]) + weights + check


def plane_of(image: RgbdImage, peak: int = 0) -> tuple[NDArray[np.float32], int, int]:
    """Return (depth in 0..1 with holes filled, the step at 0, the step at 1).

    A peak goes with 1, not 0, as the step at 0: in a file 0 is a hole. Of 65535 that is nothing.
    """
    depth = image.depth
    assert depth is not None
    low, high = (1, peak) if peak else depth_range(depth)
    return depth_plane(depth, low, high), low, high


def measure(
    model: TcmModel, image: RgbdImage, guide: RgbdImage | None, loss: Loss, peak: int = 0
) -> Record:
    """Encode, decode, compare.

    `distortion` is that of the recipe's loss and `cost` what training minimises, bits per pixel
    plus lambda * scale * distortion, here of the whole file and the decoded picture.
    """
    data = file_of(model, image, guide, peak)
    decoded = Codec(model).decode(data)
    pictures = [tensors_of(model.kind, i, image, peak) for i in (decoded, image)]
    valid = None if image.depth is None else torch.from_numpy(image.depth > 0)[None, None].float()
    valid = valid if model.kind == "depth" and loss.holes == "ignore" else None
    distortion = float(losses.distortion(*pictures, loss, valid))
    fields = fields_of(model, image, decoded, data)
    cost = fields["bpp"] + loss.lambdas[0] * loss.factor * distortion
    return {**fields, "distortion": distortion, "cost": cost}


def tensors_of(kind: str, image: RgbdImage, original: RgbdImage, peak: int) -> torch.Tensor:
    """The target as training sees it, (1, C, H, W)."""
    if kind == "color":
        return torch.from_numpy(np.array(image.color)).permute(2, 0, 1)[None].float() / 255
    _, low, high = plane_of(original, peak)
    assert image.depth is not None
    steps = torch.from_numpy(image.depth.astype(np.float32))[None, None]
    return ((steps - low) / (high - low)).clamp(0, 1)


def fields_of(model: TcmModel, image: RgbdImage, decoded: RgbdImage, data: bytes) -> Record:
    """The fields that every record of a modality has."""
    if model.kind == "color":
        assert decoded.color is not None
        assert image.color is not None
        return color_fields(len(data), decoded.color, image.color)
    assert decoded.depth is not None
    assert image.depth is not None
    return {
        **depth_fields(len(data), decoded.depth, image.depth, image.depth_unit),
        "mask_bytes": sum(s.bytes for s in inspect(data).streams if s.modality == "mask"),
    }


def guides_of(run: Run, model: TcmModel) -> tuple[str, ...]:
    """Whose guide a model is measured with; the control as it was trained, with strangers'."""
    if model.guide is None:
        return ("none",)
    if run.name.endswith("-another"):
        return ("another",)
    first = run.lmbda == MIDDLE[run.modality] and not run.name.endswith("-again")
    return ("own", "another") if first else ("own",)


def facts(folder: Path, run: Run) -> Record:
    """What names a model in a record: weights, settings, data, how it was trained."""
    path = weights(folder, run.name, run.lmbda)
    about = json.loads(path.with_name("run.json").read_text(encoding="utf-8"))
    return {
        "row": run.row,
        "lambda": run.lmbda,
        "steps": run.steps,
        "trained_with": about["recipe"]["data"]["guide"],
        "weights_file": hashlib.sha256(path.read_bytes()).hexdigest()[:16],
        "training_data": about["data"]["fingerprint"],
    }


def commit() -> str:
    """The commit that the working tree stands on, with a plus sign if tracked files differ."""

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "src", "recipes")
        return git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("out/thesis"))
    parser.add_argument("-r", "--records", type=Path, default=Path("results/thesis/records.jsonl"))
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--every", type=int, default=4, help="of the clean living room")
    parser.add_argument("--others", type=int, default=3, help="of the sensor scenes")
    parser.add_argument("--names", nargs="+", default=[], help="only these runs")
    parser.add_argument("--smoke", action="store_true", help="one frame")
    options = parser.parse_args()
    frames = test_frames(options.shared, options.every, options.others)
    if options.smoke:
        frames = frames[-1:]
    loaded = [(own, own.load(), stranger, stranger.load()) for own, stranger in frames]
    now = commit()
    torch.set_num_threads(1)
    with RecordFile(options.records) as file:
        file.add(machine_header(jobs=1, threads=1))
        for run in plan(SMOKE if options.smoke else BUDGET):
            path = weights(options.output, run.name, run.lmbda)
            if run.name.endswith("-start") or not path.exists():
                continue
            if options.names and run.name not in options.names:
                continue
            measure_run(file, run, path, facts(options.output, run), loaded, now)
    return 0


def measure_run(
    file: RecordFile, run: Run, path: Path, about: Record, loaded: list[Any], now: str
) -> None:
    """Add what is missing of one model's records."""
    model = TcmModel(load_tcm(path))
    peak = 65535 if run.name == "depth-65535" else 0
    loss = split(stored_recipe(path.parent))[0].loss
    for kind in guides_of(run, model):
        name = f"{run.name}-{run.lmbda:g}" + ("+another" if kind == "another" else "")
        for own, image, stranger, other in loaded:
            head: Record = {
                "set": SET, "sequence": own.sequence, "frame": own.frame, "modality": model.kind,
                "codec": name, "setting": run.lmbda,
            }  # fmt: skip
            if key(head) in file.done:
                continue
            guide = {"own": image, "another": other}.get(kind)
            extra = {"stranger": f"{stranger.sequence}/{stranger.frame}"} if guide is other else {}
            file.add({
                **head, **measure(model, image, guide, loss, peak), **about, "guide": kind, **extra,
                "weights": f"{model.fingerprint:08x}", "commit": now,
            })  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
