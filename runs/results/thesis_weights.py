"""Make the package of the thesis's six rows from what runs/results/thesis.py trained.

    python -m runs.results.thesis_weights [-o out/thesis] [--package extras/thesis/encodepth_thesis]

Time: about 4 minutes of one core; needs ../shared.

Parameters are rounded to float16. Each row of the middle lambda is measured as it ships, whole
files of the frames that `thesis_measure` takes, and gets its card.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch

from encodepth.evaluate.records import Record
from encodepth.files import write_file
from encodepth.thesis.model import TcmModel
from encodepth.thesis.weights import load_tcm, save_tcm
from runs.common import RESULTS, ROOT, SHARED
from runs.results.thesis import BUDGET, MIDDLE, ROWS, Run, of_rows, weights
from runs.results.thesis_start import in_scenes, means, measure

PACKAGE = ROOT / "extras" / "thesis" / "encodepth_thesis"
SCENES = {"livingroom1": "livingroom1", "sensors": "sensor scenes"}
WHAT = {
    "rgb": "The thesis's baseline for colour",
    "rgb-4c": "The thesis's fusion for colour with depth as a fourth channel",
    "rgb-attn": "The thesis's fusion for colour with attention to depth (gated prompts)",
    "depth": "The thesis's baseline for depth",
    "depth-4c": "The thesis's fusion for depth with colour as further channels",
    "depth-conv": "The thesis's convolutional fusion for depth, round the frozen `depth`",
}
PHOTOS = (
    "CID22 training photographs, in the baseline's first {start} steps", "", "33 %", "CC BY-SA 4.0",
)  # fmt: skip
BOTH = (
    ("data/train, every second pair: TUM, OSD, RealSense", "124 pairs", "50 %",
     "CC BY 4.0; BSD 3-clause; MIT, BSD 2-clause"),
    ("generated rooms, textured with CID22 training photographs", "300 pairs", "50 %",
     "ours; CC BY-SA 4.0"),
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("out/thesis"))
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--package", type=Path, default=PACKAGE)
    args = parser.parse_args()
    torch.set_num_threads(1)
    frames = in_scenes(args.shared)
    for modality in ROWS:
        for run in of_rows(BUDGET, modality, MIDDLE[modality]):
            trained = weights(args.output, run.name, run.lmbda)
            path = args.package / f"{run.row}.safetensors"
            save_tcm(path, load_tcm(trained), half=True)
            model = TcmModel(load_tcm(path))
            found = {}
            for scene in SCENES:
                own = [image for where, image in frames if where == scene]
                found[scene] = means([measure(model, image) for image in own])
            about = json.loads((trained.parent / "run.json").read_text(encoding="utf-8"))
            write_file(path.with_suffix(".md"), card(run, model, found, about).encode())
            print(run.row, found, flush=True)
    return 0


def jpeg_bpp(psnr: float, scene: str) -> float:
    """Return JPEG's rate at a PSNR, between the qualities in results/thesis/start.jsonl."""
    lines = (RESULTS / "thesis" / "start.jsonl").read_text(encoding="utf-8").splitlines()
    curve: list[Record] = [json.loads(line) for line in lines]
    points = [(r["psnr"], r["bpp"]) for r in curve
              if r.get("codec") == "jpeg" and r["scenes"] == scene]  # fmt: skip
    return float(np.exp(np.interp(psnr, *np.array([(p, np.log(b)) for p, b in points]).T)))


def card(run: Run, model: TcmModel, found: dict[str, dict[str, float]], about: Record) -> str:
    """Return what a user reads of a row."""
    which = list(ROWS).index(run.modality)
    start, crops = BUDGET.start[which], ("two crops" if which == 0 else "one crop")
    count = sum(p.numel() for p in model.model.parameters()) / 1e6
    reached = []
    for scene, words in SCENES.items():
        f = found[scene]
        if run.modality == "rgb":
            bpp = jpeg_bpp(f["psnr"], scene)
            reached.append(
                f"- {words}: {f['psnr']:.2f} dB (MS-SSIM {f['ms_ssim_db']:.2f} dB) at "
                f"{f['bpp']:.3f} bpp; JPEG (libjpeg-turbo, 4:2:0, optimised tables) needs "
                f"{bpp:.3f} bpp for that, so this has {100 - 100 * f['bpp'] / bpp:.0f} % fewer bits"
            )
        else:
            reached.append(
                f"- {words}: {f['rmse_mm']:.1f} mm RMSE at {f['bpp']:.3f} bpp, holes counted"
            )
    use = "COLOR DEPTH" if "-" in run.row else "COLOR" if which == 0 else "--depth-only DEPTH"
    distortion = ("MSE", "eq. 24, gamma .1; depth divided by the frame's range")[which]
    base = f"from `{run.modality}`'s weights after {start} steps from the linear start"
    if run.row == "depth-conv":
        base = f"from the finished `{run.modality}`, which stays as it is"
    made_of = about["data"]["fingerprint"]
    photos = (tuple(cell.format(start=start) for cell in PHOTOS),) if which == 0 else ()
    rows = [("source", "pictures", "share", "licence"), ("---",) * 4, *photos, *BOTH]
    data = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"""# {run.row}

{WHAT[run.row]}, at reduced width (N=16, M=96;
{count:.2f} million parameters), lambda {run.lmbda:g}. Fingerprint `{model.fingerprint:08x}`.

- Licence: CC BY-SA 4.0 (LICENSE)
- Trained: {run.steps} steps of {crops} of 256x256 on one core of a CPU, {base};
  SOAP, rates by what a layer does; averaged weights (0.99); parameters rounded to float16.
  `python -m runs.results.thesis` (seed {about["recipe"]["seed"]}, data {made_of})
- Distortion: {distortion}
- Use: `encodepth encode {use} --model {run.row}`

## Whole files of data/test

As these weights are here (`python -m runs.results.thesis_weights`):

{chr(10).join(reached)}

What a row gains beside its baseline, and how sure that is: docs/experiment.md.

## Data

{data}

Never seen: data/val, data/test.
"""


if __name__ == "__main__":
    sys.exit(main())
