"""What the models cost: profiles of ours, and what others published of theirs."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

from ...evaluate.load import SOURCE
from ...evaluate.records import Record
from ..html import NONE, number, sup, table, text
from ..numbers import Numbers, missing

HEADING = "What the models cost"
WORDS = ""
PUBLISHED = (
    # modules with COSTS: title, where, encode_ms, decode_ms, parameters (M), gflops each
    "encodepth.thesis.tables",
)


def section(numbers: Numbers) -> str:
    """Return one table, and a note where no profile is among the records."""
    rows = [*_published(), *map(_row, _distinct(numbers.material.profiles))]
    note = "" if numbers.material.profiles else missing("profiles (encodepth profile --json)")
    head = ["model", "encode<br>(ms)", "decode<br>(ms)", "parameters<br>(M)",
            "GFLOPS<br>(published)", "GMAC<br>(ours)", "|left|on"]  # fmt: skip
    caption = "Our models by <code>encodepth profile</code>, beside what was published"
    return table(caption, head, rows) + note if rows else note


def _published() -> Iterator[list[str]]:
    for module in PUBLISHED:
        for c in importlib.import_module(module).COSTS:
            yield [
                f"{text(c.title)} <small>{text(c.where)}</small>", number(c.encode_ms, 0),
                number(c.decode_ms, 0), number(c.parameters), f"{c.gflops:g}", NONE,
                f"|left|{text(c.device)}",
            ]  # fmt: skip


def _row(p: Record) -> list[str]:
    return [
        f"<b>{text(p['model'])}</b>{sup([p[SOURCE]])}", _median(p.get("encode")),
        _median(p.get("decode")), number(p["parameters"] / 1e6), NONE,
        number(p["macs"] / 1e9, 1), f"|left|{text(_where(p))}",
    ]  # fmt: skip


def _where(p: Record) -> str:
    threads = p.get("threads", "?")
    size = f"{p.get('width')}×{p.get('height')}"
    return f"{size}, {p.get('device', '')}, {threads} thread{'s' * (threads != 1)}"


def _distinct(profiles: list[Record]) -> list[Record]:
    """Name the machine's settings too where a model was profiled more than once."""
    names = [p["model"] for p in profiles]
    return [
        p if names.count(p["model"]) == 1 else {**p, "model": f"{p['model']} ({_where(p)})"}
        for p in profiles
    ]


def _median(measured: dict[str, float] | None) -> str:
    return number(measured["median"] * 1000 if measured else None, 0)
