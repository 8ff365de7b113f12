"""Where a camera stood, by the transforms of /tf and /tf_static.

Transforms form a tree of frames. Only those between the two frames that are asked for are kept;
between two of their times they are interpolated, outside nothing is known.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...errors import EncodepthError
from ..poses import from_quaternion
from .bag import NS, OLD_TRANSFORMS, TRANSFORMS, Bag

STATIC = "/tf_static"


@dataclass
class _Link:
    """The transforms from one frame to the one above it, by time."""

    above: str
    static: bool = True
    times: array[int] = field(default_factory=lambda: array("q"))
    numbers: array[float] = field(default_factory=lambda: array("d"))

    def finish(self) -> None:
        """Sort by time."""
        order = np.argsort(np.frombuffer(self.times, np.int64), kind="stable")
        self.known = np.frombuffer(self.times, np.int64)[order]
        self.rows = np.frombuffer(self.numbers, np.float64).reshape(-1, 7)[order]

    def at(self, time: int) -> np.ndarray | None:
        """Return the matrix to the frame above, None outside of the known times."""
        if self.static:
            return from_quaternion(self.rows[-1].tolist())
        after = int(np.searchsorted(self.known, time))
        if after < len(self.known) and self.known[after] == time:
            return from_quaternion(self.rows[after].tolist())
        if not 0 < after < len(self.known):
            return None
        span = int(self.known[after] - self.known[after - 1])
        share = (time - int(self.known[after - 1])) / span
        return from_quaternion(_between(self.rows[after - 1], self.rows[after], share).tolist())


class Transforms:
    """Poses of one frame in another.

    Args:
        bag: to read.
        topics: of tf2_msgs/TFMessage, read twice.
        fixed: the frame that poses are in ("map", "odom").
        camera: the frame that is posed, that of the pictures.

    Attributes:
        static: whether the pose never changes.

    Raises:
        EncodepthError: the bag does not connect the two.
    """

    def __init__(self, bag: Bag, topics: Sequence[str], fixed: str, camera: str) -> None:
        fixed, camera = fixed.lstrip("/"), camera.lstrip("/")
        tree: dict[str, str] = {}
        for child, above, *_ in _transforms(bag, topics):
            tree.setdefault(child, above)
        ups, downs = _way(tree, camera), _way(tree, fixed)
        common = next((frame for frame in ups if frame in downs), None)
        if common is None:
            known = ", ".join(sorted({*tree, *tree.values()})) or "none at all"
            raise EncodepthError(
                f'{bag.path} has no transforms from "{camera}" to "{fixed}"; its frames: {known}'
            )
        self._ups, self._downs = ups[: ups.index(common)], downs[: downs.index(common)]
        self._links = {child: _Link(tree[child]) for child in (*self._ups, *self._downs)}
        for child, above, static, time, numbers in _transforms(bag, topics):
            link = self._links.get(child)
            if link is not None and link.above == above:
                link.static &= static
                link.times.append(time)
                link.numbers.extend(numbers)
        for link in self._links.values():
            link.finish()
        self.static = all(link.static for link in self._links.values())

    def at(self, time: int) -> np.ndarray | None:
        """Return camera to fixed frame, (4, 4), at a time in ns; None where it is not known."""
        up, down = self._chain(self._ups, time), self._chain(self._downs, time)
        return None if up is None or down is None else np.linalg.inv(down) @ up

    def _chain(self, frames: list[str], time: int) -> np.ndarray | None:
        """Return the matrix from the first of the frames to the one above the last."""
        whole = np.eye(4)
        for frame in frames:
            step = self._links[frame].at(time)
            if step is None:
                return None
            whole = step @ whole
        return whole


def transform_topics(bag: Bag) -> list[str]:
    """Return the topics of a bag that hold transforms."""
    return [topic.name for topic in bag.topics if topic.type in (TRANSFORMS, OLD_TRANSFORMS)]


def _transforms(
    bag: Bag, topics: Sequence[str]
) -> Iterator[tuple[str, str, bool, int, tuple[float, ...]]]:
    """Yield child, parent, whether it is static, time, and translation and quaternion."""
    for message in bag.messages(topics):
        for one in message.body.transforms:
            stamp = int(one.header.stamp.sec) * NS + int(one.header.stamp.nanosec)
            yield (
                str(one.child_frame_id).lstrip("/"),
                str(one.header.frame_id).lstrip("/"),
                message.topic.endswith(STATIC),
                stamp or message.logged,
                _numbers(one.transform),
            )


def _numbers(transform: Any) -> tuple[float, ...]:
    t, q = transform.translation, transform.rotation
    return tuple(float(v) for v in (t.x, t.y, t.z, q.x, q.y, q.z, q.w))


def _way(tree: dict[str, str], frame: str) -> list[str]:
    """Return a frame and those above it, up to the root."""
    way = [frame]
    while way[-1] in tree and tree[way[-1]] not in way:
        way.append(tree[way[-1]])
    return way


def _between(a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
    """Return translation and quaternion between two, turning evenly."""
    p, q = a[3:] / np.linalg.norm(a[3:]), b[3:] / np.linalg.norm(b[3:])
    cosine = float(p @ q)
    q, cosine = (-q, -cosine) if cosine < 0 else (q, cosine)
    angle = np.arccos(min(cosine, 1.0))
    if angle < 1e-6:
        turned = (1 - share) * p + share * q
    else:
        turned = (np.sin((1 - share) * angle) * p + np.sin(share * angle) * q) / np.sin(angle)
    return np.concatenate([(1 - share) * a[:3] + share * b[:3], turned])
