"""Profiles as tables, for a terminal or in Markdown."""

from __future__ import annotations

from collections.abc import Iterable

from .cost import Profile
from .counting import CONVENTION
from .timing import Times


def markdown(profiles: Iterable[Profile]) -> str:
    """Return the profiles as Markdown: one row a model, then one table of modules each."""
    profiles = list(profiles)
    lines = ["| model | parameters | GMAC | GFLOP | encode | decode | peak encode | peak decode |"]
    lines.append("|---|" + "---:|" * 7)
    lines += ["| " + " | ".join(_row(p)) + " |" for p in profiles]
    for p in profiles:
        lines += ["", f"`{p.model}` by module", ""]
        lines += ["| module | parameters | GMAC |", "|---|---:|---:|"]
        lines += [f"| {t.name} | {t.parameters:,} | {t.macs / 1e9:.2f} |" for t in p.parts]
    return "\n".join([*lines, "", *_notes(profiles)])


def text(profiles: Iterable[Profile]) -> str:
    """Return the profiles as aligned text."""
    profiles = list(profiles)
    head = ("model", "parameters", "GMAC", "GFLOP", "encode", "decode", "peak enc", "peak dec")
    tables = [_aligned([head, *(_row(p) for p in profiles)])]
    for p in profiles:
        rows = [(t.name, f"{t.parameters:,}", f"{t.macs / 1e9:.2f}") for t in p.parts]
        tables.append(_aligned([(f"{p.model} by module", "parameters", "GMAC"), *rows]))
    return "\n\n".join([*tables, "\n".join(_notes(profiles))])


def _row(p: Profile) -> tuple[str, ...]:
    counts = (f"{p.parameters:,}", f"{p.macs / 1e9:.1f}", f"{2 * p.macs / 1e9:.1f}")
    memory = (_mebibytes(p.encode_memory), _mebibytes(p.decode_memory))
    return (p.model, *counts, _times(p.encode), _times(p.decode), *memory)


def _times(t: Times | None) -> str:
    return "-" if t is None else f"{t.median:.2f} s ({t.low:.2f}-{t.high:.2f})"


def _mebibytes(n: int | None) -> str:
    return "-" if n is None else f"{n / 2**20:.0f} MiB"


def _aligned(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for first, *rest in rows:
        cells = [c.rjust(w) for c, w in zip(rest, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *cells]))
    return "\n".join(lines)


def _notes(profiles: list[Profile]) -> list[str]:
    p = profiles[0]
    timed = next((q.encode for q in profiles if q.encode), None)
    notes = [f"{p.width}x{p.height}; {CONVENTION}."]
    if timed:
        notes.append(
            f"Times: {p.device}, {p.threads} threads, {p.precision}, median of {timed.runs} after "
            "one to warm up (fastest-slowest); memory: above the loaded model."
        )
    if any(q.weights == "random" for q in profiles):
        names = ", ".join(q.model for q in profiles if q.weights == "random")
        notes.append(f"Random weights with codec-like statistics: {names}.")
    return notes
