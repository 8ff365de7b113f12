"""BD-rates of every codec against AVIF: one row each, one column per question."""

from __future__ import annotations

from ...evaluate.measures import ANCHORS, METRICS
from ..html import NONE, table
from ..numbers import Numbers, missing

HEADING = "At a glance"
WORDS = (
    "How many more (+) or fewer (−) bits a codec needs than AVIF for the same quality. "
    "Bytes are those of whole files, headers and hole masks included. The frames are those of "
    "data/test that the published anchor records use (the clean rendered living room, and frames "
    "of sensors), and Kodak; each figure is over the frames that both codecs have."
)
COLUMNS = (
    ("psnr", "icl"), ("psnr", "sensor"), ("psnr", "kodak"), ("ms-ssim", "test"),
    ("ms-ssim", "kodak"), ("rmse", "icl"), ("rmse", "sensor"),
)  # fmt: skip
SCENES = {"icl": "ICL", "sensor": "sensors", "test": "data/test", "kodak": "Kodak"}


def section(numbers: Numbers) -> str:
    """Return a table per modality."""
    parts = [_table(numbers, modality, anchor) for modality, anchor in ANCHORS.items()]
    return "".join(parts) or missing("two codecs on the same frames")


def _table(numbers: Numbers, modality: str, anchor: str) -> str:
    asked = [c for c in COLUMNS if METRICS[c[0]].modality == modality]
    rows = []
    for codec in numbers.styles:
        name = (codec, modality)
        if name not in numbers.letters or codec == anchor or name in numbers.twins:
            continue
        cells = [numbers.delta(METRICS[m], anchor, codec, kind) for m, kind in asked]
        if any(cell != NONE for cell in cells):
            rows.append([numbers.row(codec, modality), *cells])
    if not rows:
        return ""
    what = "Colour" if modality == "color" else "Depth"
    caption = (
        f"<b>{what}</b>: bits for the same quality, in % against {numbers.name(anchor, modality)}; "
        "mean of BD-rates per frame; n/m: only n of its m frames could be compared"
    )
    head = ["", *(f"{METRICS[m].short}<br>{SCENES[kind]}" for m, kind in asked)]
    return table(caption, head, rows, classes="bd") + numbers.twin_note(modality)
