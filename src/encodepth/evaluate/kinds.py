"""The kinds of codecs that can be measured: the first that knows a name has it.

One more kind is one module and one row. Rows name later layers by their path, so nothing of them
is imported before a name is looked up.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Protocol

from ..errors import EncodepthError
from ..frame import RgbdImage
from .records import Record


class Measurable(Protocol):
    """A codec under measurement."""

    @property
    def name(self) -> str:
        """As in records."""
        ...

    @property
    def spec(self) -> str:
        """What finds it again in another process."""
        ...

    @property
    def settings(self) -> tuple[float, ...]:
        """Its usual settings."""
        ...

    def modalities(self) -> tuple[str, ...]:
        """Which of "color" and "depth" it measures."""
        ...

    def missing(self) -> str | None:
        """Say why it cannot run here, or None."""
        ...

    def weights(self) -> str:
        """Fingerprint of the weights in hexadecimal, or nothing where none take part."""
        ...

    def measure(self, image: RgbdImage, setting: float) -> list[Record]:
        """Encode and decode one picture or pair; return a record per modality.

        A codec over time also has `measure_frames(images, setting)`, which takes all frames of a
        recording and returns their records, a list per modality (`clips.measure_clip`).
        """
        ...


@dataclass(frozen=True)
class Kind:
    """One kind of codec.

    Attributes:
        name: "conventional", "ours" ...
        module: offers `find(name, chosen, qualities)`, which returns codecs with their settings
            or None; `usual()` and `names()`, what a user may type; and for a page `knows(name)`,
            `title(name)` and `is_bounded(name)`.
        apart: a page shows its records in a section of their own, not among the others.
    """

    name: str
    module: str
    apart: bool = False

    def offer(self, what: str) -> Any:
        """Return one of the module's functions."""
        return getattr(importlib.import_module(self.module), what)


KINDS = (
    Kind("conventional", "encodepth.evaluate.baselines"),
    Kind("over time", "encodepth.evaluate.videos"),
    Kind("recorded", "encodepth.evaluate.recorded"),
    Kind("painted", "encodepth.thesis.painted", apart=True),
    Kind("ours", "encodepth.evaluate.ours"),  # last: it takes any other name for a model's
)


def find_codecs(
    name: str, qualities: Sequence[float] | None = None
) -> list[tuple[Measurable, tuple[float, ...]]]:
    """Return the codecs that a name stands for, each with its settings.

    The name of an anchor codec ("webp-m6"), a short name ("avif": its colour and depth codecs),
    one of our models ("base", "base+alone"), or depth through a colour map ("turbo+webp-m6").
    "@" and settings with "/" between choose some of a codec's settings; `qualities` are those of
    our models.

    Raises:
        EncodepthError: there is no such codec, or a setting is no number.
    """
    plain, _, listed = name.partition("@")
    try:
        chosen = tuple(float(s) for s in listed.split("/")) if listed else None
    except ValueError:
        raise EncodepthError(f'settings "{listed}" of codec "{plain}" are no numbers') from None
    for kind in KINDS:
        found: list[tuple[Measurable, tuple[float, ...]]] | None
        found = kind.offer("find")(plain, chosen, qualities)
        if found is not None:
            return found
    raise EncodepthError(_unknown(plain))


def kind_of(codec: str) -> Kind | None:
    """Return the kind of a codec in a record, None for one that nobody here knows."""
    return next((kind for kind in KINDS if kind.offer("knows")(codec)), None)


def _unknown(name: str) -> str:
    """Say that there is no such codec, with the nearest name or all short ones."""
    model = name.partition("+")[0]
    if model.endswith(".safetensors") or os.sep in model:
        return f"weights file {model} does not exist"
    offered = {one: kind for kind in KINDS for one in kind.offer("names")()}
    near = get_close_matches(model.lower(), offered, n=1, cutoff=0.6)
    if not near:
        usual = [one for kind in KINDS for one in kind.offer("usual")()]
        return f'no codec "{model}"; there are {", ".join(usual)}'
    if offered[near[0]].apart:
        return f'no codec "{model}"; did you mean a colour map, as in "{near[0]}+avif"?'
    return f'no codec "{model}"; did you mean "{near[0]}"?'
