"""Pictures of the thesis's experiment: the same frames for all six rows (thesis Figures 28 to 35).

    python -m runs.results.thesis_figures -o OUT [-r RECORDS] [--figures docs/figures]

Time: about a minute of one core.

thesis-rgb.png: a crop and a 3-D rendering with the decoded colour on the original depth.
thesis-depth.png: depth error maps and 3-D renderings of the decoded depth in the original colour.
thesis-curves.svg: rate and quality at the three lambdas, as Figures 25 to 27, from the records.
Every picture was decoded from an .rgbd file of the row's model at the middle lambda.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from encodepth import Codec, RgbdImage
from encodepth.evaluate.records import Record, read_records
from encodepth.metrics import bits_per_pixel, depth_errors, psnr
from encodepth.report.chart import Series, Style, chart
from encodepth.report.plot import write_svg
from encodepth.report.sections.crops import busy_places
from encodepth.thesis.model import TcmModel
from encodepth.thesis.weights import load_tcm
from encodepth.view import colormap
from encodepth.view.geometry import VIEWPOINTS, cloud, depth_intrinsics, error_mm, orbit_centre
from encodepth.view.render import render
from encodepth.view.sheet import round_up
from runs.common import FIGURES, SHARED
from runs.results.thesis import MIDDLE, ROWS, weights
from runs.results.thesis_measure import file_of, test_frames
from runs.results.thesis_report import KINDS, LAMBDAS, means

CELL = (216, 288)  # rows, columns of a picture in a figure
CAPTION, GAP = 20, 6
Cell = tuple[str, NDArray[np.uint8]]


def decoded(model: TcmModel, image: RgbdImage) -> tuple[RgbdImage, float]:
    """The frame with its target as the model's file decodes it, and the file's rate."""
    data = file_of(model, image, image if model.guide else None)
    found = Codec(model).decode(data)
    if found.color is not None:
        height, width = found.color.shape[:2]
        return replace(image, color=found.color), bits_per_pixel(len(data), width, height)
    assert found.depth is not None
    height, width = found.depth.shape
    return replace(image, depth=found.depth), bits_per_pixel(len(data), width, height)


def rendering(image: RgbdImage, like: RgbdImage) -> NDArray[np.uint8]:
    """The point cloud from the side, turned about where the original's middle is."""
    camera, _ = depth_intrinsics(image)
    assert like.depth is not None
    centre = orbit_centre(like.depth, like.depth_unit)
    return render(cloud(image), camera, VIEWPOINTS[1], centre, width=CELL[1])


def color_lines(models: dict[str, TcmModel], image: RgbdImage) -> list[list[Cell]]:
    """A line of crops and a line of renderings, the original first."""
    assert image.color is not None
    (row, column) = busy_places(image.color, 1)[0]
    crops: list[Cell] = []
    clouds: list[Cell] = []
    for name, model in [("original", None), *models.items()]:
        shown, words = image, name
        if model is not None:
            shown, rate = decoded(model, image)
            assert shown.color is not None
            words = f"{name}  {rate:.3f} bpp  {psnr(shown.color, image.color):.2f} dB"
        assert shown.color is not None
        crops.append((words, shown.color[row : row + 96, column : column + 128]))
        clouds.append(("", rendering(shown, image)))
    return [crops, clouds]


