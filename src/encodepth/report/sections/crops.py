"""Crops of the original and of every decoded colour picture (thesis Figures 32 to 35)."""

from __future__ import annotations

from html import escape

import numpy as np
from numpy.typing import NDArray

from ...evaluate.records import Record
from ...view.embed import picture
from ..html import figure, rate, sup
from ..names import plain
from ..numbers import Numbers, missing

HEADING = "Crops at one rate"
WORDS = (
    "The busiest places of a frame, like Figures 32 to 35: method, rate, PSNR and MS-SSIM of the "
    "whole picture. Rates are as near to 0.17 bpp as each codec's settings come."
)
CROP = (96, 128)  # rows, columns
ENLARGED = 3
CROPS = 2


def section(numbers: Numbers) -> str:
    """Return two places of each scene, method, rate, PSNR and MS-SSIM below each crop."""
    if not numbers.scenes:
        return missing("decoded pictures (encodepth report --pictures FOLDER)")
    parts = []
    for scene in numbers.scenes:
        original = scene.image.color
        assert original is not None
        parts.append(f"<h3>{escape(scene.name)}</h3>")
        for row, column in busy_places(original):
            shown = [_crop(original, row, column, "original")]
            for decoded in scene.color:
                words = _words(decoded.record) + sup([numbers.letter])
                shown.append(_crop(decoded.picture, row, column, words))
            parts.append(f'<div class="crops">{"".join(shown)}</div>')
    return "".join(parts)


def busy_places(rgb: NDArray[np.uint8], count: int = CROPS) -> list[tuple[int, int]]:
    """Return the corners (row, column) of the crops with the most detail that do not overlap."""
    luma = rgb.astype(np.float32).mean(2)
    rows, columns = min(CROP[0], luma.shape[0]), min(CROP[1], luma.shape[1])
    detail = np.zeros_like(luma)
    detail[1:, 1:] = np.abs(np.diff(luma, axis=0))[:, 1:] + np.abs(np.diff(luma, axis=1))[1:]
    detail = np.minimum(detail, 60)  # one hard edge does not make a place busy
    sums = np.pad(detail.cumsum(0).cumsum(1), [(1, 0), (1, 0)])
    box = sums[rows:, columns:] - sums[:-rows, columns:] - sums[rows:, :-columns]
    box = box + sums[:-rows, :-columns]
    found: list[tuple[int, int]] = []
    while len(found) < count and box.max() > -np.inf:
        row, column = (int(v) for v in np.unravel_index(int(box.argmax()), box.shape))
        found.append((row, column))
        box[
            max(0, row - rows + 1) : row + rows, max(0, column - columns + 1) : column + columns
        ] = -np.inf
    return found


def _crop(pixels: NDArray[np.uint8], row: int, column: int, words: str) -> str:
    part = pixels[row : row + CROP[0], column : column + CROP[1]]
    big = part.repeat(ENLARGED, 0).repeat(ENLARGED, 1)
    return figure(picture(big), words, "crop", big.shape)


def _words(record: Record) -> str:
    structure = record.get("ms_ssim_db")
    after = "" if structure is None else f" | {structure:.2f} dB MS\u2011SSIM"
    name = f"<b>{escape(plain(record['codec']))}</b>"
    return f"{name} | {rate(record['bpp'])} bpp | {record['psnr']:.2f} dB PSNR{after}"
