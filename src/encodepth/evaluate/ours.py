"""Our own codec as something to measure: real .rgbd files, every byte of them counted.

A codec is called MODEL, then any of `+auto +lossless +bound` or `+` and a coding's name, `+e1` ..
`+e9`, `+psnr` or `+ssim`, and `+alone`: what is asked, at which effort, what colour is tuned for,
and whether colour and depth share a file ("base") or not ("base+alone", where depth never sees
colour). MODEL alone is its networks: learned colour, restored depth.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import codings
from ..errors import EncodepthError
from ..frame import MILLIMETRE, RgbdImage
from ..settings import TUNES
from .fields import color_fields, depth_fields, size_fields, timed
from .records import Record

if TYPE_CHECKING:
    from ..codec import Codec

SHIPPED = Path(__file__).parents[1] / "weights"
DEFAULT = "base"
QUALITIES = tuple(float(q) for q in range(5, 100, 10))
BOUNDS_MM = (20.0, 10.0, 5.0, 2.0, 1.0)
_NETWORKS = {"color": "learned", "depth": "restored"}
_ASKS = ("auto", "lossless", "bound")
_SAID = {"av1": " with AV1", "bound": " bounded"}  # on a page, after our name
_EFFORTS = {f"e{effort}": effort for effort in range(1, 10)}


@dataclass(frozen=True)
class Ours:
    """One model and one way of coding with it; `measure` as for the conventional codecs.

    Bytes of a joint file are attributed so that they add up: colour is charged what the file
    would weigh with the colour stream alone, depth (with mask and depth range) all the rest, and
    a third record of modality "joint" has the whole file and the times.
    """

    name: str  # in records; a weights file goes by its stem
    spec: str  # as asked for
    model: str
    way: str = ""  # one of `ways`; "" for the networks
    effort: int = 7
    alone: bool = False
    tune: str | None = None

    @property
    def settings(self) -> tuple[float, ...]:
        """Qualities, error bounds in mm ("+bound"), or a single 0 ("+lossless")."""
        return {"bound": BOUNDS_MM, "lossless": (0.0,)}.get(self.way, QUALITIES)

    def modalities(self) -> tuple[str, ...]:
        """Which modalities it measures."""
        return ("depth",) if self.way == "bound" else ("color", "depth")

    def missing(self) -> str | None:
        """Say why it cannot run here, or None."""
        if self.way or is_model(self.model):
            return None
        return f'no model "{self.model}" (encodepth models lists all)'

    def weights(self) -> str:
        """Fingerprint of the weights in hexadecimal, or nothing where none take part."""
        if self.way not in ("", "auto"):
            return ""
        from ..learned import open_model

        return f"{open_model(self.model).fingerprint:08x}"

    def measure(self, image: RgbdImage, setting: float) -> list[Record]:
        """Encode and decode one picture or pair; return a record per modality, then the joint."""
        if self.way == "bound":
            return [] if image.depth is None else [self._depth_alone(image, setting)]
        if image.color is None or image.depth is None or self.alone:
            parts = []
            if image.color is not None:
                parts.append(self._color_alone(image, setting))
            if image.depth is not None and image.depth.any():
                parts.append(self._depth_alone(image, setting))
            return parts
        return self._joint(image, image.color, image.depth, setting)

    def _color_alone(self, image: RgbdImage, setting: float) -> Record:
        assert image.color is not None
        data, decoded, times = self._run(RgbdImage(color=image.color), setting)
        fields = color_fields(len(data), _color(decoded), image.color)
        return {**fields, **_weights(data), **times}

    def _depth_alone(self, image: RgbdImage, setting: float) -> Record:
        assert image.depth is not None
        only = RgbdImage(depth=image.depth, depth_unit=image.depth_unit)
        data, decoded, times = self._run(only, setting)
        fields = depth_fields(len(data), _depth(decoded), image.depth, image.depth_unit)
        return {**fields, **_stream_bytes(data), **_weights(data), **times}

    def _joint(self, image: RgbdImage, color: Any, depth: Any, setting: float) -> list[Record]:
        pair = RgbdImage(color=color, depth=depth, depth_unit=image.depth_unit)
        data, decoded, times = self._run(pair, setting)
        for_color = color_bytes(data)
        return [
            {**color_fields(for_color, _color(decoded), color), **_weights(data)},
            {
                **depth_fields(len(data) - for_color, _depth(decoded), depth, image.depth_unit),
                **_stream_bytes(data),
                **_weights(data),
            },
            {**size_fields("joint", len(data), color), **_weights(data), **times},
        ]

    def _run(self, image: RgbdImage, setting: float) -> tuple[bytes, RgbdImage, Record]:
        codec = codec_of(self.model)
        data, encode_ms = timed(partial(codec.encode, image, **self.arguments(image, setting)))
        decoded, decode_ms = timed(partial(codec.decode, data))
        return data, decoded, {"encode_ms": encode_ms, "decode_ms": decode_ms}

    def arguments(self, image: RgbdImage, setting: float) -> dict[str, Any]:
        """What `Codec.encode` is given for a setting."""
        if self.way == "bound":
            return {"max_depth_error": setting, "effort": self.effort}
        if self.way == "lossless":
            present = [n for n in ("color", "depth") if getattr(image, n) is not None]
            return {"lossless": tuple(present), "effort": self.effort}
        tune = None if image.color is None else self.tune
        return {
            "quality": round(setting), "coding": self.coding, "effort": self.effort, "tune": tune,
        }  # fmt: skip

    @property
    def coding(self) -> str | dict[str, str]:
        """How colour and depth are coded, as `Codec.encode` takes it."""
        if self.way in ("", *_ASKS):
            return _NETWORKS if not self.way else "auto"
        return {kind: self.way for kind in _NETWORKS if self.way in codings.names(kind)}


def ways() -> tuple[str, ...]:
    """Return what may be asked of a model: exactness, a bound, `auto`, or a coding by name."""
    named = dict.fromkeys(name for kind in _NETWORKS for name in codings.names(kind))
    return (*_ASKS, *named)


def is_model(name: str) -> bool:
    """Say whether weights of that name ship with the package or lie there as a file.

    Answers from the names of files alone, so that a mistyped name costs no import of torch.
    """
    return (SHIPPED / f"{name}.safetensors").is_file() or Path(name).is_file()


def parse(name: str) -> Ours:
    """Read a name such as `base`, `base+alone` or `base+av1+alone`.

    Raises:
        EncodepthError: an unknown word after a plus sign.
    """
    model, *words = name.split("+")
    way, effort, tune, alone = found = [
        [word for word in words if word in known] for known in (ways(), _EFFORTS, TUNES, ("alone",))
    ]
    if sum(map(len, found)) < len(words) or not model:
        known = ", ".join((*ways(), "e1 to e9", *TUNES))
        raise EncodepthError(f'no codec "{name}": after a plus sign come {known} or alone')
    for asked in found:
        if len(asked) > 1:
            raise EncodepthError(f'codec "{name}" asks for {" and ".join(asked)}; one is possible')
    called = "+".join([Path(model).stem if os.sep in model else model, *words])
    return Ours(
        called,
        name,
        model,
        way=way[0] if way else "",
        effort=_EFFORTS[effort[0]] if effort else 7,
        alone=bool(alone),
        tune=tune[0] if tune else None,
    )


def usual() -> list[str]:
    """The default model, which a user is told of."""
    return [DEFAULT]


def names() -> list[str]:
    """The same: other models are files."""
    return [DEFAULT]


def knows(name: str) -> bool:
    """Whether a record is of the default model or another way of making .rgbd files."""
    model = name.split("+")[0]
    return model == DEFAULT or model.startswith(f"{DEFAULT}-")


def title(name: str) -> str:
    """Return what a page calls a codec: `base+av1+alone` is "encodepth with AV1, alone"."""
    model, *words = name.split("+")
    said = [_SAID.get(word, f" {word}") for word in words if word != "alone"]
    alone = ", alone" if "alone" in words else ""
    return f"encodepth{model.removeprefix(DEFAULT)}{''.join(said)}{alone}"


def is_bounded(name: str) -> bool:
    """Whether a codec's setting is the largest error that it allows."""
    return knows(name) and "bound" in name.split("+")[1:]


