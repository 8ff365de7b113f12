"""Opening a recipe's sources: photographs, RGB-D pairs, generated rooms; bad files by name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from ..codings.filling import depth_range, fill_holes
from ..errors import EncodepthError, InvalidImageError
from ..frame import RgbdImage
from ..io.check import doubts_about
from ..io.dataset import open_dataset
from ..io.found import Problem
from ..io.pair import Pair
from ..io.pictures import read
from ..scenes.scene import scene
from .allowed import may_train
from .batches import Frame, Frames
from .coded import CodedFrames
from .coded_color import color_ahead, color_at
from .coded_depth import depth_ahead, depth_at
from .coded_groups import groups_ahead
from .config import Data, Recipe, Source
from .loop import Validation
from .moved import least_side
from .pack import Doubt, Pack, make_pack
from .taught import taught

T = TypeVar("T")
Say = Callable[[str], None]
PICTURES = (".png", ".webp", ".jpg", ".jpeg", ".tif", ".tiff")
_MEMORY = 4 << 30  # bytes of decoded photographs that are kept
_STRETCH = 0.01  # between the axes of colour and depth; ScanNet's 1296x968 and 640x480 have 0.004
_DOUBTS = 20  # doubtful pairs of a source that are named one by one


def open_training(recipe: Recipe, say: Say) -> list[Frames]:
    """Open the training sources, in the recipe's order.

    Raises:
        EncodepthError: a source has nothing usable, or a file is bad and the recipe refuses that.
    """
    data = recipe.data
    sources = [_open(recipe, s, _least(s, data.crop), say, training=True) for s in data.train]
    packs, both = Path(data.packs), list(zip(sources, data.train, strict=True))
    if recipe.model.family not in ("restore", "restore-color"):
        return sources
    coded = [_ahead(frames, source, recipe, packs, say) for frames, source in both]
    if teachers := recipe.model.teachers:
        return [*taught(coded, teachers, packs, say)]
    return [*coded]


def _least(source: Source, crop: int) -> int:
    """Return the least side of a source's pictures, so that a crop has room."""
    return least_side(crop) if source.group and source.kind == "photos" else crop


def _ahead(frames: Frames, source: Source, recipe: Recipe, packs: Path, say: Say) -> CodedFrames:
    """Return a training source as AV1 codes it."""
    ahead, of_depth = recipe.ahead, recipe.model.family == "restore"
    if source.group:
        return groups_ahead(frames, source, ahead, of_depth, packs, say)
    if of_depth:
        return depth_ahead(frames, source, ahead, packs, say)
    return color_ahead(frames, source, ahead, recipe.data.crop, packs, say)


def open_validation(recipe: Recipe, say: Say) -> list[Validation]:
    """Read the validation pictures, cut from their centres to multiples of 64.

    For the networks that restore every picture comes once per quality, as AV1 leaves it.
    """
    found = []
    left = recipe.validation.frames or 1 << 30
    for source in recipe.data.validation:
        frames = _open(recipe, source, 64, say)
        cuts = [centre(frames[i], recipe.data.validation_size) for i in range(len(frames))][:left]
        cuts = [c for c in cuts if c.valid is None or c.valid.any()]
        left -= len(cuts)
        if cuts:
            found.append(Validation(frames.label, _as_coded(cuts, frames.label, recipe, say)))
    return found


def _as_coded(cuts: list[Frame], label: str, recipe: Recipe, say: Say) -> list[Frame]:
    """Return validation pictures as the recipe's family sees them."""
    qualities, packs = recipe.validation.qualities, Path(recipe.data.packs)
    if recipe.model.family == "restore-color":
        coded = color_at(cuts, label, qualities, recipe.ahead.validation, packs, say)
    elif recipe.model.family == "restore":
        coded = depth_at(cuts, label, qualities, packs, say)
    else:
        return cuts
    return [coded[i] for i in range(len(coded))]


