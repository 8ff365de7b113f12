"""What the thesis's six models and ours cost at 640x480 (thesis Tables 14, 15).

    python -m runs.machines.profile [--threads N] [--runs N]

Time: about 6 minutes on two idle cores; on a busy machine the times mean nothing. Needs no data.
Writes results/profile.json and the table of docs/thesis.md, beside the thesis's own figures.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch

from encodepth.evaluate.cost import names, profile
from encodepth.evaluate.records import machine_header
from encodepth.files import write_file
from encodepth.thesis.tables import COSTS
from runs.common import RESULTS, ROOT, fill_page, options, progress

MODELS = ("thesis", "rgb-attn-light", "base")
START = "<!-- runs/machines/profile.py -->"
HEAD = ("model", "parameters", "GMAC", "encode", "decode", "peak memory", "thesis, RTX 4090")


def main() -> int:
    parser = options(__doc__, output=RESULTS / "profile.json")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "thesis.md")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    profiles = []
    for name in names(MODELS):
        profiles.append(profile(name, runs=asked.runs).as_dict() | machine_header())
        progress(name)
    write_file(asked.output, (json.dumps(profiles, indent=1) + "\n").encode())
    fill_page(asked.page, START, table(json.loads(asked.output.read_text(encoding="utf-8"))))
    return 0


def table(profiles: list[dict[str, Any]]) -> list[str]:
    """One row a model, and what the figures were measured on."""
    p = profiles[0]
    lines = [f"| {' | '.join(HEAD)} |", "|---|" + "---:|" * (len(HEAD) - 1)]
    lines += [f"| {' | '.join(row(profile))} |" for profile in profiles]
    where = f"{p['width']}x{p['height']}, {p['device']}, {p['threads']} threads, {p['precision']}"
    if p["encode"]:
        where += f", median of {p['encode']['runs']} calls (fastest-slowest)"
    names = ", ".join(f"`{q['model']}`" for q in profiles if q["weights"] == "random")
    note = f"{where}; memory above the loaded model, encode and decode. Random weights: {names}."
    if p.get("load") is not None:
        note += f" Load of the machine before: {p['load']}."
    return [*lines, "", note]


def row(p: dict[str, Any]) -> tuple[str, ...]:
    cost = next((c for c in COSTS if c.model == p["model"]), None)
    memory = [p[f"{way}_memory"] for way in ("encode", "decode")]
    return (
        p["model"],
        f"{p['parameters']:,}",
        f"{p['macs'] / 1e9:.1f}",
        seconds(p["encode"]),
        seconds(p["decode"]),
        ", ".join("-" if m is None else f"{m / 2**20:.0f}" for m in memory) + " MiB",
        f"{cost.encode_ms:.0f}, {cost.decode_ms:.0f} ms" if cost else "",
    )


def seconds(t: dict[str, Any] | None) -> str:
    return "-" if t is None else f"{t['median']:.2f} s ({t['low']:.2f}-{t['high']:.2f})"


if __name__ == "__main__":
    sys.exit(main())
