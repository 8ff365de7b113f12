"""The card that goes with weights: what they are, what they were trained on, how well they do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .config import Recipe
from .journal import clock, read_metrics
from .loop import Outcome

CARD = "CARD.md"
_COLUMNS = (
    "color_bpp", "color_psnr", "color_gain", "color_bd_rate",
    "depth_bpp", "depth_psnr", "depth_rmse_mm", "depth_edge_bad",
)  # fmt: skip


def write_card(folder: Path, recipe: Recipe, facts: dict[str, Any], outcome: Outcome) -> None:
    """Write CARD.md beside the weights. Licences are for a person to fill in."""
    model = recipe.model
    what = {
        "base": f"colour of the default family, size {model.size}",
        "restore": "restorer of AV1's depth",
        "restore-color": "restorer of AV1's colour",
        "tcm": f"row `{model.row}`, lambda {', '.join(f'{x:g}' for x in recipe.loss.lambdas)}",
    }[model.family]
    data = [
        f"| {label} | {count} | {source.share:g} | (fill in) |"
        for (label, count), source in zip(
            facts["data"]["pictures"].items(), recipe.data.train, strict=False
        )
    ]
    processes = facts["devices"]["processes"]
    pictures = recipe.optimiser.batch * recipe.optimiser.accumulate * processes
    start = f"`{model.init}`" if model.init else "fresh weights"
    taught = f"\n- Learned what {', '.join(model.teachers)} estimate" if model.teachers else ""
    text = f"""# {recipe.name}

{what[0].upper()}{what[1:]}.

- Trained: {outcome.steps} steps of {pictures} crops of {recipe.data.crop}x{recipe.data.crop}
- Time: {clock(outcome.seconds)} on {processes} x {facts["devices"]["device"]}
- Start: {start}, seed {recipe.seed}{taught}
- Distortion: {recipe.loss.distortion}; depth range: {recipe.data.depth_range}
- Settings, versions, data hash: run.json; every figure: metrics.jsonl
- Licence of the weights: (fill in)

## Data

Hash `{facts["data"]["fingerprint"]}`.

| source | pictures | share | licence |
|---|---|---|---|
{chr(10).join(data)}

## Validation

Rates are the network's own estimate of its bits, without the file's header. Depth is measured on
valid pixels; its PSNR takes a frame's range as peak.

{_table(folder)}"""
    (folder / CARD).write_text(text, encoding="utf-8")


def _table(folder: Path) -> str:
    """Return the validation figures of every source and quality over the steps."""
    records = [r for r in read_metrics(folder) if r["kind"] == "validation"]
    if not records:
        return "None was made.\n"
    names = [n for n in _COLUMNS if any(n in r for r in records)]
    lines = [f"| step | source | quality | {' | '.join(names)} |", "|" + "---|" * (3 + len(names))]
    steps = sorted({r["step"] for r in records})
    shown = {steps[round(i * (len(steps) - 1) / 9)] for i in range(10)}  # ten along the way
    for r in records:
        if r["step"] in shown:
            figures = " | ".join(f"{r[n]:.4g}" if n in r else "" for n in names)
            lines.append(f"| {r['step']} | {r['source']} | {r['quality']} | {figures} |")
    return "\n".join(lines) + "\n"