def source_files(recipe: Recipe) -> list[Path]:
    """Return the files below `data.root` that a recipe chooses from, for taking them elsewhere.

    Raises:
        EncodepthError: a source has none.
    """
    root = Path(recipe.data.root)
    found: set[Path] = set()
    for training, sources in ((True, recipe.data.train), (False, recipe.data.validation)):
        for source in sources:
            whole = replace(source, every=1, limit=0)  # thinned there, or the choice would differ
            if source.kind == "pairs":
                pairs, _ = _pairs(whole, root, training)
                found.update(_on_disk(f) for p in pairs for f in (p.color, p.depth) if f)
                folders = {_on_disk(p.path).parents[1] for p in pairs}
                found.update(f for folder in folders for f in folder.glob("*.*") if f.is_file())
            elif source.path:
                found.update(_photos(whole, root))
    return sorted(found)


def fingerprint(sources: Sequence[Frames]) -> str:
    """Return a hash over every source: names and sizes of files, seeds of what is generated."""
    text = "\n".join(f"{s.label} {len(s)} {s.fingerprint}" for s in sources)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def centre(frame: Frame, most: tuple[int, int]) -> Frame:
    """Cut the middle out of a frame, at most of this size, sides multiples of 64."""
    sides = [min(n, m) // 64 * 64 for n, m in zip(frame.size, most, strict=True)]
    starts = [(n - s) // 2 for n, s in zip(frame.size, sides, strict=True)]
    rows, columns = (slice(a, a + s) for a, s in zip(starts, sides, strict=True))
    return Frame(
        None if frame.color is None else frame.color[rows, columns],
        None if frame.depth is None else frame.depth[rows, columns],
        None if frame.valid is None else frame.valid[rows, columns],
        frame.low,
        frame.high,
        frame.unit,
    )


def to_frame(image: RgbdImage, data: Data) -> Frame:
    """Prepare a pair: holes filled, the range that becomes 0..1 found.

    Colour of more pixels but the same shape, as ScanNet has it, shrinks to the size of depth.

    Raises:
        InvalidImageError: colour or depth is missing, they differ in shape, or too little of depth
            was measured.
    """
    color, depth = image.color, image.depth
    if color is None or depth is None:
        raise InvalidImageError("it lacks color or depth")
    if _same_shape(color, depth):
        whole, (height, width) = Image.fromarray(color), depth.shape
        color = np.asarray(whole.resize((width, height), Image.Resampling.LANCZOS))
    if color.shape[:2] != depth.shape:
        raise InvalidImageError(
            f"color is {color.shape[1]}x{color.shape[0]} but depth is"
            f" {depth.shape[1]}x{depth.shape[0]}"
        )
    valid = depth > 0
    share = float(valid.mean())
    if share < max(data.min_valid, 1e-9):
        raise InvalidImageError(f"{share:.0%} of its depth was measured")
    filled = np.rint(fill_holes(depth)).astype(np.uint16)
    return Frame(color, filled, valid, *depth_limits(depth, data), image.depth_unit)


def _same_shape(color: np.ndarray, depth: np.ndarray) -> bool:
    """Whether colour is depth's view in more pixels."""
    tall, wide = (c / d for c, d in zip(color.shape[:2], depth.shape, strict=True))
    return min(tall, wide) > 1 and abs(tall / wide - 1) < _STRETCH


def depth_limits(depth: np.ndarray, data: Data) -> tuple[int, int]:
    """Return the steps that become 0 and 1 in the network."""
    if data.depth_range == "65535":
        return 0, 65535
    return depth_range(depth)


def _refuse(reasons: Sequence[str], setting: str, say: Say) -> None:
    """End the run if there is a reason; the others are said before, so that one run tells all."""
    for reason in reasons[1:]:
        say(f"refused: {reason}")
    if reasons:
        more = f" and {len(reasons) - 1} more" if len(reasons) > 1 else ""
        raise EncodepthError(f"{reasons[0]}{more} ({setting})")


class Photos:
    """Colour pictures of a folder, decoded once and kept as long as memory allows.

    Every picture that is kept is checked on opening. One beyond that is checked when it is drawn;
    a bad one is then named and its neighbour takes its place.
    """

    def __init__(self, label: str, paths: Sequence[Path], smallest: int, data: Data, say: Say):
        self.label, self._smallest, self._data, self._say = label, smallest, data, say
        self._kept: dict[Path, np.ndarray] = {}
        self._paths, room = [], _MEMORY
        bad: list[str] = []
        for path in paths:
            if room <= 0:
                self._paths.append(path)
                continue
            try:
                picture = self._read(path)
            except InvalidImageError as error:
                bad.append(str(error))
                continue
            self._paths.append(path)
            self._kept[path] = picture
            room -= picture.nbytes
        complain(bad, data, say)
        if not self._paths:
            raise EncodepthError(f"{label}: no usable picture")
        self.fingerprint = _hash(f"{p.name} {p.stat().st_size}" for p in self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, i: int) -> Frame:
        for n in range(len(self)):
            path = self._paths[(i + n) % len(self)]
            try:
                return Frame(self._kept[path] if path in self._kept else self._read(path))
            except InvalidImageError as error:
                complain([str(error)], self._data, self._say)
        raise EncodepthError(f"{self.label}: no usable picture is left")

    def _read(self, path: Path) -> np.ndarray:
        picture = read(path).color
        assert picture is not None
        if min(picture.shape[:2]) < self._smallest:
            raise InvalidImageError(
                f"{path} is {picture.shape[1]}x{picture.shape[0]}; a crop has"
                f" {self._smallest} pixels a side"
            )
        return picture


def complain(reasons: Sequence[str], data: Data, say: Say) -> None:
    """Name bad files, every one, and end the run if the recipe refuses bad files."""
    if data.bad == "refuse":
        _refuse(reasons, 'data.bad = "refuse"', say)
    for reason in reasons:
        say(f"skipped: {reason}")


def doubt(reasons: Sequence[str], data: Data, say: Say) -> None:
    """Name pairs that look wrong, and end the run if the recipe refuses them."""
    if data.doubtful == "refuse":
        _refuse(reasons, 'data.doubtful = "refuse"', say)
    start = "skipped: " if data.doubtful == "skip" else "doubtful: "
    for reason in reasons[:_DOUBTS]:
        say(start + reason)
    if len(reasons) > _DOUBTS:
        say(f"{start}{len(reasons) - _DOUBTS} more; `encodepth data check` names every one")


def find(source: Source, root: Path) -> list[Path]:
    """Return what a source's path matches below root, sorted.

    Raises:
        EncodepthError: nothing.
    """
    whole = root / source.path
    found = [whole] if whole.exists() else sorted(root.glob(source.path))
    if not found:
        raise EncodepthError(f"no data at {whole}; set data.root and the source's path to yours")
    return found


def _open(
    recipe: Recipe, source: Source, smallest: int, say: Say, *, training: bool = False
) -> Frames:
    root, data = Path(recipe.data.root), recipe.data
    if source.kind == "photos":
        return Photos(source.path, _photos(source, root), smallest, data, say)
    if source.kind == "generated":
        textures = _textures(source, root, data, say) if source.path else None
        seen = "noise" if textures is None else textures.fingerprint
        made = (source.count, source.seed, source.size, source.sensors, seen)
        label = f"generated {source.seed}..{source.seed + source.count - 1}"
        rooms = replace(data, bad="skip")  # a room too near for its sensor is no bad file
        return _packed(label, made, lambda: _generate(source, textures, data), rooms, say)
    pairs, problems = _pairs(source, root, training)
    complain([str(problem) for problem in problems], data, say)
    facts = (smallest, [pair.stamp for pair in pairs], "with doubts")
    return _packed(source.path, facts, lambda: _load(pairs, smallest, data), data, say)


def _packed(
    label: str,
    facts: object,
    make: Callable[[], Iterator[Frame | Doubt | str]],
    data: Data,
    say: Say,
) -> Pack:
    """Open the pack that holds these frames, made first if there is none yet."""
    key = _hash([label, repr(facts), data.depth_range, str(data.min_valid)])
    folder = Path(data.packs) / key
    if not folder.exists():
        say(f"packing {label} into {folder}")
        make_pack(folder, make())
    pack = Pack(folder, label, doubtful=data.doubtful != "skip")
    complain(pack.skipped, data, say)
    doubt(pack.doubts, data, say)
    if not len(pack):
        raise EncodepthError(f"{label}: no usable pair")
    return pack


def _generate(source: Source, textures: Photos | None, data: Data) -> Iterator[Frame | str]:
    pictures = None
    if textures is not None:
        pictures = [np.asarray(textures[i].color) for i in range(len(textures))]
    for i in range(source.count):
        sensor = source.sensors[i % len(source.sensors)]
        made = scene(
            source.seed + i, *source.size, sensor=None if sensor == "none" else sensor,
            textures=pictures,
        )  # fmt: skip
        yield _frame_or_reason(RgbdImage(made.color, made.depth), f"scene {source.seed + i}", data)


def _load(pairs: Sequence[Pair], smallest: int, data: Data) -> Iterator[Frame | Doubt | str]:
    for pair in pairs:
        name = f"{pair.sequence}/{pair.frame}"
        try:
            image = pair.load()
        except (EncodepthError, OSError, MemoryError) as error:
            reason = " ".join(str(error).split()) or "out of memory"
            yield reason if isinstance(error, EncodepthError) else f"{name}: {reason}"
            continue
        frame = _frame_or_reason(image, name, data)
        if isinstance(frame, Frame) and min(frame.size) < smallest:
            frame = f"{name} is {frame.size[1]}x{frame.size[0]}; a crop has {smallest} a side"
        doubts = [str(problem) for problem in doubts_about(pair, image) if not problem.fatal]
        yield Doubt(frame, doubts[0]) if doubts and isinstance(frame, Frame) else frame


def _frame_or_reason(image: RgbdImage, name: str, data: Data) -> Frame | str:
    try:
        return to_frame(image, data)
    except InvalidImageError as error:
        return f"{name}: {error}"


def _pairs(source: Source, root: Path, training: bool) -> tuple[list[Pair], list[Problem]]:
    """Return the pairs that a source chooses, and what is wrong with names and tables there."""
    groups: dict[str, list[Pair]] = {}
    problems: list[Problem] = []
    for path in find(source, root):
        data = open_dataset(path)
        problems += [p for p in data.problems if p.fatal and not _excluded(p.path, root, source)]
        for pair in data:
            allowed = not training or may_train(pair)
            if pair.color is None or pair.depth is None:
                continue
            if allowed and not _excluded(pair.color, root, source):
                groups.setdefault(f"{path}/{pair.sequence}", []).append(pair)
    return [pair for group in groups.values() for pair in _thin(group, source)], problems


def _photos(source: Source, root: Path) -> list[Path]:
    """Return the picture files of the folders, or those that the pattern matches."""
    groups: dict[Path, list[Path]] = {}
    for path in find(source, root):
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.suffix.lower() in PICTURES and not _excluded(file, root, source):
                groups.setdefault(file.parent, []).append(file)
    return [file for group in groups.values() for file in _thin(group, source)]


def _textures(source: Source, root: Path, data: Data, say: Say) -> Photos:
    return Photos(source.path, _photos(replace(source, every=2, limit=0), root), 256, data, say)


def _on_disk(path: Path) -> Path:
    """Return the file itself, or the archive it lies in."""
    return next(p for p in (path, *path.parents) if p.is_file())


def _thin(group: list[T], source: Source) -> list[T]:
    return group[:: source.every][: source.limit or None]


def _excluded(path: Path, root: Path, source: Source) -> bool:
    return any(fnmatch(str(path.relative_to(root)), pattern) for pattern in source.exclude)


def _hash(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
