"""Reads every pair of a dataset once and says what is broken, file by file."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np

from ..errors import EncodepthError
from ..frame import Intrinsics, Note, RgbdImage
from .dataset import Dataset, open_dataset
from .found import PairBy, Problem, merged
from .pair import Pair, read_rotated
from .ros.bag import is_bag
from .words import sequence_words

OnError = Literal["skip", "raise"]
_NEAR, _FAR = 0.1, 30.0  # metres: a median depth outside makes the unit doubtful
_ROTATED = 8192  # mm, from which SUN RGB-D's rotation fills the lowest bits too
_AHEAD = 8  # pairs read ahead per worker


@dataclass(frozen=True)
class Report:
    """What a check found.

    Attributes:
        path: what was checked.
        layouts: which layouts were recognised.
        pairs: how many pairs there are.
        usable: how many of them can be read and hold some depth.
        sequences: usable pairs of each sequence.
        sizes: usable pairs of each size of depth map, "640x480".
        about: of each sequence, its unit, range in metres and camera, and where these come from.
        notes: what had to be changed in pictures: [what, pictures, pixels].
        problems: fatal ones first.
    """

    path: Path
    layouts: tuple[str, ...]
    pairs: int
    usable: int
    sequences: dict[str, int]
    sizes: dict[str, int]
    about: dict[str, str]
    notes: tuple[tuple[str, int, int], ...]
    problems: tuple[Problem, ...]

    @property
    def broken(self) -> int:
        """How many problems are fatal."""
        return sum(problem.count for problem in self.problems if problem.fatal)

    def as_dict(self) -> dict[str, object]:
        """Return the report as JSON holds it."""
        return {
            "path": str(self.path),
            "layouts": list(self.layouts),
            "pairs": self.pairs,
            "usable": self.usable,
            "sequences": self.sequences,
            "sizes": self.sizes,
            "about": self.about,
            "notes": [
                {"what": what, "pictures": pictures, "pixels": pixels}
                for what, pictures, pixels in self.notes
            ],
            "problems": [
                {"path": str(p.path), "message": p.message, "fatal": p.fatal, "count": p.count}
                for p in self.problems
            ],
        }


def check(
    path: str | os.PathLike[str] | Dataset,
    *,
    depth_unit: float | None = None,
    pair_by: PairBy | None = None,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Read every pair and report.

    Args:
        path: a folder, archive, .mat file or ROS bag, or an open dataset.
        depth_unit: metres per step, instead of what the layout says.
        pair_by: how colour and depth are matched where the layout leaves it open.
        jobs: threads.
        progress: called with (pairs read, pairs in all).

    Raises:
        EncodepthError: nothing is there that looks like pairs.
    """
    if not isinstance(path, Dataset) and is_bag(path):
        return _check_bag(Path(path), depth_unit, pair_by, progress)
    data = (
        path
        if isinstance(path, Dataset)
        else open_dataset(path, depth_unit=depth_unit, pair_by=pair_by)
    )
    problems = list(data.problems)
    sequences: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    ranges: dict[str, tuple[float, float]] = {}
    notes: dict[str, tuple[int, int]] = {}
    for done, (pair, result) in enumerate(_load_all(data, jobs), 1):
        if isinstance(result, RgbdImage):
            doubts = list(doubts_about(pair, result))
            problems += doubts
            if not any(doubt.fatal for doubt in doubts):
                sequences[pair.sequence] += 1
                sizes[size_words(result)] += 1
                ranges[pair.sequence] = widened(ranges.get(pair.sequence), result)
                count_notes(notes, result.notes)
        else:
            problems.append(Problem(_culprit(pair, str(result)), str(result)))
        if progress is not None:
            progress(done, len(data))
    problems.sort(key=lambda problem: not problem.fatal)
    usable = sequences.total()
    members: dict[str, list[Pair]] = {}
    for pair in data.pairs:
        members.setdefault(pair.sequence, []).append(pair)
    return Report(
        data.path,
        data.layouts,
        len(data),
        usable,
        dict(sequences),
        dict(sizes),
        {name: sequence_words(members[name], ranges[name]) for name in sequences},
        tuple((what, *counts) for what, counts in notes.items()),
        merged(problems),
    )


