"""Reads every picture of a bag once and says what is broken, as `io.check` does for folders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from ...errors import EncodepthError
from ...frame import Frame, RgbdImage
from ..check import Report, count_notes, doubts_about_unit, size_words, widened
from ..found import Problem, merged
from ..recordings import Given
from ..words import range_words
from .bag import Bag
from .source import open_bag


def check_bag(
    path: Path, given: Given, progress: Callable[[int, int], None] | None = None
) -> Report:
    """Read every frame of every camera and report; a frame is what the report calls a pair.

    Raises:
        EncodepthError: rosbags is missing, the bag is damaged at its start, topics are ambiguous.
    """
    found, problems_ = open_bag(path, given)
    problems = list(problems_)
    sequences: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    notes: dict[str, tuple[int, int]] = {}
    about, done, total = {}, 0, sum(one.count for one in found)
    for one in found:
        reach, doubted = (0.0, 0.0), False
        sequences[one.name] = 0
        for frame in one.read(range(one.count)):
            if isinstance(frame, EncodepthError):
                problems.append(Problem(path, str(frame)))
                continue
            done += 1
            count_notes(notes, frame.image.notes)
            reach = widened(reach, frame.image)
            if not doubted:
                doubts = list(_doubts(path, frame))
                problems += doubts
                doubted = bool(doubts)
            sequences[one.name] += 1
            sizes[size_words(frame.image)] += 1
            if progress is not None:
                progress(done, max(done, total))
        about[one.name] = f"{one.words}; {range_words(*reach)}"
    problems.sort(key=lambda problem: not problem.fatal)
    with Bag(path) as bag:
        kind = bag.kind
    broken = sum(problem.fatal for problem in problems)
    return Report(
        path,
        (kind,),
        done + broken,
        done,
        dict(sequences),
        dict(sizes),
        about,
        tuple((what, *counts) for what, counts in notes.items()),
        merged(problems),
    )


def _doubts(path: Path, frame: Frame) -> list[Problem]:
    image: RgbdImage = frame.image
    if image.depth is None or not image.depth.any():
        return []
    return list(doubts_about_unit(path, image.depth[image.depth > 0], image.depth_unit))
