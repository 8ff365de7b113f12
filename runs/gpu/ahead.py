"""Make the pictures of `runs.gpu.train` in many processes: colour, and what AV1 leaves of pictures.

    python -m runs.gpu.ahead DATA FOLDER [--photos] [--pairs] [--rooms 600] [--processes 12]

Time: 0.7 to 1.1 s of a core a coding. DATA holds cid22/ and train/; FOLDER gets color/, coded/ and
depth/, a file a picture. Colour is coded as `auto` codes it (libaom's speeds 3 to 6, tuned for
SSIM), three eighths of it from a smaller copy; photographs come again and again at other qualities.
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from encodepth.codings.av1_frames import fewer_tools
from encodepth.frame import RgbdImage
from encodepth.io.pair import Pair
from encodepth.scenes.scene import scene
from encodepth.train import coded_color, coded_depth
from encodepth.train.allowed import training_pairs
from encodepth.train.batches import Frame
from encodepth.train.coded import spread
from encodepth.train.coded_color import smaller
from encodepth.train.frames import to_frame
from encodepth.train.recipe import load_recipe

QUALITIES = (5, 95)
SPEEDS = (3, 4, 4, 4, 5, 5, 6, 6)
SENSORS: tuple[Any, ...] = (
    "none",
    "none",
    "none",
    "kinect",
    "realsense",
    "realsense",
    "tof",
    "lidar",
)
VERSIONS = 24  # codings of a photograph, if there is time
TURNS = (4, 0, 1, 5, 2, 6, 3, 7)  # a pair's codings: from 4 on of depth, three at a time
FIRST_ROOM = 20000
DATA = load_recipe(Path(__file__).parents[2] / "recipes" / "restore.toml").data
Picture = NDArray[np.uint8]
Work = Callable[[], None]

_textures: list[Picture] = []  # of rooms; processes inherit it


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", action="store_true")
    parser.add_argument("--pairs", action="store_true")
    parser.add_argument("--rooms", type=int, default=0)
    parser.add_argument("--processes", type=int, default=12)
    args = parser.parse_args()
    for name in ("color", "coded", "depth"):
        (args.folder / name).mkdir(parents=True, exist_ok=True)
    paths = sorted((args.data / "cid22").glob("training_*"))
    if args.rooms:
        _textures.extend(_open(p) for p in paths[::2])
    photos = paths if args.photos else []
    pairs = list(enumerate(training_pairs(args.data) if args.pairs else []))
    plain: list[Work] = [partial(_plain_photo, args.folder, p) for p in photos]
    plain += [partial(_pair, args.folder, n, p, -1) for n, p in pairs]
    of_pairs = [partial(_pair, args.folder, n, p, v) for v in TURNS for n, p in pairs]
    of_photos = [partial(_photo, args.folder, p, v) for v in range(VERSIONS) for p in photos]
    rooms = [partial(_room, args.folder, n) for n in range(args.rooms)]
    six = [iter(of_photos)] * 6  # codings of photographs, then a room
    mixed = chain.from_iterable(zip_longest(*six, rooms))
    works: list[Work] = [*plain, *of_pairs, *(w for w in mixed if w is not None)]
    problems: Counter[str] = Counter()  # what went wrong, how often
    with multiprocessing.get_context("fork").Pool(args.processes) as pool:
        for n, problem in enumerate(pool.imap_unordered(_do, works), 1):
            if problem:
                problems[problem] += 1
            if n % 200 == 0 or n == len(works):
                print(f"{n} of {len(works)}", *problems.items(), flush=True)


def _do(work: Work) -> str:
    """Do it; return what went wrong, for a picture more or less is none."""
    try:
        work()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _plain_photo(folder: Path, path: Path) -> None:
    _plain(folder, f"photos_{path.stem}", _open(path))


def _photo(folder: Path, path: Path, version: int) -> None:
    _coded(folder, f"photos_{path.stem}", _open(path), version)


def _pair(folder: Path, number: int, pair: Pair, version: int) -> None:
    name, image = f"frames_{number}", pair.load()
    assert image.color is not None
    if version >= 4:
        _depth(folder, f"{name}_{version}", to_frame(image, DATA), 3)
    elif "cabinet" not in str(pair.color):  # poor JPEGs
        if version < 0:
            _plain(folder, name, image.color)
        else:
            _coded(folder, name, image.color, version)


def _room(folder: Path, number: int) -> None:
    sensor = SENSORS[number % len(SENSORS)]
    seed, seen = FIRST_ROOM + number, None if sensor == "none" else sensor
    made = scene(seed, 480, 640, sensor=seen, textures=_textures)
    if seen is None:
        _plain(folder, f"rooms_{seed}", made.color, smaller=0)
        _coded(folder, f"rooms_{seed}", made.color, seed)
    _depth(folder, f"rooms_{seed}", to_frame(RgbdImage(made.color, made.depth), DATA), 2)


def _plain(folder: Path, name: str, picture: Picture, smaller: int = 2) -> None:
    """Keep a picture, and smaller copies of it."""
    _write(folder / "color" / f"{name}.npz", color=picture)
    for k in range(smaller):
        small = smaller(_luck(name, k, 7), picture, 256)
        _write(folder / "color" / f"{name}_{k}.npz", color=small)


def _coded(folder: Path, name: str, picture: Picture, version: int) -> None:
    """Keep colour beside what AV1 leaves of it; versions spread over the qualities."""
    luck = _luck(name, version, 8)
    if luck.random() < 0.375:
        picture = smaller(luck, picture, 128)
    low, high = QUALITIES
    share = (version * 0.618034 + luck.random() * 0.1 + sum(name.encode()) * 0.137) % 1
    quality, speed = round(low + (high - low) * share), int(luck.choice(SPEEDS))
    extra = fewer_tools(speed) if luck.random() < 0.75 else None
    ((made, _),) = coded_color.code(picture, [coded_color.Way(quality, speed, "ssim")], extra)
    assert made.coded is not None
    _write(
        folder / "coded" / f"{name}_{version}.npz",
        color=made.color,
        picture=made.coded.picture,
        quality=made.coded.quality,
        rmse=made.coded.rmse,
    )


def _depth(folder: Path, name: str, frame: Frame, versions: int) -> None:
    """Keep depth beside what AV1 leaves of it, and of its colour."""
    luck = _luck(name, versions, 9)
    qualities = spread(luck, QUALITIES, versions).tolist()
    of_color = int(luck.integers(*QUALITIES, endpoint=True))
    for k, (made, _) in enumerate(coded_depth.code(frame, of_color, qualities)):
        assert made.coded is not None
        _write(
            folder / "depth" / f"{name}_{k}.npz",
            color=made.color,
            depth=made.depth,
            valid=made.valid,
            picture=made.coded.picture,
            top=made.coded.top,
            rmse=made.coded.rmse,
        )


def _luck(name: str, version: int, stream: int) -> np.random.Generator:
    return np.random.default_rng([stream, version, *name.encode()])


def _open(path: Path) -> Picture:
    return np.asarray(Image.open(path).convert("RGB"))


def _write(path: Path, **arrays: Any) -> None:
    """Write a file that is whole as soon as it has its name."""
    hidden = path.with_suffix(".tmp")
    with open(hidden, "wb") as file:
        np.savez(file, **arrays)
    hidden.replace(path)


if __name__ == "__main__":
    main()
