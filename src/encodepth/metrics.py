"""How good a decoded picture is and how two codecs compare: arrays in, plain floats out.

Colour is uint8 (H, W, 3); depth is uint16 (H, W) in steps of `depth_unit` metres with 0 for a hole.
Nothing here needs torch, so a record can be checked wherever numpy runs; the conventions are those
of the anchor records (docs/evaluation.md), so our figures and theirs may stand in one table.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .errors import EncodepthError, InvalidImageError

if TYPE_CHECKING:
    from .frame import Intrinsics, RgbdImage

Curve = Sequence[tuple[float, float]]
"""Rate-distortion points of one codec on one frame: (rate, quality), in any order."""

EDGE_MM = 50.0  # a depth jump, and the error that makes a pixel near one "flying"
EDGE_SHARE = 0.03  # a jump must also exceed this share of the nearer depth
PEAK_16 = 65535.0
MIN_COMMON_DB = 1.0  # curves sharing less quality than this are not compared
MIN_COMMON_DEPTH_DB = 20 * math.log10(1.26)  # the same for depth: a factor 1.26 in error
MIN_COMMON_RATE = 1.26  # and for rates, as a factor

_MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang et al. 2003, five scales
_WINDOW = 11
_SMALLEST_SIDE = (_WINDOW - 1) * 2 ** (len(_MS_SSIM_WEIGHTS) - 1)


@dataclass(frozen=True)
class DepthErrors:
    """Errors of a decoded depth map on the pixels that are valid in the original.

    A valid pixel that was decoded as a hole counts with its whole depth as error. The two PSNRs
    are infinite for an exact map.
    """

    rmse_mm: float
    mae_mm: float
    p99_mm: float  # 99 % of the valid pixels err by no more
    max_mm: float
    edge_bad: float  # share of edge pixels that err by more than 50 mm: "flying pixels"
    psnr65535: float  # peak 65535 steps, over all pixels with holes as 0, as the thesis
    psnr_max: float  # peak = largest valid depth of the frame, over valid pixels
    edge_share: float  # edge pixels, as a share of the frame
    hole_share: float  # holes of the original, as a share of the frame
    holes_filled: int  # holes of the original that were decoded as depth
    holes_added: int  # valid pixels of the original that were decoded as holes


@dataclass(frozen=True)
class DepthError:
    """The error of depth over measured pixels; errors of parts add up to that of the whole.

    Where floats were rounded to steps before, it holds that too: squares are added, for rounding
    and coding know nothing of each other, and so are largest errors.

    Attributes:
        squares: sum of squared errors, mm^2.
        pixels: how many measured pixels there are.
        max_mm: the largest error.
    """

    squares: float
    pixels: int
    max_mm: float

    @property
    def rmse_mm(self) -> float:
        """Root of the mean squared error, in mm."""
        return math.sqrt(self.squares / self.pixels) if self.pixels else 0.0

    def __add__(self, other: DepthError) -> DepthError:
        return DepthError(
            self.squares + other.squares,
            self.pixels + other.pixels,
            max(self.max_mm, other.max_mm),
        )

    @property
    def words(self) -> str:
        """Return "off by 5.3 mm RMSE, 20 mm at most", or "as it was"."""
        return self.off_by if self.max_mm else "as it was"

    @property
    def off_by(self) -> str:
        """Return the same in numbers, 0 too."""
        return f"off by {self.rmse_mm:.3g} mm RMSE, {self.max_mm:.4g} mm at most"

    @property
    def facts(self) -> dict[str, float]:
        """Return the same as plain data."""
        return {
            "depth_rmse_mm": round(self.rmse_mm, 6),
            "depth_max_error_mm": round(self.max_mm, 6),
        }

    @classmethod
    def between(cls, decoded: NDArray[np.uint16], image: RgbdImage) -> DepthError:
        """Compare decoded depth, (h, w) in the image's steps, with what was read."""
        assert image.depth is not None
        valid = image.depth > 0
        off = np.subtract(decoded, image.depth, dtype=np.float64)[valid] * image.depth_unit * 1000
        return cls.of(off, image)

    @classmethod
    def of(cls, off: NDArray[np.float64], image: RgbdImage) -> DepthError:
        """Add up errors of measured pixels, (n,) in mm, and what the image was rounded by."""
        rounded, most = 1000 * image.rounding_rmse, 1000 * image.rounding
        return cls(
            float(np.square(off).sum()) + off.size * rounded**2,
            off.size,
            float(np.abs(off).max()) + most if off.size else 0.0,
        )


