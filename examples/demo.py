"""Encode and decode the bundled desk, print bytes and errors beside PNG, draw both side by side.

Run by `make demo`. Usage: python examples/demo.py [PAIR ...], a pair being a folder of samples/.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import encodepth
from encodepth.metrics import depth_errors, psnr

ROOT = Path(__file__).parents[1]
OUT = ROOT / "demo-out"
CAMERAS = json.loads((ROOT / "samples" / "cameras.json").read_text())
SETTINGS: dict[str, dict] = {
    "quality 30": {"quality": 30},
    "quality 50": {"quality": 50},
    "quality 80": {"quality": 80},
    "AV1 alone, 50": {"quality": 50, "coding": "av1"},
    "depth within 5 mm": {"quality": 50, "max_depth_error": 5},
    "depth lossless": {"quality": 50, "lossless": "depth"},
    "all lossless": {"lossless": "both"},
}
SHOWN = "quality 50"


def main(pairs: list[str]) -> None:
    """Show every pair: a table on stdout and a picture in demo-out/."""
    OUT.mkdir(exist_ok=True)
    codec = encodepth.Codec()
    for pair in pairs:
        folder = ROOT / "samples" / pair
        color, depth = next(folder.glob("color.*")), folder / "depth.png"
        image = encodepth.read(color, depth, **CAMERAS[pair])
        assert image.color is not None
        assert image.depth is not None
        print(f"\n{pair}: {color.relative_to(ROOT)} and {depth.relative_to(ROOT)}")
        print(f"{'bytes':21}{'colour':>9}{'depth':>9}{'mask':>7}{'file':>9}", end="")
        print("   colour PSNR  depth RMSE   worst   coded as")
        print_row("PNG", png_size(image.color), png_size(image.depth))
        for name, setting in SETTINGS.items():
            data = codec.encode(image, **setting)
            decoded = codec.decode(data)
            report(name, image, data, decoded)
            if name == SHOWN:
                encodepth.write(decoded, OUT / f"{pair}-color.png", OUT / f"{pair}-depth.png")
                (OUT / f"{pair}.rgbd").write_bytes(data)
                draw(image, decoded, OUT / f"{pair}.png")
        print(f"drawn in demo-out/{pair}.png: original left, {SHOWN} right")


def report(
    name: str, image: encodepth.RgbdImage, data: bytes, decoded: encodepth.RgbdImage
) -> None:
    """Print the bytes of every stream and what decoding lost."""
    assert image.color is not None
    assert image.depth is not None
    assert decoded.color is not None
    assert decoded.depth is not None
    streams = {s.modality: s for s in encodepth.inspect(data).streams}
    sizes = {kind: stream.bytes for kind, stream in streams.items()}
    errors = depth_errors(decoded.depth, image.depth, depth_unit=image.depth_unit)
    assert errors.holes_filled == errors.holes_added == 0
    fidelity = psnr(decoded.color, image.color)
    print_row(
        name,
        sizes["color"],
        sizes["depth"],
        sizes.get("mask", 0),
        len(data),
        f"{fidelity:9.2f} dB" if np.isfinite(fidelity) else "       exact",
        f"{errors.rmse_mm:7.2f} mm {errors.max_mm:6.1f}" if errors.max_mm else "     exact       ",
        ", ".join(streams[kind].coding for kind in ("color", "depth")),
    )


def print_row(
    name: str,
    color: int,
    depth: int,
    mask: int = 0,
    file: int | None = None,
    fidelity: str = "       exact",
    error: str = "     exact       ",
    coded: str = "",
) -> None:
    """Print one line of the table; sizes in bytes."""
    total = color + depth if file is None else file
    print(f"{name:21}{color:9,}{depth:9,}{mask:7,}{total:9,}  {fidelity}   {error}   {coded}")


def png_size(array: np.ndarray) -> int:
    """Bytes of the array as PNG, compressed as well as Pillow can."""
    out = io.BytesIO()
    Image.fromarray(array).save(out, "PNG", optimize=True)
    return out.tell()


def draw(image: encodepth.RgbdImage, decoded: encodepth.RgbdImage, path: Path) -> None:
    """Draw original and decoded, colour above depth, and below them the depth error."""
    assert image.depth is not None
    assert decoded.depth is not None
    valid = image.depth > 0
    low, high = np.percentile(image.depth[valid], (1, 99))
    error = np.abs(decoded.depth.astype(float) - image.depth) * image.depth_unit * 1000
    shown_mm = 50
    rows = [
        np.hstack([image.color, decoded.color]),
        np.hstack([shade(d, valid, low, high) for d in (image.depth, decoded.depth)]),
        np.hstack([shade(error, valid, 0, shown_mm), histogram(error[valid], shown_mm)]),
    ]
    picture = Image.fromarray(np.vstack(rows))
    pen, (height, width) = ImageDraw.Draw(picture), image.depth.shape
    labels = ("original", "decoded", "depth", "decoded depth")
    labels += (f"depth error, 0 to {shown_mm} mm", "share of pixels that err by more (log)")
    for i, label in enumerate(labels):
        at = (i % 2 * width + 8, i // 2 * height + 6)
        pen.text(at, label, fill="white", stroke_width=2, stroke_fill="black", font_size=18)
    picture.save(path)


def shade(values: np.ndarray, valid: np.ndarray, low: float, high: float) -> np.ndarray:
    """Colour numbers from dark blue (low) over red to light yellow (high); holes are grey."""
    stops = np.array([[8, 8, 40], [90, 20, 110], [190, 50, 80], [245, 140, 30], [250, 245, 160]])
    t = np.clip((values - low) / max(high - low, 1e-9), 0, 1) * (len(stops) - 1)
    channels = [np.interp(t, range(len(stops)), stops[:, c]) for c in range(3)]
    picture = np.stack(channels, axis=-1).astype(np.uint8)
    picture[~valid] = 70
    return picture


def histogram(error_mm: np.ndarray, top: float) -> np.ndarray:
    """Draw, for every error up to `top` mm, the share of pixels beyond it: 1e-5 to 1, log."""
    height, width, margin = 480, 640, 48
    picture = Image.new("RGB", (width, height), (24, 24, 28))
    pen = ImageDraw.Draw(picture)

    def place(mm: float, share: float) -> tuple[float, float]:
        y = -np.log10(max(share, 1e-5)) / 5
        return margin + mm / top * (width - 2 * margin), margin + y * (height - 2 * margin)

    for power in range(6):
        (x0, y), (x1, _) = place(0, 10**-power), place(top, 10**-power)
        pen.line([(x0, y), (x1, y)], fill=(70, 70, 76))
        pen.text((4, y - 8), f"1e-{power}" if power else "1", fill="white", font_size=13)
    for mm in range(0, int(top) + 1, 10):
        x, y = place(mm, 1e-5)
        pen.text((x - 8, y + 6), f"{mm} mm" if mm >= top else f"{mm}", fill="white", font_size=13)
    ordered = np.sort(error_mm)
    steps = np.linspace(0, top, 200)
    beyond = 1 - np.searchsorted(ordered, steps, side="right") / ordered.size
    line = [place(mm, share) for mm, share in zip(steps, beyond, strict=True)]
    pen.line(line, fill=(245, 140, 30), width=3)
    return np.asarray(picture)


if __name__ == "__main__":
    main(sys.argv[1:] or ["desk"])