def _check_bag(
    path: Path,
    depth_unit: float | None,
    pair_by: PairBy | None,
    progress: Callable[[int, int], None] | None,
) -> Report:
    from .recordings import Given
    from .ros.check import check_bag

    return check_bag(path, Given(depth_unit=depth_unit, pair_by=pair_by), progress)


def count_notes(counted: dict[str, tuple[int, int]], notes: Iterable[Note]) -> None:
    """Add a picture's notes to (pictures, pixels) of each kind."""
    for note in notes:
        pictures, pixels = counted.get(note.what, (0, 0))
        counted[note.what] = pictures + 1, pixels + note.pixels


def note_words(what: str, pictures: int, pixels: int) -> str:
    """Return what was changed, added up: "in 3 pictures: 120 pixels of 65535 became holes"."""
    return f"in {pictures:,} picture{'s' * (pictures > 1)}: {Note(what, pixels)}"


def usable(
    pairs: Iterable[Pair],
    *,
    on_error: OnError = "raise",
    jobs: int = 1,
    tell: Callable[[Problem], None] | None = None,
) -> Iterator[tuple[Pair, RgbdImage]]:
    """Load pair after pair; a broken one is skipped or ends the run, as `on_error` says.

    Args:
        pairs: what to load.
        on_error: "skip" goes on to the next pair, "raise" raises.
        jobs: threads that read ahead.
        tell: called with what is wrong with a skipped pair.

    Raises:
        EncodepthError: a pair is broken and `on_error` is "raise".
    """
    if on_error not in ("skip", "raise"):
        raise ValueError(f'on_error is "{on_error}"; expected "skip" or "raise"')
    for pair, result in _load_all(pairs, jobs):
        problem = _first_fatal(pair, result)
        if problem is None:
            assert isinstance(result, RgbdImage)
            yield pair, result
        elif on_error == "raise":
            raise EncodepthError(str(problem))
        elif tell is not None:
            tell(problem)


def doubts_about(pair: Pair, image: RgbdImage) -> Iterator[Problem]:
    """Yield what is wrong or doubtful about a pair that could be read."""
    color, depth = image.color, image.depth
    yield from _doubts_about_camera(pair, image)
    if depth is None or pair.depth is None:
        return
    values = depth[depth > 0]
    if values.size == 0:
        yield Problem(pair.depth, "every pixel of depth is a hole")
        return
    if color is not None:
        tall, wide = color.shape[0] / depth.shape[0], color.shape[1] / depth.shape[1]
        if abs(tall / wide - 1) > 0.05:
            sizes = f"color is {color.shape[1]}x{color.shape[0]}, depth {depth.shape[1]}x"
            yield Problem(pair.depth, f"{sizes}{depth.shape[0]}: not one shape", fatal=False)
    if values.size < 0.05 * depth.size:
        share = values.size / depth.size
        yield Problem(pair.depth, f"only {share:.1%} of depth was measured", fatal=False)
    if pair.reader is read_rotated and np.median(values) > _ROTATED:
        message = "most of it is far: are its bits rotated, as those of SUN RGB-D are"
        yield Problem(pair.depth, message, fatal=False)
    yield from doubts_about_unit(pair.depth, values, image.depth_unit)


def _doubts_about_camera(pair: Pair, image: RgbdImage) -> Iterator[Problem]:
    """Doubt a camera of another size, which is said or shows by its centre."""
    camera, said = image.intrinsics, pair.camera_source.size
    if camera is None:
        return
    planes = [plane for plane in (image.depth, image.color) if plane is not None]
    if said is not None and said != (planes[0].shape[1], planes[0].shape[0]):
        size = f"{planes[0].shape[1]}x{planes[0].shape[0]}"
        message = f"the camera ({pair.camera_source}) is of another size than depth, {size}"
        yield Problem(pair.depth or pair.path, message, fatal=False)
        return
    fits = [_centred(camera, plane.shape[1], plane.shape[0]) for plane in planes]
    if fits[0]:
        return
    size = f"{planes[0].shape[1]}x{planes[0].shape[0]}"
    centre = f"its centre is {camera.cx:g},{camera.cy:g}"
    if any(fits):
        centre += ", and fits colour"
    message = f"the camera of {pair.camera_source.words} does not fit {size} pictures: {centre}"
    yield Problem(pair.depth or pair.path, message, fatal=False)


