"""The tables of docs/speed.md."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean, median
from typing import Any

from .ladder import KINDS


def table(record: dict[str, Any]) -> list[str]:
    """Return the lines of the page."""
    lines = [
        "| 640x480 depth | bytes | of JPEG XL e2 | encode ms | decode ms |",
        "|---|---|---|---|---|",
    ]
    rows = record["stills"]["rows"] if "stills" in record else []
    whole = {name: [r for r in rows if r["coder"] == name] for name in {r["coder"] for r in rows}}
    order = list(dict.fromkeys(r["coder"] for r in rows))
    for name in order:
        mine, base = whole[name], whole["JPEG XL e2"]
        size = fmean(r["bytes"] for r in mine)
        cells = [f"{size:.0f}", f"{size / fmean(r['bytes'] for r in base):.3f}"]
        cells += [f"{median(r[f'{way}_cpu'] for r in mine):.1f}" for way in ("encode", "decode")]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    for part in (_of_restored, _of_ladder, _of_recordings, _of_live):
        lines += ["", *part(record)]
    return lines


def _of_restored(record: dict[str, Any]) -> Iterator[str]:
    rows = record["restored"]["rows"] if "restored" in record else []
    if not rows:
        return
    yield "| a lossy pair, 640x480, ms by the clock | decoded as AV1 left it | restored | more |"
    yield "|---|---|---|---|"
    for effort in sorted({r["effort"] for r in rows}):
        mine = [r for r in rows if r["effort"] == effort]
        plain, whole = (median(r[f"{n}_wall"] for r in mine) for n in ("plain", "restored"))
        more = [r["restored_wall"] - r["plain_wall"] for r in mine]
        span = f"{median(more):.0f} ({min(more):.0f} to {max(more):.0f})"
        yield f"| effort {effort} | {plain:.0f} | {whole:.0f} | {span} |"


def _of_ladder(record: dict[str, Any]) -> Iterator[str]:
    if "ladder" not in record:
        return
    rows = record["ladder"]["rows"]
    yield "| bytes / encode ms | " + " | ".join(str(e) for e in range(1, 10)) + " |"
    yield "|---" * 10 + "|"
    for kind in KINDS:
        steps = [r for r in rows if r["kind"] == kind]
        sizes = [r.get("bytes_at_error", r["bytes"]) for r in steps]
        cells = [
            f"{size:.0f} / {r['encode_cpu']:.0f}" for size, r in zip(sizes, steps, strict=True)
        ]
        yield f"| {kind} | {' | '.join(cells)} |"


def _of_recordings(record: dict[str, Any]) -> Iterator[str]:
    if "recordings" not in record:
        return
    yield "| recording, effort 1 | size | bytes | encode ms | decode ms | encode, decode a second |"
    yield "|---|---|---|---|---|---|"
    for r in record["recordings"]["rows"]:
        idle = f"{r['encode_a_second_idle']:.0f}, {r['decode_a_second_idle']:.0f}"
        less = f" ({r['less_percent']:.0f} % below JPEG)" if "less_percent" in r else ""
        yield (
            f"| {r['recording']}: {r['what']} | {r['size']} | {r['bytes']}{less} "
            f"| {r['encode_cpu']:.1f} | {r['decode_cpu']:.1f} | {idle} |"
        )


def _of_live(record: dict[str, Any]) -> Iterator[str]:
    if "live" not in record:
        return
    yield (
        "| live, effort 1, 640x480 | bytes | CPU ms, colour's part "
        "| ms into the file: median, 95 %, all | dropped |"
    )
    yield "|---|---|---|---|---|"
    for r in record["live"]["rows"]:
        delays = ", ".join(f"{r[name]:.0f}" for name in ("median_ms", "most_ms", "all_ms"))
        cpu = f"{r['cpu']:.1f}, {r['colour_cpu']:.1f}"
        name = f"{r['recording']}: {r['what']}"
        yield f"| {name} | {r['bytes']} | {cpu} | {delays} | {r['dropped']} |"
