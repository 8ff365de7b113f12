"""What the thesis measured: its Tables 8 to 15, typed in, to stand beside our own records.

Test set (section 3.3): 40 pairs of 640x480 from Augmented ICL-NUIM, living room 1 and office 2.
Rates there are estimates of the entropy model, without header; times are of an RTX 4090.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One trained model of Tables 8 to 13, mean over the test set.

    Attributes:
        lmbda: the trade-off it was trained for.
        psnr: dB; of depth with peak 65535 (inferred: only so its pairs fit together).
        structure: MS-SSIM (colour) or comprehensive similarity (depth), both in dB.
        bpp: bits per pixel.
    """

    lmbda: float
    psnr: float
    structure: float
    bpp: float


@dataclass(frozen=True)
class Table:
    """Tables 8 to 13: one architecture at three lambdas. `model` is its row in `rows.ROWS`."""

    number: int
    title: str
    model: str
    modality: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Cost:
    """One line of Tables 14 and 15: milliseconds, million parameters, GFLOPS (section 4.1)."""

    table: int
    title: str
    model: str
    encode_ms: float
    decode_ms: float
    parameters: float
    gflops: float
    device: str = "RTX 4090, the thesis"

    @property
    def where(self) -> str:
        """Which model of which table it is."""
        return f"{self.model}, Table {self.table}"


def _rows(*rows: tuple[float, float, float, float]) -> tuple[Row, ...]:
    return tuple(Row(*row) for row in rows)


TABLES = (
    Table(8, "Baseline - RGB", "rgb", "color", _rows(
        (0.0025, 29.84, 12.97, 0.054), (0.0130, 31.41, 15.55, 0.167), (0.0500, 32.61, 17.39, 0.393),
    )),
    Table(9, "Fusion - 4C LIC-TCM (RGB target)", "rgb-4c", "color", _rows(
        (0.0025, 30.15, 13.21, 0.055), (0.0130, 31.51, 15.36, 0.162), (0.0500, 32.65, 17.32, 0.397),
    )),
    Table(10, "Fusion - Attention MM-LIC-TCM", "rgb-attn", "color", _rows(
        (0.0025, 29.89, 13.00, 0.055), (0.0130, 31.58, 15.57, 0.180), (0.0500, 32.63, 17.41, 0.434),
    )),
    Table(11, "Baseline - Depth", "depth", "depth", _rows(
        (0.0001, 47.24, 28.27, 0.003), (0.001, 56.22, 33.39, 0.023), (0.005, 59.29, 35.12, 0.043),
    )),
    Table(12, "Fusion - 4C LIC-TCM (Depth target)", "depth-4c", "depth", _rows(
        (0.0001, 47.17, 28.49, 0.003), (0.001, 55.84, 33.03, 0.024), (0.005, 61.19, 35.65, 0.034),
    )),
    Table(13, "Fusion - Convolutional MM-LIC-TCM", "depth-conv", "depth", _rows(
        (0.0001, 47.32, 28.40, 0.003), (0.001, 56.99, 33.47, 0.022), (0.005, 58.45, 35.01, 0.037),
    )),
)  # fmt: skip

COSTS = (
    Cost(14, "Baseline - RGB", "rgb", 62, 67, 45.18, 851),
    Cost(14, "Fusion - Attention", "rgb-attn", 76, 75, 53.53, 1100),
    Cost(14, "Fusion - 4C", "rgb-4c", 63, 67, 45.18, 850),
    Cost(15, "Baseline - Depth", "depth", 62, 66, 45.17, 843),
    Cost(15, "Fusion - Convolutional", "depth-conv", 77, 66, 47.6, 1016),
    Cost(15, "Fusion - 4C", "depth-4c", 62, 66, 45.17, 856),
)


def of_model(codec: str) -> tuple[str, float | None] | None:
    """Read the name of one of the thesis's models in a record: (row, lambda if it says one).

    Names are a row, then the lambda: "rgb", "rgb-4c-0.013", "runs/depth-conv/lambda-0.001". Rows
    that only begin like one of the thesis's ("rgb-conv", "rgb-attn-gated") are others.

    Returns:
        None for any other codec.
    """
    row, lmbda = None, None
    for part in codec.split("+")[0].split("/"):
        for model in sorted({table.model for table in TABLES}, key=len, reverse=True):
            if part == model or part.startswith(f"{model}-"):
                row = model
                part = part.removeprefix(model).removeprefix("-")
                if part[:1].isalpha() and not part.startswith("lambda-"):  # another row
                    return None
                break
        number = part.removeprefix("lambda-").removesuffix(".safetensors")
        try:
            lmbda = float(number)
        except ValueError:
            continue
    return None if row is None else (row, lmbda)
