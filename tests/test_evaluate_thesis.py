"""The thesis's pairs of depth PSNR and comprehensive similarity come out of our record fields."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from encodepth.evaluate.fields import depth_fields
from encodepth.thesis import tables as thesis

PAIRS = [
    pytest.param(row.psnr, row.structure, id=f"table-{table.number}-lambda-{row.lmbda:g}")
    for table in thesis.TABLES
    if table.modality == "depth"
    for row in table.rows
]
ROW, COLUMN = np.mgrid[:240, :320]


def room() -> NDArray[np.float64]:
    """A back wall, a floor and a box in mm, far enough that no error makes depth negative."""
    depth = np.minimum(3500.0 + COLUMN, 900_000 // (ROW + 100))
    depth[80:200, 90:170] = 1500 + ROW[80:200, 90:170]
    return depth


def measured(share: float, psnr: float) -> tuple[float, float]:
    """Return the record's (PSNR, similarity) of an error that is part wave, part offset.

    The error has the RMSE that the PSNR says under peak 65535 over all pixels, and the decoded
    map is whole millimetres like any other.
    """
    wave = 2 * np.cos(2 * np.pi * COLUMN / 80) * np.cos(2 * np.pi * ROW / 80)
    error = np.sqrt(share) + np.sqrt(1 - share) * wave  # the two are orthogonal, of RMS 1
    rmse_mm = 65535 / 10 ** (psnr / 20)
    decoded = np.rint(room() + rmse_mm * error / np.sqrt(np.mean(np.square(error))))
    fields = depth_fields(1, decoded.astype(np.uint16), room().astype(np.uint16), 0.001)
    return fields["psnr65535"], fields["similarity_db"]


@pytest.mark.parametrize(("psnr", "similarity"), PAIRS)
def test_an_error_of_that_psnr_has_that_similarity(psnr, similarity):
    """Between a wave (worse) and an offset (better) there is one with both of the thesis's figures.

    With maps divided by their own range there is none: see test_metrics.
    """
    low, high = 0.0, 1.0
    assert measured(low, psnr)[1] < similarity < measured(high, psnr)[1]
    for _ in range(20):
        middle = (low + high) / 2
        worse = measured(middle, psnr)[1] < similarity
        low, high = (middle, high) if worse else (low, middle)
    assert measured(middle, psnr) == (
        pytest.approx(psnr, abs=0.01),
        pytest.approx(similarity, abs=0.01),
    )
