"""What the linear start of the thesis's rows is worth, against JPEG and after training.

    python -m runs.results.thesis_start [-o results/thesis/start.jsonl] [--weights FILE... | --auto]

Time: about 6 minutes of one core; needs ../shared.

Makes the start of `rgb-small` and `depth-small` as a recipe with `model.start = "linear"` does,
from crops of data/train and CID22, at two lambdas each, and measures it, or the given weights, as
whole files on data/test, with JPEG (libjpeg-turbo, 4:2:0, optimised tables) on the same colour
frames. Nothing is chosen there; what was chosen was chosen on data/val.
"""

from __future__ import annotations

import argparse
import io
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from encodepth import Codec, RgbdImage
from encodepth.evaluate.fields import color_fields, depth_fields
from encodepth.thesis.model import TcmModel
from encodepth.thesis.task import TcmTask
from encodepth.thesis.weights import load_tcm
from encodepth.train.devices import Devices
from encodepth.train.frames import open_training
from encodepth.train.loop import Loop
from encodepth.train.recipe import load_recipe
from encodepth.train.run import make_task
from runs.common import RESULTS, SHARED, append, progress
from runs.results.thesis_measure import CLEAN, fields_of, file_of, test_frames

QUALITIES = (5, 10, 15, 20, 25, 30, 40, 50)
STARTS = (("rgb", 0.0025), ("rgb", 0.013), ("depth", 0.0001), ("depth", 0.001))
PHOTOS = '{kind="photos",path="cid22/training_*",share=0.5}'


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=RESULTS / "thesis" / "start.jsonl")
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--packs", default="out/packs")
    parser.add_argument("--folder", type=Path, default=Path("out/thesis-start"))
    parser.add_argument("--weights", type=Path, nargs="*", help="measure these, not the starts")
    parser.add_argument("--auto", action="store_true", help="measure what encodepth chooses")
    parser.add_argument("--every", type=int, default=4, help="of the clean living room")
    parser.add_argument("--others", type=int, default=3, help="of the sensor scenes")
    args = parser.parse_args()
    torch.set_num_threads(1)
    scenes = in_scenes(args.shared, args.every, args.others)
    if args.auto:
        auto(args.output, scenes)
        return
    if not args.weights:
        jpeg(args.output, scenes)
    for path, head in (
        [(w, {"weights": w.name}) for w in args.weights] if args.weights else starts(args)
    ):
        model = TcmModel(load_tcm(path))
        for scene in ("livingroom1", "sensors"):
            found = [measure(model, image) for where, image in scenes if where == scene]
            append(args.output, {**head, "scenes": scene, **means(found)})


def starts(args: argparse.Namespace) -> Any:
    """Make every start; yield its weights and what is said of it."""
    for row, lmbda in STARTS:
        began = time.process_time()
        path = args.folder / f"{row}-{lmbda:g}.safetensors"
        task = start(row, lmbda, args)
        task.export(path)
        spent = round(time.process_time() - began)
        yield path, {"row": f"{row}-small", "lambda": lmbda, "steps": 0, "cpu_seconds": spent}


def start(row: str, lmbda: float, args: argparse.Namespace) -> TcmTask:
    """Return a task of a row just started, as a run of the recipe's first step has it."""
    photos = f"{PHOTOS}," if row == "rgb" else ""
    recipe = load_recipe(f"recipes/{row}.toml", [
        f"model.row={row}-small", "model.start=linear", f"loss.lambdas=[{lmbda:g}]",
        f"data.root={str(args.shared / 'data')!r}", f"data.packs={args.packs!r}",
        f'data.train=[{photos}{{kind="pairs",path="train/*",share=0.5}}]', "data.validation=[]",
        "data.crop=256", "data.workers=0", "optimiser.batch=2", "augment.rescale=0.5",
        "schedule.epochs=0", "schedule.milestones=[]", "schedule.steps=1",
        f"output={str(args.folder)!r}",
    ])  # fmt: skip
    args.folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    task = make_task(recipe)
    Loop(task, open_training(recipe, progress), [], args.folder, Devices(cpu=True), quiet=True)
    assert isinstance(task, TcmTask)
    return task


def in_scenes(shared: Path, every: int = 4, others: int = 3) -> list[tuple[str, RgbdImage]]:
    """Return the frames that are measured, each with the scenes it belongs to."""
    pairs = [own for own, _ in test_frames(shared, every, others)]
    return [("livingroom1" if p.sequence == CLEAN else "sensors", p.load()) for p in pairs]


def measure(model: TcmModel, image: RgbdImage) -> dict[str, float]:
    """Return what a whole file of the target weighs and how far it is off; its guide is its own."""
    data = file_of(model, image, None if model.guide is None else image)
    fields = fields_of(model, image, Codec(model).decode(data), data)
    return {k: fields[k] for k in ("bpp", "psnr", "ms_ssim_db", "rmse_mm") if k in fields}


def auto(output: Path, scenes: list[tuple[str, RgbdImage]]) -> None:
    """Measure what encodepth chooses at effort 7, colour and depth alone."""
    codec = Codec()
    for asked in ({"quality": 25}, {"quality": 30}, {"target_rmse": 12.7}, {"target_rmse": 18.6}):
        for scene in ("livingroom1", "sensors"):
            found = []
            for image in (image for where, image in scenes if where == scene):
                if "quality" in asked:
                    data = codec.encode(RgbdImage(color=image.color), **asked)  # type: ignore[arg-type]
                    assert image.color is not None
                    back = codec.decode(data).color
                    assert back is not None
                    fields = color_fields(len(data), back, image.color)
                else:
                    alone = RgbdImage(depth=image.depth, depth_unit=image.depth_unit)
                    data = codec.encode(alone, **asked)  # type: ignore[arg-type]
                    assert image.depth is not None
                    shown = codec.decode(data).depth
                    assert shown is not None
                    fields = depth_fields(len(data), shown, image.depth, image.depth_unit)
                found.append({k: fields[k] for k in ("bpp", "psnr", "rmse_mm") if k in fields})
            append(output, {"codec": "auto 7", **asked, "scenes": scene, **means(found)})


def jpeg(output: Path, scenes: list[tuple[str, RgbdImage]]) -> None:
    """Measure JPEG."""
    for quality in QUALITIES:
        for scene in ("livingroom1", "sensors"):
            found = []
            for color in (image.color for where, image in scenes if where == scene):
                file = io.BytesIO()
                Image.fromarray(color).save(
                    file, "JPEG", quality=quality, subsampling=2, optimize=True
                )
                fields = color_fields(len(file.getvalue()), np.asarray(Image.open(file)), color)
                found.append({k: fields[k] for k in ("bpp", "psnr", "ms_ssim_db")})
            append(output, {"codec": "jpeg", "quality": quality, "scenes": scene, **means(found)})


def means(found: list[dict[str, float]]) -> dict[str, float]:
    """Means over frames."""
    return {"frames": len(found)} | {
        k: round(sum(f[k] for f in found) / len(found), 4) for k in found[0]
    }


if __name__ == "__main__":
    main()
