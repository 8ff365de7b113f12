"""What a bag says of itself: its topics of pictures, and the recordings that it could become."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass

from ...errors import EncodepthError
from .bag import Bag
from .topics import Pictures, cameras, survey


@dataclass(frozen=True)
class BagInfo:
    """A bag.

    Attributes:
        file: its path.
        kind: "ROS 1 bag", "ROS 2 bag, MCAP" ..
        pictures: topics with pictures.
        chosen: camera -> modality -> topic, that recordings are made of unless options say else.
        said: how these were chosen, or why not.
    """

    file: str
    kind: str
    pictures: tuple[Pictures, ...]
    chosen: dict[str, dict[str, str]]
    said: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """Return it as JSON holds it."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Return a line on the bag, one a topic, one a camera."""
        count = len(self.pictures)
        found = [f"{self.file}: {self.kind}, {count} topic{'s' * (count != 1)} of pictures"]
        for one in self.pictures:
            size = "" if one.size is None else f"{one.size[0]}x{one.size[1]}, "
            what = one.problem or f"{one.kind}, {size}{one.encoding}"
            found.append(f"  {one.name}  {one.topic.count:,} messages, {what}")
        for name, topics in self.chosen.items():
            words = ", ".join(f"{kind} {topic}" for kind, topic in topics.items())
            found.append(f"  recording {name}: {words}")
        return found + [f"  {words}" for words in self.said]


def inspect_bag(path: str | os.PathLike[str]) -> BagInfo:
    """Return what a bag holds, reading the first message of each topic of pictures.

    Raises:
        EncodepthError: rosbags is missing, or this is no whole bag.
    """
    with Bag(path) as bag:
        found, said = survey(bag), tuple[str, ...]()
        choices = {}
        try:
            choices = cameras(bag)
        except EncodepthError as error:
            said = (str(error),)
        chosen = {
            name: {kind: p.name for kind, p in choice.by_modality.items()}
            for name, choice in choices.items()
        }
        how = dict.fromkeys(line for choice in choices.values() for line in choice.said)
        return BagInfo(str(bag.path), bag.kind, tuple(found), chosen, (*said, *how))