def _centred(camera: Intrinsics, width: int, height: int) -> bool:
    return abs(camera.cx / width - 0.5) < 0.25 and abs(camera.cy / height - 0.5) < 0.25


def doubts_about_unit(path: Path, values: np.ndarray, unit: float) -> Iterator[Problem]:
    """Yield why a depth unit seems wrong for the measured values of a map, in steps."""
    levels = np.unique(values)
    middle = float(np.median(values)) * unit
    doubt = None
    if levels.size > 1 and levels.size <= 256 and not (levels % 257).any():
        doubt = "values are multiples of 257: 8 bits stretched to 16"
    elif levels.size > 1 and levels[-1] <= 255:
        doubt = f"values reach {levels[-1]} of 65535: 8 bits in a 16-bit file"
    elif unit == 0.001 and levels.size > 20 and not (levels % 8).any() and middle > 8:
        doubt = "values are multiples of 8: bits rotated as in SUN RGB-D"
    elif unit == 0.001 and levels.size > 20 and not (levels % 5).any() and middle > 3:
        doubt = "values are multiples of 5: in steps of 0.2 mm as in TUM (depth unit 0.0002)"
    elif not _NEAR <= middle <= _FAR:
        doubt = (
            f"half of it is beyond {middle:.3g} m" if middle > 1 else f"median is {middle:.3g} m"
        )
        doubt += f" if a step is {unit:g} m; is the depth unit right"
    if doubt is not None:
        yield Problem(path, doubt, fatal=False)


def _first_fatal(pair: Pair, result: RgbdImage | EncodepthError) -> Problem | None:
    if isinstance(result, EncodepthError):
        return Problem(_culprit(pair, str(result)), str(result))
    return next((doubt for doubt in doubts_about(pair, result) if doubt.fatal), None)


def _culprit(pair: Pair, message: str) -> Path:
    """Return which of a pair's files a message is about."""
    return pair.depth if pair.depth and str(pair.depth) in message else pair.path


def size_words(image: RgbdImage) -> str:
    """Return "640x480" of depth, or of colour where there is no depth."""
    plane = image.color if image.depth is None else image.depth
    assert plane is not None
    return f"{plane.shape[1]}x{plane.shape[0]}"


def widened(known: tuple[float, float] | None, image: RgbdImage) -> tuple[float, float]:
    """Return the nearest and farthest depth in metres, with a picture more; (0, 0) for none."""
    depth = image.depth
    if depth is None or not depth.any():
        return known or (0.0, 0.0)
    near = float(depth[depth > 0].min()) * image.depth_unit
    far = float(depth.max()) * image.depth_unit
    return (near, far) if known in (None, (0.0, 0.0)) else (min(near, known[0]), max(far, known[1]))


def _load_all(
    pairs: Iterable[Pair], jobs: int
) -> Iterator[tuple[Pair, RgbdImage | EncodepthError]]:
    """Load in order, `jobs` at a time, no more than a few pairs ahead."""
    if jobs <= 1:
        yield from ((pair, _load(pair)) for pair in pairs)
        return
    rest = iter(pairs)
    with ThreadPoolExecutor(jobs) as pool:
        waiting = [(pair, pool.submit(_load, pair)) for pair in islice(rest, jobs * _AHEAD)]
        while waiting:
            pair, future = waiting.pop(0)
            waiting += [(p, pool.submit(_load, p)) for p in islice(rest, 1)]
            yield pair, future.result()


def _load(pair: Pair) -> RgbdImage | EncodepthError:
    try:
        return pair.load()
    except EncodepthError as error:
        return error
    except (OSError, MemoryError) as error:
        return EncodepthError(f"{pair.color}: {' '.join(str(error).split()) or 'out of memory'}")
