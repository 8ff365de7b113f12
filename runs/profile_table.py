"""Write the table of costs in docs/thesis.md from a record of `encodepth profile --json`.

    python runs/profile_table.py results/profile.json docs/thesis.md

What stands between the page's two marks is replaced; the thesis's own figures stand beside ours.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from page import fill_page

from encodepth.thesis.tables import COSTS

START = "<!-- runs/profile.sh -->"
HEAD = ("model", "parameters", "GMAC", "encode", "decode", "peak memory", "thesis, RTX 4090")


def main() -> int:
    if len(sys.argv) != 3:
        print("usage: python runs/profile_table.py RECORD.json PAGE.md", file=sys.stderr)
        return 2
    record, page = Path(sys.argv[1]), Path(sys.argv[2])
    fill_page(page, START, table(json.loads(record.read_text(encoding="utf-8"))))
    print(page)
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