def psnr(decoded: NDArray[np.uint8], original: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio in dB, peak 255, over all pixels and channels (thesis eq. 18).

    Infinite for equal pictures.
    """
    _same_shape(decoded, original)
    return _psnr(255.0, np.mean(np.square(decoded.astype(np.float64) - original)))


def ms_ssim(decoded: NDArray, original: NDArray, *, peak: float = 255.0) -> float:
    """Multi-scale structural similarity, in [0, 1] (thesis eq. 20; Wang et al. 2003).

    Args:
        decoded: (H, W) or (H, W, C), any real type.
        original: the same shape.
        peak: the largest value a sample can have.

    Raises:
        InvalidImageError: the shapes differ, or a side is not longer than 160 pixels.

    Note:
        Gaussian window of 11 with sigma 1.5 without padding, five scales, 2x2 means between them
        (odd sides padded with zeros), negative terms clipped, mean over channels: the conventions
        of pytorch-msssim, against which this is tested.
    """
    _same_shape(decoded, original)
    if min(original.shape[:2]) <= _SMALLEST_SIDE:
        raise InvalidImageError(
            f"picture is {original.shape[1]}x{original.shape[0]}; "
            f"MS-SSIM needs both sides longer than {_SMALLEST_SIDE} pixels"
        )
    x, y = (
        np.atleast_3d(np.asarray(a, np.float64)).transpose(2, 0, 1) for a in (decoded, original)
    )
    product = np.ones(len(x))
    for weight in _MS_SSIM_WEIGHTS[:-1]:
        product *= np.maximum(_ssim(x, y, peak)[1], 0) ** weight
        x, y = _halve(x), _halve(y)
    product *= np.maximum(_ssim(x, y, peak)[0], 0) ** _MS_SSIM_WEIGHTS[-1]
    return float(product.mean())


def ms_ssim_db(decoded: NDArray, original: NDArray, *, peak: float = 255.0) -> float:
    """MS-SSIM as -10 log10(1 - MS-SSIM), infinite for equal pictures (thesis section 4.1)."""
    return _decibels(1 - ms_ssim(decoded, original, peak=peak))


def bits_per_pixel(size: float, width: int, height: int) -> float:
    """Rate of `size` bytes for one frame of width x height pixels."""
    return 8 * size / (width * height)


def depth_errors(
    decoded: NDArray[np.uint16], original: NDArray[np.uint16], *, depth_unit: float = 0.001
) -> DepthErrors:
    """Compare a decoded depth map with its original, both (H, W) in steps of `depth_unit` metres.

    Raises:
        InvalidImageError: the shapes differ, or the original has no valid pixel.
    """
    _same_shape(decoded, original)
    valid = original > 0
    if not valid.any():
        raise InvalidImageError("depth map has no valid pixel; nothing to measure")
    step_mm = depth_unit * 1000
    error = decoded.astype(np.float64) - original
    size_mm = np.abs(error[valid]) * step_mm
    edge = edge_pixels(original, depth_unit=depth_unit)
    bad = np.abs(error[edge]) * step_mm > EDGE_MM
    return DepthErrors(
        rmse_mm=float(np.sqrt(np.mean(np.square(size_mm)))),
        mae_mm=float(size_mm.mean()),
        p99_mm=float(np.percentile(size_mm, 99)),
        max_mm=float(size_mm.max()),
        edge_bad=float(bad.mean()) if bad.size else 0.0,
        psnr65535=_psnr(PEAK_16, np.mean(np.square(error))),
        psnr_max=_psnr(float(original.max()), np.mean(np.square(error[valid]))),
        edge_share=float(edge.mean()),
        hole_share=float(1 - valid.mean()),
        holes_filled=int(np.count_nonzero(decoded[~valid])),
        holes_added=int(np.count_nonzero(decoded[valid] == 0)),
    )


def edge_pixels(depth: NDArray[np.uint16], *, depth_unit: float = 0.001) -> NDArray[np.bool_]:
    """Mark the valid pixels within two pixels of a depth jump, (H, W).

    A jump is a pixel whose 3x3 neighbourhood spans, over its valid pixels, more than 50 mm and
    more than 3 % of its smallest depth. Such pixels are where a codec makes flying pixels.
    """
    valid = depth > 0
    largest = _neighbourhood(depth, 1)
    smallest = -_neighbourhood(np.where(valid, -depth.astype(np.float64), -np.inf), 1)
    span = largest - smallest  # -inf where no neighbour is valid
    jump = (span * depth_unit * 1000 > EDGE_MM) & (span > EDGE_SHARE * smallest)
    return (_neighbourhood(jump, 2) > 0) & valid


def comprehensive_similarity(
    decoded: NDArray,
    original: NDArray,
    *,
    gamma: float = 0.1,
    structure: float = 1.0,
    peak: float = PEAK_16,
) -> float:
    """Distance gamma * L1 + gradient + structure * (1 - MS-SSIM) of two depth maps (thesis eq. 24).

    Args:
        decoded: (H, W), holes as 0.
        original: the same.
        gamma: weight of the L1 term; 0.1 in the thesis's Tables 3, 5 and 7.
        structure: weight of the structure term; 1 as eq. 24 is printed, 1/2 as in its source.
        peak: the value taken as 1; the thesis divides 16-bit maps by 65535.

    Returns:
        Zero for equal maps. Smaller is better: the thesis's name for it misleads.

    Note:
        Eq. 24 adds "L_ms-ssim" without a sign: taken as 1 - MS-SSIM, the only reading that falls
        as the maps agree. Its source (Alhashim and Wonka 2018, also with gamma 0.1) halves that
        term; Table 11 does not decide between the two (docs/evaluation.md). Eq. 23's g is not
        given: forward differences, averaged per axis.
    """
    _same_shape(decoded, original)
    x, y = (np.asarray(a, np.float64) / peak for a in (decoded, original))
    gradient = sum(
        float(np.abs(np.diff(x, axis=axis) - np.diff(y, axis=axis)).mean()) for axis in (0, 1)
    )
    level = gamma * float(np.abs(x - y).mean())
    return level + gradient + structure * (1 - ms_ssim(x, y, peak=1.0))


def comprehensive_similarity_db(
    decoded: NDArray,
    original: NDArray,
    *,
    gamma: float = 0.1,
    structure: float = 1.0,
    peak: float = PEAK_16,
) -> float:
    """Comprehensive similarity as -10 log10 of eq. 24, as the thesis's Tables 11 to 13 print it."""
    return _decibels(
        comprehensive_similarity(decoded, original, gamma=gamma, structure=structure, peak=peak)
    )


def back_project(
    depth: NDArray[np.uint16], intrinsics: Intrinsics, *, depth_unit: float = 0.001
) -> NDArray[np.float64]:
    """Turn the valid pixels of a depth map (H, W) into points (N, 3) in metres, camera frame."""
    row, column = np.nonzero(depth)
    z = depth[row, column] * depth_unit
    x = (column - intrinsics.cx) / intrinsics.fx * z
    y = (row - intrinsics.cy) / intrinsics.fy * z
    return np.stack([x, y, z], axis=1)


def point_cloud_distance_mm(
    decoded: NDArray[np.uint16],
    original: NDArray[np.uint16],
    intrinsics: Intrinsics,
    *,
    depth_unit: float = 0.001,
) -> float:
    """Chamfer distance of the two back-projected maps in mm.

    The mean distance to the nearest point of the other cloud, averaged over both directions. It
    forgives an error along the surface that RMSE counts in full, and sees flying pixels.

    Raises:
        InvalidImageError: one of the maps has no valid pixel.
        EncodepthError: scipy, which finds the neighbours, is not installed.
    """
    clouds = [back_project(d, intrinsics, depth_unit=depth_unit) for d in (decoded, original)]
    if not all(len(cloud) for cloud in clouds):
        raise InvalidImageError("depth map has no valid pixel; nothing to back-project")
    try:
        from scipy.spatial import cKDTree
    except ImportError:
        raise EncodepthError("point-cloud distance needs scipy: pip install scipy") from None
    trees = [cKDTree(cloud) for cloud in clouds]
    there = trees[1].query(clouds[0])[0].mean()
    back = trees[0].query(clouds[1])[0].mean()
    return float(there + back) / 2 * 1000


def improving(curve: Curve) -> list[tuple[float, float]]:
    """Sort points by rate and drop those that cost more without being better than one before."""
    kept: list[tuple[float, float]] = []
    for rate, quality in sorted(curve, key=lambda point: (point[0], -point[1])):
        if not kept or quality > kept[-1][1]:
            kept.append((rate, quality))
    return kept


def bd_rate(anchor: Curve, test: Curve, *, min_common: float = MIN_COMMON_DB) -> float:
    """Mean rate difference of `test` to `anchor` at equal quality, in percent (Bjøntegaard).

    Log rate is interpolated over quality (Akima) and integrated over the qualities that both
    curves reach; points that do not improve are dropped first. Minus is fewer bits.

    Args:
        anchor: (rate, quality) points of one codec on one frame.
        test: the same of another codec on the same frame; the counts may differ.
        min_common: least common quality range that is compared, in dB.

    Raises:
        EncodepthError: fewer than two useful points, or too little common quality.
    """
    rates, qualities = _arrays(anchor, test)
    common = _common(qualities)
    if common < min_common:
        raise EncodepthError(
            f"the curves share {common:.2f} dB of quality ({_range(qualities[0])} and "
            f"{_range(qualities[1])} dB); a BD-rate needs {min_common:.2f} dB"
        )
    from bjontegaard import bd_rate as akima

    return float(
        akima(
            rates[0], qualities[0], rates[1], qualities[1],
            method="akima", require_matching_points=False, min_overlap=0,
        )
    )  # fmt: skip


def bd_quality(anchor: Curve, test: Curve, *, min_common: float = MIN_COMMON_RATE) -> float:
    """Mean quality difference of `test` to `anchor` at equal rate, in dB (Bjøntegaard).

    As `bd_rate`, with quality integrated over log rate; `min_common` is the least common range of
    rates as a factor. Plus is better.

    Raises:
        EncodepthError: fewer than two useful points, or too little common rate.
    """
    rates, qualities = _arrays(anchor, test)
    common = 10 ** _common([np.log10(rate) for rate in rates])
    if common < min_common:
        raise EncodepthError(
            f"the curves share a factor {common:.2f} of rate ({_range(rates[0])} and "
            f"{_range(rates[1])}); a BD-quality needs a factor {min_common:.2f}"
        )
    from bjontegaard import bd_psnr as akima

    return float(
        akima(
            rates[0], qualities[0], rates[1], qualities[1],
            method="akima", require_matching_points=False, min_overlap=0,
        )
    )  # fmt: skip


def _same_shape(decoded: NDArray, original: NDArray) -> None:
    if decoded.shape != original.shape:
        raise InvalidImageError(
            f"decoded picture has shape {decoded.shape}, the original {original.shape}"
        )


def _decibels(distance: float) -> float:
    return -10 * math.log10(distance) if distance > 0 else math.inf


def _psnr(peak: float, mean_square: float | np.floating) -> float:
    return _decibels(float(mean_square) / peak**2)


def _ssim(x: NDArray, y: NDArray, peak: float) -> tuple[NDArray, NDArray]:
    """Return SSIM and its contrast-structure part, each the mean per channel, of two (C, H, W)."""
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    mean_x, mean_y = _blur(x), _blur(y)
    product = mean_x * mean_y
    squares = mean_x * mean_x + mean_y * mean_y
    variances = _blur(x * x + y * y) - squares
    structure = (2 * (_blur(x * y) - product) + c2) / (variances + c2)
    whole = structure * (2 * product + c1) / (squares + c1)
    return whole.mean((1, 2)), structure.mean((1, 2))


def _blur(x: NDArray) -> NDArray:
    """Gaussian of sigma 1.5 and width 11 over the last two axes, where it fits entirely."""
    offsets = np.arange(_WINDOW) - _WINDOW // 2
    window = np.exp(-(offsets**2) / (2 * 1.5**2))
    window /= window.sum()
    for axis in (1, 2):
        count = x.shape[axis] - _WINDOW + 1
        parts = [x[:, i : i + count] if axis == 1 else x[:, :, i : i + count] for i in range(11)]
        total = parts[5] * window[5]
        for i in range(5):
            total += (parts[i] + parts[10 - i]) * window[i]
        x = total
    return x


def _halve(x: NDArray) -> NDArray:
    """Mean of 2x2 pixels, (C, H, W); an odd side is padded with a zero on both ends first."""
    odd = [(0, 0)] + [(side % 2, side % 2) for side in x.shape[1:]]
    x = np.pad(x, odd)
    height, width = (side // 2 * 2 for side in x.shape[1:])
    x = x[:, :height, :width]
    return (x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, 1::2]) / 4


def _neighbourhood(x: NDArray, radius: int) -> NDArray:
    """Largest value within a square of the given radius, clipped at the border, (H, W)."""
    side = 2 * radius + 1
    x = np.pad(np.asarray(x, np.float64), radius, constant_values=-np.inf)
    height, width = (length - side + 1 for length in x.shape)
    rows = np.maximum.reduce([x[i : i + height] for i in range(side)])
    return np.maximum.reduce([rows[:, i : i + width] for i in range(side)])


def _arrays(anchor: Curve, test: Curve) -> tuple[list[NDArray], list[NDArray]]:
    curves = [np.array(improving(curve), np.float64).reshape(-1, 2) for curve in (anchor, test)]
    for name, curve in zip(("anchor", "test"), curves, strict=True):
        if len(curve) < 2:
            raise EncodepthError(f"the {name} curve has {len(curve)} useful points; 2 are needed")
        if not (np.isfinite(curve).all() and (curve[:, 0] > 0).all()):
            raise EncodepthError(f"the {name} curve has a rate or a quality that is no number")
    return [curve[:, 0] for curve in curves], [curve[:, 1] for curve in curves]


def _common(values: list[NDArray]) -> float:
    return float(min(v.max() for v in values) - max(v.min() for v in values))


def _range(values: NDArray) -> str:
    return f"{values.min():.4g} to {values.max():.4g}"
