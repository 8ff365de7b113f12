"""What moving a ROS bag and LeRobot datasets over costs and saves. Minutes, one core.

    python -m runs.results.moving [--frames 24] [--efforts 1 7]

Needs ../shared/data: datasets that the package lerobot wrote, and a camera's own frames, of which
an MCAP bag is made as a camera's driver logs them (`16UC1`, `rgb8`). Bytes before are those of the
bag, or of the dataset's pictures. Errors are against what was there before, over measured pixels.
Times are CPU time of the process and its threads for a thousand frames: reading and coding, and
back. Writes results/moving.json and the table of docs/many.md.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from encodepth import Frame, Reader, RgbdImage, record
from encodepth.io.lerobot import open_lerobot
from encodepth.io.lerobot_back import restore
from encodepth.io.lerobot_write import convert
from encodepth.io.ros.reading import read_bag
from encodepth.io.ros.writing import write_bag

from ..common import DATA, RESULTS, ROOT, fill_page, frames_of, keep, options, progress, show

SEQUENCE = "val/realsense_taeyoung_office"
DATASETS = {"LeRobot, video": "office_video", "LeRobot, TIFF and PNG": "office_tiff"}
PAGE = ROOT / "docs" / "many.md"
MARK = "<!-- runs/results/moving.py -->"
HEAD = (
    "| from | effort | kB a frame before | after | of it | colour, dB | depth off by at most, mm | "
    "minutes of CPU for 1000 frames, there and back |",
    "|---|---|---|---|---|---|---|---|",
)
NS = 1_000_000_000
Row = dict[str, Any]


def main() -> None:
    parser = options(__doc__, output=RESULTS / "moving.json")
    parser.add_argument("--frames", type=int, default=24, help="of the bag")
    parser.add_argument("--efforts", type=int, nargs="+", default=[1, 7])
    args = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="moving.") as place:
        for effort in args.efforts:
            for row in moved(Path(place) / str(effort), effort, args.frames):
                rows.append({"effort": effort, **row})
                progress(rows[-1])
    show(rows)
    keep(args.output, {"rows": rows})
    if args.output == RESULTS / "moving.json":
        fill_page(PAGE, MARK, [*HEAD, *map(_line, sorted(rows, key=lambda row: row["from"]))])


def _line(row: Row) -> str:
    before, after = row["bytes_before"] / row["frames"], row["bytes_after"] / row["frames"]
    cells = (
        row["from"],
        str(row["effort"]),
        f"{before / 1000:.1f}",
        f"{after / 1000:.1f}",
        f"{after / before:.2f}",
        f"{row['color_psnr']:.1f}",
        f"{row['depth_max_mm']:.3g}",
        f"{row['there_ms'] / 60:.1f}, {row['back_ms'] / 60:.1f}",
    )
    return f"| {' | '.join(cells)} |"


def moved(place: Path, effort: int, count: int) -> Iterator[Row]:
    """Yield what moving each costs at an effort; depth is kept exactly, colour at quality 50."""
    place.mkdir(parents=True)
    yield {"from": "ROS 2 MCAP"} | of_bag(place, effort, count)
    for name, folder in DATASETS.items():
        yield {"from": name} | of_dataset(DATA / "lerobot" / folder, place, effort)


def of_bag(place: Path, effort: int, count: int) -> Row:
    pairs = frames_of(DATA / "sequences" / SEQUENCE)[:count]
    whole = [pair.load() for pair in pairs]
    record((Frame(f, i * NS // 30) for i, f in enumerate(whole)), place / "own.rgbd",
           lossless="both", effort=1)  # fmt: skip
    write_bag(Reader(place / "own.rgbd"), place / "run.mcap")
    made, back = place / "run.rgbd", place / "back.mcap"

    def there() -> None:
        frames = read_bag(place / "run.mcap")
        record(frames, made, cameras=frames.cameras, metadata=frames.metadata, lossless="depth",
               effort=effort)  # fmt: skip

    times = clocked(there), clocked(lambda: write_bag(Reader(made), back))
    sizes = (place / "run.mcap").stat().st_size, made.stat().st_size
    return row(len(whole), sizes, times, whole, (frame.image for frame in read_bag(back)))


def of_dataset(root: Path, place: Path, effort: int) -> Row:
    data, made = open_lerobot(root), place / f"{root.name}-small"
    back = place / f"{root.name}-back"
    times = (
        clocked(lambda: convert(data, made, effort=effort)),
        clocked(lambda: restore(made, back)),
    )
    (view,) = data.views
    whole = [frame.image for frame in data.frames(0, view)]
    before = sum(p.stat().st_size for p in (root / "videos").rglob("*.mp4"))
    before = before or sum(p.stat().st_size for p in (root / "data").rglob("*.parquet"))
    after = sum(path.stat().st_size for path in made.rglob("*.rgbd"))
    frames = (frame.image for frame in Reader(next(made.rglob("*.rgbd"))))
    return row(len(whole), (before, after), times, whole, frames)


def clocked(work: Callable[[], Any]) -> float:
    """Return the CPU seconds that something takes."""
    start = time.process_time()
    work()
    return time.process_time() - start


def row(
    count: int,
    sizes: tuple[int, int],
    times: tuple[float, float],
    before: Iterable[RgbdImage],
    after: Iterable[RgbdImage],
) -> Row:
    squares = samples = 0.0
    worst = 0.0
    for own, other in zip(before, after, strict=True):
        assert own.color is not None
        assert own.depth is not None
        assert other.color is not None
        assert other.depth is not None
        squares += float(np.square(own.color.astype(np.float64) - other.color).sum())
        samples += own.color.size
        mm = own.depth * (own.depth_unit * 1000) - other.depth * (other.depth_unit * 1000)
        worst = max(worst, float(np.abs(mm).max()))
        assert np.array_equal(own.depth == 0, other.depth == 0)
    return {
        "frames": count,
        "bytes_before": sizes[0],
        "bytes_after": sizes[1],
        "color_psnr": round(10 * np.log10(255**2 * samples / max(squares, 1e-9)), 2),
        "depth_max_mm": round(worst, 4),
        "there_ms": round(1000 * times[0] / count, 1),
        "back_ms": round(1000 * times[1] / count, 1),
    }


if __name__ == "__main__":
    main()
