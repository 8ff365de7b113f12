"""What an encoder gains that searches for the latent, beside one that sees a guide.

    python -m runs.results.thesis_search -o OUT [-r results/thesis/search.jsonl]

Time: about 10 minutes of one core, on weights of runs/results/thesis.py. Needs ../shared.

A guide goes to the encoder alone, so bits and distortion are functions of target and latent: what
a guide gains is a better latent for the same target, which descent along the gradient of the cost
finds without one. Each model of the middle lambda codes the middle 256x256 of frames of data/test
as its encoder says, and the two baselines after the search as well, as whole files. `depth-conv`
has the very decoder of `depth`. The rate of the search was chosen on data/val (--choose).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from encodepth import RgbdImage
from encodepth.evaluate.records import RecordFile, key, machine_header
from encodepth.io.dataset import open_dataset
from encodepth.thesis.model import TcmModel
from encodepth.thesis.tcm import TCM, pad
from encodepth.thesis.weights import load_tcm
from encodepth.train import losses
from encodepth.train.config import Loss
from encodepth.train.run import split, stored_recipe
from runs.common import SHARED, append, middle
from runs.results.thesis import MIDDLE, ROWS, weights
from runs.results.thesis_measure import commit, measure, plane_of, tensors_of, test_frames

SIDE = 256
STEPS, RATE, LOOK = 60, 0.01, 15  # of Adam, in steps of y; the true cost is looked at now and then
RATES = (0.01, 0.03, 0.1)  # to choose from


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("out/thesis"))
    parser.add_argument("-r", "--records", type=Path, default=Path("results/thesis/search.jsonl"))
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--choose", action="store_true", help="try the rates on data/val instead")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.choose:
        choose(args)
        return
    frames = [(pair, central(pair.load())) for pair, _ in test_frames(args.shared, 8, 3)]
    with RecordFile(args.records) as file:
        file.add(machine_header(jobs=1, threads=1))
        for modality, row in ((m, row) for m in ROWS for row in ROWS[m]):
            path = weights(args.output, row, MIDDLE[modality])
            if not path.exists():
                continue
            model, loss = TcmModel(load_tcm(path)), split(stored_recipe(path.parent))[0].loss
            for pair, image in frames:
                for steps in (0, STEPS) if row in ROWS else (0,):
                    head = {
                        "set": "data/test", "sequence": pair.sequence, "frame": pair.frame,
                        "modality": model.kind, "codec": f"{row}-{MIDDLE[modality]:g}",
                        "setting": steps,
                    }  # fmt: skip
                    if key(head) not in file.done:
                        found = searched(model, image, loss, steps, RATE)
                        weigh = {"weights": f"{model.fingerprint:08x}", "commit": commit()}
                        file.add({**head, **found, "crop": SIDE, **weigh})


def choose(args: argparse.Namespace) -> None:
    """Print the cost of two frames of data/val by the rate of the search."""
    pairs = list(open_dataset(args.shared / "data" / "val"))
    some = [central(pair.load()) for pair in pairs[:: len(pairs) // 2][:2]]
    for modality, lmbda in MIDDLE.items():
        path = weights(args.output, modality, lmbda)
        model, loss = TcmModel(load_tcm(path)), split(stored_recipe(path.parent))[0].loss
        for steps, rate in ((0, 0.0), *((STEPS, r) for r in RATES)):
            costs = [searched(model, image, loss, steps, rate)["cost"] for image in some]
            append(
                args.records, {"modality": modality, "rate": rate, "cost": float(np.mean(costs))}
            )


def central(image: RgbdImage) -> RgbdImage:
    """The middle of a frame."""
    assert image.color is not None
    assert image.depth is not None
    color, depth = (middle(p, SIDE, SIDE) for p in (image.color, image.depth))
    return RgbdImage(color=color, depth=depth, depth_unit=image.depth_unit)


def searched(
    model: TcmModel, image: RgbdImage, loss: Loss, steps: int, rate: float
) -> dict[str, object]:
    """Measure a picture's file after that many steps of search."""
    guide = image if model.guide else None
    planes = {
        "color": tensors_of("color", image, image, 0),
        "depth": torch.from_numpy(plane_of(image)[0])[None, None],
    }
    x = planes.pop(model.kind)
    (other,) = planes.values()
    seen = None if guide is None else pad(other)
    assert image.depth is not None
    valid = torch.from_numpy(image.depth > 0)[None, None].float()
    masked = model.kind == "depth" and loss.holes == "ignore"
    y = search(model.model, x, seen, loss, valid if masked else None, steps, rate)
    model.model.use_runtime(lambda net: (lambda *_: y) if net is model.model.g_a else net)
    try:
        return dict(measure(model, image, guide, loss))
    finally:
        model.model.use_runtime(None)


def search(
    model: TCM, x: Tensor, guide: Tensor | None, loss: Loss, valid: Tensor | None, steps: int,
    rate: float,
) -> Tensor:  # fmt: skip
    """Return the cheapest latent that descent from the encoder's own comes by."""
    height, width = x.shape[-2:]
    with torch.no_grad():
        y = model.analyse(pad(x), guide)
    y.requires_grad_()
    adam = torch.optim.Adam([y], rate)

    def cost() -> Tensor:
        out = model.of_latent(y, height, width)
        worth = loss.lambdas[0] * loss.factor * losses.distortion(out.x_hat, x, loss, valid)
        return (out.bits / (height * width) + worth).sum()

    torch.manual_seed(0)
    best, least = y.detach().clone(), float("inf")
    for step in range(steps + 1):
        if step % LOOK == 0:
            model.eval()
            with torch.no_grad():
                now = float(cost())
            if now < least:
                best, least = y.detach().clone(), now
        if step < steps:
            model.train()
            adam.zero_grad()
            cost().backward()
            adam.step()
    model.eval()
    return best


if __name__ == "__main__":
    main()