def find(
    name: str, chosen: tuple[float, ...] | None = None, qualities: Sequence[float] | None = None
) -> list[tuple[Ours, tuple[float, ...]]] | None:
    """Return the codec of that name, at `qualities` if it has any; None if there is no such model.

    Raises:
        EncodepthError: as `parse`.
    """
    own = parse(name)
    if own.model != DEFAULT and not is_model(own.model):
        return None
    by_quality = own.way not in ("bound", "lossless")
    asked = tuple(qualities) if qualities and by_quality else own.settings
    return [(own, chosen or asked)]


@lru_cache(maxsize=2)
def codec_of(model: str) -> Codec:
    """Return the codec with a model, kept for the next picture."""
    from ..codec import Codec

    return Codec(model=model)


def _color(image: RgbdImage) -> NDArray[np.uint8]:
    assert image.color is not None
    return image.color


def _depth(image: RgbdImage) -> NDArray[np.uint16]:
    assert image.depth is not None
    return image.depth


def color_bytes(data: bytes) -> int:
    """Size of the file that would hold the colour stream alone, in the default unit."""
    from ..codec import parse

    alone = replace(parse(data).only("color"), depth_unit=MILLIMETRE, intrinsics=None)
    return len(alone.serialize())


def _stream_bytes(data: bytes) -> Record:
    """Bytes of the depth and mask payloads, without any header."""
    from ..info import inspect

    depth, mask = (inspect(data).stream(name) for name in ("depth", "mask"))
    payload, holes = (s.bytes if s is not None else 0 for s in (depth, mask))
    return {"payload_bytes": payload, "mask_bytes": holes}


def _weights(data: bytes) -> Record:
    """Fingerprint of the weights that the file's streams name, if there are any."""
    from ..info import inspect

    found = {stream.weights for stream in inspect(data).streams if stream.weights}
    return {"weights": ",".join(sorted(found))} if found else {}