def depth_lines(models: dict[str, TcmModel], image: RgbdImage) -> list[list[Cell]]:
    """A line of error maps on one scale and a line of renderings, the original first."""
    assert image.depth is not None
    found = {name: decoded(model, image) for name, model in models.items()}
    errors = {name: error_mm(shown, image) for name, (shown, _) in found.items()}
    size = np.concatenate([np.abs(e[np.isfinite(e)]) for e in errors.values()])
    span = round_up(float(np.percentile(size, 95)))
    low, high = colormap.shown_range(image.depth, image.depth_unit)
    metres = image.depth * image.depth_unit
    painted = colormap.paint(metres, low, high, colormap.depth_map(), image.depth > 0)
    maps: list[Cell] = [(f"original, {low:.1f}-{high:.1f} m; errors to {span:g} mm", painted)]
    clouds: list[Cell] = [("", rendering(image, image))]
    for name, (shown, rate) in found.items():
        assert shown.depth is not None
        rmse = depth_errors(shown.depth, image.depth, depth_unit=image.depth_unit).rmse_mm
        valid = np.isfinite(errors[name])
        picture = colormap.paint(errors[name], -span, span, colormap.error_map(), valid)
        maps.append((f"{name}  {rate:.3f} bpp  RMSE {rmse:.0f} mm", picture))
        clouds.append(("", rendering(shown, image)))
    return [maps, clouds]


def curves(records: Sequence[Record], path: Path) -> None:
    """Draw Figures 25 to 27 with our models: a column for each, a line for each kind of scene."""
    panels = (("rgb", "psnr", "PSNR (dB)"), ("depth", "psnr65535", "PSNR, peak 65535 (dB)"),
              ("depth", "similarity_db", "comprehensive similarity (dB)"))  # fmt: skip
    looks = {row: Style(i) for i, row in enumerate(r for rows in ROWS.values() for r in rows)}
    charts = []
    for kind, title in KINDS.items():
        for modality, field, label in panels:
            series = []
            for row in ROWS[modality]:
                found = [means(records, f"{row}-{x:g}", kind) for x in LAMBDAS[modality]]
                points = tuple((m["bpp"], m[field], "") for m in found if m)
                series.append(Series(row, looks[row], points))
            charts.append(chart(title, series, label, x_title="bits per pixel, whole file"))
    write_svg(path, charts, list(looks.items()), columns=len(panels))


def compose(lines: list[list[Cell]]) -> Image.Image:
    """Lay lines of captioned pictures out under one another."""
    height, width = CELL
    tops, total = [], 0
    for line in lines:
        tops.append(total)
        total += height + GAP + (CAPTION if line[0][0] else 0)
    canvas = Image.new("RGB", (len(lines[0]) * (width + GAP) - GAP, total), (255, 255, 255))
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(13)
    for top, line in zip(tops, lines, strict=True):
        down = top + (CAPTION if line[0][0] else 0)
        for i, (words, picture) in enumerate(line):
            draw.text((i * (width + GAP) + 2, top + 2), words, (28, 30, 34), font)
            enlarged = picture.shape[1] < width
            way = Image.Resampling.NEAREST if enlarged else Image.Resampling.BOX
            cell = Image.fromarray(picture).resize((width, height), way)
            canvas.paste(cell, (i * (width + GAP), down))
    return canvas


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("out/thesis"))
    parser.add_argument("-r", "--records", type=Path, default=Path("results/thesis/records.jsonl"))
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--figures", type=Path, default=FIGURES)
    options = parser.parse_args()
    torch.set_num_threads(1)
    frames = [own for own, _ in test_frames(options.shared, 6, 2)]
    room = next(f for f in frames if "livingroom1_clean" in f.sequence).load()
    real = next(f for f in frames if "kinect" in f.sequence).load()
    for modality, lines_of in (("rgb", color_lines), ("depth", depth_lines)):
        models = {
            row: TcmModel(load_tcm(weights(options.output, row, MIDDLE[modality])))
            for row in ROWS[modality]
        }
        picture = compose([line for image in (room, real) for line in lines_of(models, image)])
        options.figures.mkdir(parents=True, exist_ok=True)
        path = options.figures / f"thesis-{modality}.png"
        picture.quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)
        print(path, path.stat().st_size)
    path = options.figures / "thesis-curves.svg"
    curves(read_records(options.records).records, path)
    print(path, path.stat().st_size)
    return 0


if __name__ == "__main__":
    sys.exit(main())
