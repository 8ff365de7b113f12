"""A decoder of `.rgbd` entries for WebDataset: `.decode(Decoder())`.

WebDataset calls a decoder with an entry's suffix and its bytes, and takes None for "not mine".
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from ..codec import Codec
from ..frame import Frame
from ..sequence.about import is_recording
from ..sequence.reader import Reader
from .samples import Form, Sample, stacked

_STILL = ("color", "depth", "valid", "camera")
_RECORDED = (*_STILL, "time", "index")


class Decoder:
    """Turns `.rgbd` entries of any name (`rgbd`, `left.rgbd`) into dictionaries of tensors.

    A picture becomes what `Recordings` gives of a frame: color, depth, valid, camera. A recording
    becomes the same of all its frames, stacked, with time and index beside.

    Args:
        keys: what is wanted of these, less what the entry lacks if None.
        color, depth, hole: as for `Recordings`.
        model, device: as for `Reader`.
    """

    def __init__(
        self,
        *,
        keys: Sequence[str] | None = None,
        color: str = "uint8",
        depth: str = "m",
        hole: float = 0.0,
        model: str = "base",
        device: str = "cpu",
    ) -> None:
        self._keys, self._form = keys, (color, depth, hole)
        self._model, self._device = model, device
        Form(tuple(keys or ()), *self._form)  # refuses what is not known before a loop begins

    def __call__(self, suffix: str, data: Any) -> Sample | None:
        """Return an entry's tensors, None for entries that are not `.rgbd`.

        Raises:
            CorruptFileError: the bytes are not a whole, valid file.
            InvalidImageError: the entry lacks a key that was asked for.
        """
        if not f".{suffix}".endswith(".rgbd"):
            return None
        if is_recording(bytes(data[:5])):
            return self._recording(data)
        image = self._codec.decode(data)
        form = self._fit(_STILL, image.held)
        return form.sample(Frame(image, 0), 0, "a picture")

    def _recording(self, data: Any) -> Sample:
        with Reader(data, model=self._model, device=self._device, cache=0) as reader:
            frames = list(reader)
        held = frames[0].image.held if frames else ()
        form = self._fit(_RECORDED, held)
        return stacked([form.sample(frame, 0, "a recording") for frame in frames])

    def _fit(self, keys: Sequence[str], held: Sequence[str]) -> Form:
        if self._keys is not None:
            return Form(tuple(self._keys), *self._form)
        lacking = {name for name in ("color", "depth") if name not in held}
        gone = lacking | ({"valid"} if "depth" in lacking else set())
        return Form(tuple(key for key in keys if key not in gone), *self._form)

    @cached_property
    def _codec(self) -> Codec:
        return Codec(self._model, self._device)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the codec behind; another process makes its own."""
        return {name: value for name, value in vars(self).items() if name != "_codec"}
