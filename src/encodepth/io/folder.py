"""Plain folders of pairs: color/ beside depth/, or *_color beside *_depth in one folder.

Nothing is published of these, so unit and camera are what files beside them say, or unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePath

import numpy as np

from .beside import Facts, facts_beside
from .found import DEPTHS, Found, How, Matched, by_key, by_stem, child, pictures
from .pair import Pair
from .poses import seen, trajectory
from .tree import Folder

COLOR_FOLDERS = ("color", "colors", "rgb", "image", "images", "colour")
DEPTH_FOLDERS = ("depth", "depths", "depth_image", "depth_images")
COLOR_ALONE, DEPTH_ALONE = ALONE = ("folder of color", "folder of depth")
_COLOR_NAME = re.compile(
    r"^(?:(.*?)[-_.])?(?:color|colour|rgb|image)(?:[-_.](.*))?$|^(?:frame|rgb|color)(\d+)$", re.I
)
_DEPTH_NAME = re.compile(r"^(?:(.*?)[-_.])?depth(?:[-_.](.*))?$|^depth(\d+)$", re.I)


def read(folder: Folder, how: How) -> Found | None:
    """Return the pairs of a folder with color/ and depth/, or with one of them, matched by name."""
    colors, depths = child(folder, *COLOR_FOLDERS), child(folder, *DEPTH_FOLDERS)
    if colors is None and depths is None and folder.above is None:
        colors = folder if folder.name.lower() in COLOR_FOLDERS else None
        depths = folder if folder.name.lower() in DEPTH_FOLDERS else None
    if colors is not None and not pictures(colors) and depths is None:
        return None
    if not any((colors and pictures(colors), depths and pictures(depths, DEPTHS))):
        return None
    facts = facts_beside(folder)
    pairs, lonely = matched(folder, colors, depths, facts, how)
    layout = "folder" if colors and depths else DEPTH_ALONE if depths else COLOR_ALONE
    return Found(layout, pairs, lonely + facts.problems)


def read_side_by_side(folder: Folder, how: How) -> Found | None:
    """Return the pairs of a folder where colour and depth lie side by side."""
    return side_by_side(folder, how, "color and depth side by side", facts_beside)


def side_by_side(
    folder: Folder, how: How, layout: str, facts_of: Callable[[Folder], Facts]
) -> Found | None:
    """Return pairs that lie side by side, for a layout that knows its facts."""
    colors = _named(folder, _COLOR_NAME, (*DEPTHS, ".jpg", ".jpeg", ".webp"))
    depths = _named(folder, _DEPTH_NAME, DEPTHS)
    if not depths:
        return None
    facts = facts_of(folder)
    make = partial(_pair, folder, facts)
    if colors:
        pairs, lonely = by_key(colors, depths, make, how)
    else:
        pairs, lonely = tuple(make(key, None, path) for key, path in sorted(depths.items())), ()
    return Found(layout, with_poses(folder, pairs), lonely + facts.problems)


def matched(
    folder: Folder, colors: Folder | None, depths: Folder | None, facts: Facts, how: How
) -> Matched:
    """Pair the pictures of two folders of a recording, with the poses beside them."""
    pairs, lonely = by_stem(colors, depths, partial(_pair, folder, facts), how)
    return _seen(folder, with_poses(folder, pairs)), lonely


def _seen(folder: Folder, pairs: tuple[Pair, ...]) -> tuple[Pair, ...]:
    """Add when and from where frames were seen, where a decoded recording says so."""
    known = seen(folder)
    if not known:
        return pairs
    found = []
    for pair in pairs:
        time, pose = known.get(pair.frame, (None, None))
        if time is not None:
            pair = replace(pair, time=time / 1e9, time_ns=time)
        found.append(pair if pose is None else replace(pair, pose_at=pose))
    return tuple(found)


def with_poses(folder: Folder, pairs: tuple[Pair, ...]) -> tuple[Pair, ...]:
    """Add poses from a trajectory with as many as there are pairs, where frames have none."""
    if any(pair.pose_at is not None for pair in pairs):
        return pairs
    poses = next((found for found in map(trajectory, list(folder.upwards())[:2]) if found), [])
    if len(poses) == len(pairs):
        return _posed(pairs, poses)
    whole = tuple(pair for pair in pairs if pair.color is not None and pair.depth is not None)
    if len(poses) != len(whole):
        return pairs
    posed = {pair.frame: pair for pair in _posed(whole, poses)}
    return tuple(posed.get(pair.frame, pair) for pair in pairs)


def _posed(pairs: tuple[Pair, ...], poses: list[np.ndarray | None]) -> tuple[Pair, ...]:
    return tuple(replace(p, pose_at=pose) for p, pose in zip(pairs, poses, strict=True))


def _pair(folder: Folder, facts: Facts, frame: str, color: Path | None, depth: Path | None) -> Pair:
    return facts.pair(folder.sequence(), frame, color, depth, pose=_pose_of(folder, frame))


def _pose_of(folder: Folder, frame: str) -> Path | None:
    """Return the file of a frame's pose: frame.pose.txt beside it, or pose/frame.txt."""
    if f"{frame}.pose.txt" in folder.files:
        return folder.path / f"{frame}.pose.txt"
    poses = child(folder, "pose", "poses")
    return poses.path / f"{frame}.txt" if poses and f"{frame}.txt" in poses.files else None


def _named(folder: Folder, pattern: re.Pattern[str], kinds: tuple[str, ...]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for name in pictures(folder, kinds):
        match = pattern.match(PurePath(name).stem)
        if match:
            key = "_".join(part for part in match.groups() if part)
            found.setdefault(key or folder.name, folder.path / name)
    return found
