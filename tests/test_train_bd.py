"""What a post-filter saves over validation pictures."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("torch", reason="training needs torch")

from encodepth.train.bd import by_quality

QUALITIES = (20, 40, 60, 80)


def picture(saved: float, *, flat: bool = False) -> list[dict[str, float]]:
    """Return figures of a picture whose restored curve has so many fewer bytes in percent."""
    rates = [0.1] * 4 if flat else [0.1, 0.2, 0.4, 0.8]
    return [
        {"plain_bpp": rate, "depth_bpp": rate * (1 - saved / 100), "depth_psnr": psnr,
         "depth_gain": 0.0}
        for rate, psnr in zip(rates, [30.0] * 4 if flat else [30.0, 33.0, 36.0, 39.0], strict=True)
    ]  # fmt: skip


def test_a_picture_without_a_rate_is_left_out_of_the_mean():
    found = [*picture(10), *picture(20), *picture(5, flat=True)]
    rows = by_quality(found, QUALITIES, "depth", ["depth_psnr"])
    assert [row["quality"] for row in rows] == list(QUALITIES)
    assert rows[0]["depth_bd_rate"] == pytest.approx(-15, abs=0.1)


def test_without_any_there_is_none():
    rows = by_quality(picture(5, flat=True), QUALITIES, "depth", ["depth_psnr"])
    assert math.isnan(rows[0]["depth_bd_rate"])
