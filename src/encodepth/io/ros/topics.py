"""Which topics of a bag hold pictures, what they hold, and which ones a recording is made of.

A choice is made only where it is the only one, or by a rule that is said. Where two cameras fit,
they are listed and whoever asks has to choose.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...errors import EncodepthError
from .bag import COMPRESSED, IMAGE, PICTURES, Bag, Message, Topic
from .cameras import base_of
from .compressed import from_compressed
from .images import ENCODINGS, Pixels, from_image

NONE = "none"  # said instead of a topic: go without
_REALSENSE = re.compile(r"^/device_\d+/sensor_\d+/([A-Za-z]+)_\d+/image/data$")
_NO_DEPTH = re.compile(
    r"infra|confidence|disparity|intensity|amplitude|(^|[/_])ir\d?([/_]|$)", re.I
)
_DEEP = ("mono16", "16UC1", "32FC1")
_ALIGNED = ("aligned_depth_to_color", "depth_registered", "depth_to_rgb")


@dataclass(frozen=True)
class Pictures:
    """A topic that holds pictures.

    Attributes:
        topic: its name, type and count.
        encoding: ROS's name of the pixels, of a compressed topic its format.
        kind: "depth", "color" or "grey", "" where it cannot be read.
        size: width and height of the first picture, None where it cannot be read.
        frame_id: of the first picture.
        problem: why it cannot be read, "" if it can.
    """

    topic: Topic
    encoding: str
    kind: str
    size: tuple[int, int] | None
    frame_id: str
    problem: str = ""

    @property
    def name(self) -> str:
        """The topic."""
        return self.topic.name


@dataclass(frozen=True)
class Choice:
    """The topics that a recording is made of.

    Attributes:
        by_modality: "color", "depth" or a further plane -> its pictures; at least one.
        said: how it came to be, a line each.
        doubts: what else may have been meant: topics that cannot be read, or are no depth by their
            encoding.
    """

    by_modality: Mapping[str, Pictures]
    said: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def survey(bag: Bag) -> list[Pictures]:
    """Look at the first message of every topic of pictures."""
    found = []
    for topic in bag.topics:
        if topic.type not in PICTURES or not topic.count:
            continue
        first = bag.first(topic.name)
        if first:
            found.append(_look_at(topic, first[0]))
    return found


def pixels_of(message: Message) -> Pixels:
    """Return the pixels of an Image or a CompressedImage.

    Raises:
        InvalidImageError: they cannot be read.
    """
    if hasattr(message.body, "format"):
        return from_compressed(str(message.body.format), message.body.data, message.topic)
    return from_image(message.body, message.topic)


def choose(
    bag: Bag,
    color: str | None = None,
    depth: str | None = None,
    planes: Mapping[str, str] | None = None,
) -> Choice:
    """Return which topics become colour, depth and further planes.

    Args:
        bag: where they are.
        color, depth: topics; "none" for none; None to find the only one that fits.
        planes: further planes by name ("infrared") -> topic.

    Raises:
        EncodepthError: several fit, none does, or one that is named is not there.
    """
    named = {"depth": depth, "color": color, **(planes or {})}
    chosen = {
        kind: _named(bag, name, kind) for kind, name in named.items() if name not in (None, NONE)
    }
    said: list[str] = []
    doubts: list[str] = []
    if None in (color, depth):
        taken = {base_of(pictures.name) for pictures in chosen.values()}
        seen = survey(bag)
        found = _one_transport([p for p in seen if base_of(p.name) not in taken], said)
        doubts += _unread(seen)
        for kind in ("depth", "color"):
            if named[kind] is None:
                one = _only(kind, found, chosen.get("color" if kind == "depth" else "depth"), said)
                if one is not None:
                    chosen[kind] = one
                elif kind == "depth":
                    doubts += _no_depth(found)
    if not chosen:
        why = "".join(f"; {doubt}" for doubt in doubts)
        raise EncodepthError(f"{bag.path} has no topic of colour or depth that can be read{why}")
    held = {kind: chosen[kind] for kind in named if kind in chosen}
    return Choice(held, tuple(said), tuple(doubts))


def cameras(bag: Bag) -> dict[str, Choice]:
    """Return a choice of topics for every camera of a bag, by a name that tells cameras apart.

    A camera has depth; where none has, colour is chosen as `choose` does.

    Raises:
        EncodepthError: a camera's topics are ambiguous, or there are none.
    """
    said: list[str] = []
    seen = survey(bag)
    found, doubts = _one_transport(seen, said), tuple(_unread(seen))
    groups: dict[str, list[Pictures]] = {}
    for depth in found:
        if depth.kind == "depth":
            groups.setdefault(_namespace(depth, found), []).append(depth)
    if not groups:
        choice = choose(bag)
        (one,) = choice.by_modality.values()
        return {_namespace(one, []): choice}
    made = {}
    for name, depths in groups.items():
        words = list(said)
        depth_one = _only("depth", depths, None, words)
        rest = [p for p in found if p.kind != "depth"]
        both = {"depth": depth_one, "color": _only("color", rest, depth_one, words)}
        held = {kind: one for kind, one in both.items() if one is not None}
        made[name] = Choice(held, tuple(words), doubts)
    return made


def _look_at(topic: Topic, message: Message) -> Pictures:
    form = getattr(message.body, "format", None)
    shown = str(message.body.encoding if form is None else form)
    try:
        pixels = pixels_of(message)
    except EncodepthError as error:
        return Pictures(topic, shown, "", None, message.frame_id, str(error))
    kind = _kind(topic.name, ENCODINGS[pixels.encoding].kind)
    return Pictures(topic, shown, kind, pixels.size, message.frame_id)


def _kind(name: str, kind: str) -> str:
    """Return what a topic holds by its pixels; names tell infrared and depth of 16 bits apart."""
    stream = _REALSENSE.match(name)
    if stream:
        return {"Depth": "depth", "Color": "color"}.get(stream[1], "grey")
    return "grey" if kind == "depth" and _NO_DEPTH.search(name) else kind


def _unread(found: Sequence[Pictures]) -> list[str]:
    return [f"{one.name} is left out: {one.problem}" for one in found if one.problem]


def _no_depth(found: Sequence[Pictures]) -> list[str]:
    """Say that there is no depth, and which topics of 16 bits may be."""
    deep = [p.name for p in found if p.kind == "grey" and p.encoding.split(";")[0] in _DEEP]
    may = f"; {', '.join(deep)} has 16 bits (--depth-topic takes it)" if deep else ""
    return [f"no topic of depth{may}"]


def _named(bag: Bag, name: str | None, kind: str) -> Pictures:
    assert name is not None
    topic = bag.topic(name)
    if topic.type not in PICTURES:
        raise EncodepthError(f"{name} holds {topic.type}; expected {IMAGE} or {COMPRESSED}")
    first = bag.first(name)
    if not first:
        raise EncodepthError(f"{name} of {bag.path} has no message")
    found = _look_at(topic, first[0])
    if found.problem:
        raise EncodepthError(found.problem)
    row = ENCODINGS.get(found.encoding.split(";")[0].strip())
    if kind == "depth" and (found.kind == "color" or (row is not None and row.sample == "u1")):
        raise EncodepthError(f"{name} is {found.encoding}; expected depth of 16 or 32 bits")
    if kind == "color" and row is not None and row.sample != "u1":
        raise EncodepthError(f"{name} is {found.encoding}, which is no colour")
    return found


def _one_transport(found: Sequence[Pictures], said: list[str]) -> list[Pictures]:
    """Leave out what another topic holds as well: raw pictures win over compressed ones."""
    kept: dict[tuple[str, str], Pictures] = {}
    for one in sorted(found, key=lambda p: (p.topic.type != IMAGE, "Depth" not in p.name, p.name)):
        if not one.kind:
            continue  # told by `_unread`
        first = kept.setdefault((base_of(one.name), one.kind), one)
        if first is not one:
            said.append(f"{one.name} left out: {first.name} has the same pictures")
    return list(kept.values())


def _only(
    kind: str, found: Sequence[Pictures], near: Pictures | None, said: list[str]
) -> Pictures | None:
    """Return the one topic of a kind, by rules that are said, or None where there is none.

    Raises:
        EncodepthError: several are left.
    """
    fit = [pictures for pictures in found if pictures.kind == kind]
    if len(fit) > 1 and near is not None:
        most = max(_shared(p.name, near.name) for p in fit)
        nearest = [p for p in fit if most and _shared(p.name, near.name) == most]
        if len(nearest) == 1:
            said.append(f"{kind} is {nearest[0].name}, the one beside {near.name}")
        fit = nearest or fit
    if len(fit) > 1 and kind == "depth":
        aligned = [p for p in fit if any(word in p.name for word in _ALIGNED)]
        if len(aligned) == 1:
            said.append(f"depth is {aligned[0].name}, which is aligned to colour")
        fit = aligned or fit
    if len(fit) > 1:
        raise EncodepthError(
            f"{len(fit)} topics hold {kind}: {', '.join(sorted(p.name for p in fit))}; choose one "
            f"with --{kind}-topic"
        )
    grey = [p.name for p in found if p.kind == "grey"]
    if kind == "color" and not fit and grey:
        said.append(
            f"no topic of colour; grey: {', '.join(grey)} (--plane infrared=TOPIC keeps one)"
        )
    return fit[0] if fit else None


def _shared(a: str, b: str) -> int:
    """Return how many leading parts two topics have in common."""
    count = 0
    for left, right in zip(a.strip("/").split("/"), b.strip("/").split("/"), strict=False):
        if left != right:
            break
        count += 1
    return count


def _namespace(depth: Pictures, found: Sequence[Pictures]) -> str:
    """Return what a depth topic has in common with its colour, or else the topic, as a name."""
    colors = [p for p in found if p.kind == "color"]
    most = max((_shared(depth.name, p.name) for p in colors), default=0)
    parts = base_of(depth.name).strip("/").split("/")
    return "-".join(parts[:most] if most else parts[:-1] or parts)
