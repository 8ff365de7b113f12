"""Whole files: one frame's colour and depth together, in bytes."""

from __future__ import annotations

from collections import defaultdict
from statistics import fmean

from ...evaluate.records import Record
from ..html import number, sup, table
from ..names import is_ours, plain, short
from ..numbers import Numbers, mean, missing

HEADING = "Whole files"
WORDS = ""


def section(numbers: Numbers) -> str:
    """Return a table per codec, a row per quality."""
    codecs: dict[str, dict[float, list[dict[str, Record]]]] = defaultdict(lambda: defaultdict(list))
    for (codec, setting), frames in _whole(numbers.records).items():
        codecs[codec][setting] = frames
    parts = [_table(numbers, codec, codecs[codec]) for codec in sorted(codecs, key=plain)]
    return "".join(parts) or missing("joint files of the default model")


def _whole(records: list[Record]) -> dict[tuple[str, float], list[dict[str, Record]]]:
    """(codec, setting) -> per frame its records by modality, where all three are there."""
    by_frame: dict[tuple[str, float, str, str], dict[str, Record]] = defaultdict(dict)
    for r in records:
        if is_ours(r["codec"]):
            name = (r["codec"], float(r["setting"]), str(r["sequence"]), str(r["frame"]))
            by_frame[name][r["modality"]] = r
    found: dict[tuple[str, float], list[dict[str, Record]]] = defaultdict(list)
    for (codec, setting, _, _), parts in by_frame.items():
        if {"color", "depth", "joint"} <= set(parts):
            found[codec, setting].append(parts)
    return found


def _table(numbers: Numbers, codec: str, settings: dict[float, list[dict[str, Record]]]) -> str:
    rows = [
        [f"quality {setting:g}", str(len(frames)),
         number(fmean(p["joint"]["bytes"] for p in frames) / 1000, 1),
         number(mean(p["color"].get("psnr") for p in frames)),
         number(mean(p["depth"]["rmse_mm"] for p in frames), 1),
         number(mean(p["joint"].get("encode_ms") for p in frames), 0),
         number(mean(p["joint"].get("decode_ms") for p in frames), 0)]
        for setting, frames in sorted(settings.items())
    ]  # fmt: skip
    name = short(codec) + sup(numbers.letters.get((codec, "joint"), ()))
    head = ["", "frames", "file<br>(kB)", "colour PSNR<br>(dB)", "depth RMSE<br>(mm)",
            "encode<br>(ms)", "decode<br>(ms)"]  # fmt: skip
    return table(f"<b>{name}</b>: one file per frame, colour and depth; means", head, rows)
