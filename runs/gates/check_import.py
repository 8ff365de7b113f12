"""Import a file in the layout of the public LIC-TCM weights, and see that it means the same here.

    python -m runs.gates.check_import [--parts PART ...]

Time: about 6 minutes of one idle core. Needs ../shared/reference, whose program makes such a file
with random values and whose page has what the public code computes from it. Writes
results/check_import.json; parts that are not asked for keep what the file has of them.

kernels: the golden numbers, and one fingerprint, under four sets of kernels, a process each.
forms: the same parameters from every form of file. widths: N=96 and 128. grey: the depth model
inside the colour model. starts: where each row starts. commands: encode, info, verify, decode,
profile, models. The exit status is 1 if anything is off.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from encodepth.thesis.importing import import_weights
from encodepth.thesis.public import from_public
from encodepth.thesis.public_file import read_content, state_of
from encodepth.thesis.rows import config_of
from encodepth.thesis.start import public_model, tcm_model
from encodepth.thesis.tcm import TCM
from runs.common import RESULTS, ROOT, SHARED, keep, need, options, progress

MAKER = SHARED / "reference" / "make_public_like_checkpoint.py"
GOLDEN = {  # what the public class computes, and how far ours may be off
    "y rms": (5.775363, 1e-4),
    "y[0,5,9]": (6.03548, 1e-4),
    "y[100,5,9]": (3.77366, 1e-4),
    "y[319,5,9]": (1.25710, 1e-4),
    "z rms": (14.017638, 1e-4),
    "z[0,1,2]": (10.68276, 1e-4),
    "z[191,1,2]": (-1.77427, 1e-4),
    "bits of y": (724_811.0, 3.0),
    "bits of z": (18_504.17, 0.1),
    "picture rms": (2.00333, 5e-4),
    "picture[0,100,37]": (-3.96747, 5e-4),
    "picture[1,100,37]": (-2.50355, 5e-4),
    "picture[2,100,37]": (-0.81785, 5e-4),
}
COUNTS = {64: 45_180_752, 96: 59_133_650, 128: 76_568_148}
SSE = {
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX2 FMA3",
}
AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX",
}
KERNELS = {  # name -> (environment, setup)
    "as they come": ({}, ""),
    "oneDNN off": ({}, "torch.backends.mkldnn.set_flags(False)"),
    "SSE4.1": (SSE, ""),
    "AVX2": (AVX2, ""),
}
TIE = 10.0  # bits of y: one residual that is rounded the other way is worth 4
SETUP = """
import sys, torch
{setup}
from runs.gates.check_import import child
child(sys.argv[1])
"""
STARTS = (  # row, grow; the last two attend to fresh prompts
    ("rgb", False),
    ("rgb-4c", True),
    ("rgb-conv", False),
    ("depth", False),
    ("depth-4c", True),
    ("depth-conv", False),
    ("rgb-attn-gated", True),
    ("rgb-attn", True),
)


def main() -> int:
    parser = options(__doc__, output=RESULTS / "check_import.json")
    parser.add_argument("--parts", nargs="*", default=list(PARTS), choices=list(PARTS))
    asked = parser.parse_args()
    need(MAKER)
    kept = json.loads(asked.output.read_text()) if asked.output.is_file() else {}
    record: dict[str, Any] = {part: kept[part] for part in PARTS if part in kept}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "0.013.pth.tar")
        torch.save(maker_of(MAKER).checkpoint(), path)
        for part in asked.parts:
            progress(part)
            record[part] = PARTS[part](path)
            print(json.dumps({part: record[part]}, indent=1), flush=True)
            keep(asked.output, {"torch": torch.__version__, **record})
    return 0 if all(record[part]["ok"] for part in asked.parts) else 1


def wave(channels: int = 3) -> Tensor:
    """The picture of the golden numbers, (1, channels, 256, 256)."""
    k, i, j = (torch.arange(n, dtype=torch.float64) for n in (channels, 256, 256))
    down = 0.25 * torch.sin((k[:, None, None] + 1) * i[:, None] / 17)
    return (0.5 + down + 0.25 * torch.cos(j / (11 + k[:, None, None])))[None].float()


def kernels(path: Path) -> dict[str, Any]:
    """Compute and import under each set of kernels, in a process of its own."""
    found: dict[str, Any] = {}
    for name, (environment, setup) in KERNELS.items():
        progress(f"  {name}")
        words = [sys.executable, "-c", SETUP.format(setup=setup), str(path)]
        found[name] = json.loads(_said(words, environment))
    marks = [[at[target] for at in found.values()] for target in ("rgb", "depth")]
    numbers = all(at["golden"]["ok"] for at in found.values())
    return {"ok": numbers and all(len(set(m)) == 1 for m in marks), **found}


def child(path: str) -> None:
    """What a process of `kernels` does: print the golden numbers and the fingerprints."""
    model = public_model(state_of(read_content(path), path), path, lmbda=0.013)
    found: dict[str, Any] = {"golden": golden(model)}
    del model
    for target in ("rgb", "depth"):
        output = Path(path).with_name(f"{target}.safetensors")
        found[target] = import_weights(path, output, depth=target == "depth").weights
    print(json.dumps(found))


@torch.no_grad()
def golden(model: TCM) -> dict[str, Any]:
    """Compare with what the public class computes from the same file."""
    x = wave()
    y = model.analyse(x)
    z, out = model.h_a(y)[0], model(x)
    y, picture = y[0], out.x_hat[0]
    found = {
        "y rms": _rms(y),
        "z rms": _rms(z),
        "bits of y": float(out.y_bits),
        "bits of z": float(out.z_bits),
        "picture rms": _rms(picture),
    }
    for name, tensor in (("y", y), ("z", z), ("picture", picture)):
        places = [key for key in GOLDEN if key.startswith(f"{name}[")]
        for key in places:
            c, i, j = map(int, key.removeprefix(f"{name}[").rstrip("]").split(","))
            found[key] = float(tensor[c, i, j])
    off = {key: abs(found[key] - value) for key, (value, _) in GOLDEN.items()}
    within = {key: off[key] <= bound for key, (_, bound) in GOLDEN.items()}
    ties = [key for key in within if not within[key]]
    ok = not ties or (ties == ["bits of y"] and off["bits of y"] <= TIE)
    return {"ok": ok, "ties": ties, "found": found, "off": off}


def forms(path: Path) -> dict[str, Any]:
    """Read the same weights from every form of file; parameters have to be the same bits."""
    maker = maker_of(MAKER)
    _, plain = from_public(state_of(read_content(path), str(path)))
    same = {}
    for name, how in (
        ("several GPUs", {"parallel": True}),
        ("CompressAI 1.2.7", {"new_names": True}),
        ("tables made", {"tables": True}),
        ("state_dict alone", {"bare": True}),
    ):
        _, other = from_public(state_of(maker.checkpoint(**how), name))
        same[name] = all(torch.equal(plain[k], other[k]) for k in plain) and len(other)
    return {"ok": all(n == len(plain) for n in same.values()), "parameters": len(plain), **same}


def widths(path: Path) -> dict[str, Any]:
    """Import N=96 and 128, and code a picture with each."""
    found: dict[str, Any] = {"ok": True}
    for half in (96, 128):
        progress(f"  N={half}")
        state = maker_of(MAKER).checkpoint(n=half)["state_dict"]
        model = public_model(state, "made", lmbda=0.013)
        x = wave()[..., :128, :128]
        with torch.no_grad():
            expected = model(x)
        (coded,) = model.compress(x)
        error = float((model.decompress([coded], 128, 128) - expected.x_hat).abs().max())
        count = sum(p.numel() for p in model.parameters())
        found["ok"] &= count == COUNTS[half] and error < 1e-3
        found["ok"] &= model.config == config_of(f"rgb-{half}")
        found[model.config.name] = {
            "parameters": count,
            "error": error,
            "bytes": len(coded.payload),
            "estimate": round(float(expected.bits) / 8),
        }
    return found


@torch.no_grad()
def grey(path: Path) -> dict[str, Any]:
    """Compare the depth model with the colour model on the grey picture of the same plane."""
    state = state_of(read_content(path), str(path))
    color, depth = (public_model(state, "made", lmbda=0.013, depth=d) for d in (False, True))
    plane = wave(1)
    three = plane.expand(-1, 3, -1, -1)
    one, out = depth(plane), color(three)
    error = float((one.x_hat - out.x_hat.mean(1, keepdim=True)).abs().max())
    off = float((depth.analyse(plane) - color.analyse(three)).abs().max())
    bits = [float(one.bits), float(out.bits)]
    same = depth.compress(plane)[0].payload == color.compress(three)[0].payload
    ok = off < 1e-3 and abs(bits[0] / bits[1] - 1) < 1e-5
    return {"ok": ok, "y off": off, "bits": bits, "picture off": error, "same bytes": same}


@torch.no_grad()
def starts(path: Path) -> dict[str, Any]:
    """Start every row from the checkpoint itself, and compare with the model it came from."""
    color = public_model(state_of(read_content(path), str(path)), str(path), lmbda=0.013)
    found: dict[str, Any] = {}
    picture, plane = wave()[..., :128, :128], wave(1)[..., :128, :128]
    for row, grow in STARTS:
        progress(f"  {row}")
        model = tcm_model(config_of(row), str(path), grow=grow).eval()
        of_color, guided = model.config.target == 3, model.config.guide > 0
        x, guide = (picture, plane) if of_color else (plane, picture)
        out, base = model(x, guide if guided else None), color(x.expand(-1, 3, -1, -1))
        expected = base.x_hat if of_color else base.x_hat.mean(1, keepdim=True)
        found[row] = {
            "parameters": sum(p.numel() for p in model.parameters()),
            "trained": sum(p.numel() for p in model.parameters() if p.requires_grad),
            "bits": float(out.bits),
            "baseline": float(base.bits),
            "picture off": float((out.x_hat - expected).abs().max()),
        }
        exact = row != "rgb-attn"
        same = abs(found[row]["bits"] / found[row]["baseline"] - 1) < 1e-4
        found[row]["ok"] = same == exact
    return {"ok": all(at["ok"] for at in found.values()), **found}


def commands(path: Path) -> dict[str, Any]:
    """Code a sample pair with imported weights by the command, and look at what it made."""
    folder, sample = path.parent, ROOT / "samples" / "livingroom"
    found: dict[str, Any] = {"ok": True}
    for target, words in (
        ("rgb", [sample / "color.jpg", "--coding", "color=learned"]),
        ("depth", ["--depth-only", sample / "depth.png", "--coding", "depth=learned"]),
    ):
        weights, file = folder / f"{target}.safetensors", folder / f"{target}.rgbd"
        model = ("--model", weights)
        made = json.loads(
            _command("models", "import", path, "-o", weights, "--as", target, "-f", "--json")
        )
        _command("encode", *words, "-o", file, *model)
        streams = json.loads(_command("info", file, "--json"))["streams"]
        verified = _command("verify", "--decode", file, *model)
        checked = _command("models", "--check", weights)
        named = {k: Path(v).name if k in ("file", "card") else v for k, v in made.items()}
        found[target] = {"made": named, "bytes": file.stat().st_size}
        learned = next(s for s in streams if s["coding"] == "learned")
        found["ok"] &= learned["weights"] == made["weights"]
        found["ok"] &= "decodes here" in verified and made["weights"] in checked
    _command("decode", folder / "rgb.rgbd", "--model", folder / "rgb.safetensors")
    weights = folder / "rgb.safetensors"
    costs = json.loads(_command("profile", weights, "--runs", "0", "--json"))
    found["profile"] = {k: v for k, v in costs.items() if k in ("model", "parameters", "macs")}
    return found


PARTS = {
    "kernels": kernels,
    "forms": forms,
    "widths": widths,
    "grey": grey,
    "starts": starts,
    "commands": commands,
}


def _command(*words: object) -> str:
    return _said([sys.executable, "-m", "encodepth.cli.main", *map(str, words)], {})


def _said(words: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(words, env=os.environ | environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{words[1:]}: {done.stderr.strip()}")
    return done.stdout


def maker_of(path: Path) -> ModuleType:
    """Return the program that makes files in the public layout, as a module."""
    spec = importlib.util.spec_from_file_location("maker", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["maker"] = module
    spec.loader.exec_module(module)
    return module


def _rms(x: Tensor) -> float:
    return math.sqrt(float(x.double().square().mean()))


if __name__ == "__main__":
    sys.exit(main())
