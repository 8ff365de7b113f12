"""Code real frames with each of the thesis's six models at full width, and check the result.

    python -m runs.gates.check_tcm ../shared/data/test/{kinect,open3d}*

Time: about 5 minutes for a frame on two idle cores. Random but fixed weights, no training needed.
Writes results/check_tcm.json.

The first frame of every sequence named; the exit status is 1 if any check fails.

For every row and size: the bytes decode to what `forward` reconstructs, and their number is within
1 % + 40 bytes of what `forward` estimates. Also at 640x480: as a whole .rgbd file, through `Codec`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import encodepth
from encodepth.codec import Codec
from encodepth.codings.filling import depth_plane, depth_range
from encodepth.frame import RgbdImage
from encodepth.thesis.model import TcmModel
from encodepth.thesis.random import random_tcm
from encodepth.thesis.rows import ROWS
from encodepth.thesis.tcm import TCM
from runs.common import RESULTS, keep, options

SIZES = ((640, 480), (641, 479), (63, 65), (1, 1))  # width, height


def main() -> None:
    parser = options(__doc__, output=RESULTS / "check_tcm.json")
    parser.add_argument("sequences", nargs="+", type=Path, metavar="SEQUENCE")
    parser.add_argument("--rows", nargs="*", default=list(ROWS))
    asked = parser.parse_args()
    frames = {path.name: first_frame(path) for path in asked.sequences}
    records = []
    for name in asked.rows:
        model = random_tcm(ROWS[name]).requires_grad_(False)
        for sequence, image in frames.items():
            for size, result in checks(model, image):
                records.append({"row": name, "sequence": sequence, "size": size, **result})
                print(json.dumps(records[-1]), flush=True)
    keep(asked.output, records)
    sys.exit(0 if all(r["ok"] for r in records) else 1)


def first_frame(sequence: Path) -> RgbdImage:
    color, depth = (min((sequence / kind).iterdir()) for kind in ("color", "depth"))
    return encodepth.read(color, depth)


def checks(model: TCM, image: RgbdImage) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield (what was coded, result): every size, then a whole file."""
    for width, height in SIZES:
        yield f"{width}x{height}", check(model, image, width, height)
    yield "file", check_file(model, image)


def check(model: TCM, image: RgbdImage, width: int, height: int) -> dict[str, object]:
    rgb, plane = tensors(image, width, height)
    config = model.config
    x, guide = (rgb, plane) if config.target == 3 else (plane, rgb)
    guide = guide if config.guide else None
    with torch.no_grad():
        expected = model(x, guide)
    (coded,) = model.compress(x, guide)
    decoded = model.decompress([coded], height, width)
    error = float((decoded - expected.x_hat).abs().max())
    estimate, size = expected.bits.item() / 8, len(coded.payload)
    ok = error < 1e-4 * max(1.0, float(expected.x_hat.abs().max()))
    ok = ok and abs(size - estimate) <= 0.01 * estimate + 40
    return {"bytes": size, "estimate": round(estimate), "error": error, "ok": bool(ok)}


def check_file(model: TCM, image: RgbdImage) -> dict[str, object]:
    """Code and decode an .rgbd file; the learned stream comes back as the model decodes it."""
    at_work = TcmModel(model)
    kind, other = ("color", "depth") if at_work.kind == "color" else ("depth", "color")
    codec = Codec(at_work)
    asked = {"coding": {kind: "learned"}, "lossless": other}
    data = codec.encode(image, **asked)
    back = codec.decode(data)
    exact = np.array_equal(getattr(back, other), getattr(image, other))
    holes = np.array_equal(back.depth == 0, image.depth == 0)
    shape = getattr(back, kind).shape == getattr(image, kind).shape
    again = codec.encode(image, **asked) == data
    return {"bytes": len(data), "ok": bool(exact and holes and shape and again)}


def tensors(image: RgbdImage, width: int, height: int) -> tuple[Tensor, Tensor]:
    """Cut or extend the frame to a size; colour and depth in [0, 1], (1, C, height, width)."""
    rgb = torch.from_numpy(image.color.copy()).permute(2, 0, 1)[None].float() / 255
    plane = torch.from_numpy(depth_plane(image.depth, *depth_range(image.depth)))[None, None]
    right, down = max(0, width - rgb.shape[3]), max(0, height - rgb.shape[2])
    edge = (0, right, 0, down)
    larger = [torch.nn.functional.pad(t, edge, mode="replicate") for t in (rgb, plane)]
    return larger[0][..., :height, :width], larger[1][..., :height, :width]


if __name__ == "__main__":
    main()
