"""sensor_msgs/Image to arrays and back: encodings, both byte orders, rows with padding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import InvalidImageError
from ...frame import Note, check_size


@dataclass(frozen=True)
class Encoding:
    """How the pixels of a message are laid out.

    Attributes:
        name: ROS's.
        kind: "color", "grey" or "depth": what the pixels can be used as.
        sample: numpy's type of a sample, without byte order.
        channels: samples of a pixel.
        rgb: which of them are red, green and blue; () for one channel.
    """

    name: str
    kind: str
    sample: str
    channels: int = 1
    rgb: tuple[int, ...] = ()


ENCODINGS = {
    row.name: row
    for row in (
        Encoding("rgb8", "color", "u1", 3, (0, 1, 2)),
        Encoding("bgr8", "color", "u1", 3, (2, 1, 0)),
        Encoding("rgba8", "color", "u1", 4, (0, 1, 2)),
        Encoding("bgra8", "color", "u1", 4, (2, 1, 0)),
        Encoding("mono8", "grey", "u1"),
        Encoding("8UC1", "grey", "u1"),
        Encoding("mono16", "grey", "u2"),
        Encoding("16UC1", "depth", "u2"),
        Encoding("32FC1", "depth", "f4"),
    )
}


@dataclass(frozen=True)
class Pixels:
    """A decoded picture.

    Attributes:
        array: (h, w) or (h, w, channels), in the machine's byte order.
        encoding: ROS's name of what it holds.
        notes: what was left out.
    """

    array: np.ndarray
    encoding: str
    notes: tuple[Note, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.array.shape[1], self.array.shape[0]


def from_image(body: Any, name: str) -> Pixels:
    """Return the pixels of a sensor_msgs/Image.

    Args:
        body: the message.
        name: its topic, for messages.

    Raises:
        InvalidImageError: its encoding is none that is read, or its sizes contradict each other.
    """
    row = encoding(str(body.encoding), name)
    width, height, step = int(body.width), int(body.height), int(body.step)
    check_size(f"the picture of {name}", width, height)
    sample = np.dtype(row.sample).newbyteorder(">" if body.is_bigendian else "<")
    used = width * row.channels * sample.itemsize
    data = np.asarray(body.data, np.uint8)
    if step < used or data.size < step * (height - 1) + used:
        raise InvalidImageError(
            f"the picture of {name} is {width}x{height} {row.name} in {data.size} bytes, "
            f"{step} a row; expected at least {used} a row"
        )
    rows = np.lib.stride_tricks.as_strided(data, (height, used), (step, 1))
    array = np.ascontiguousarray(rows).view(sample).astype(sample.newbyteorder("="), copy=False)
    shape = (height, width) if row.channels == 1 else (height, width, row.channels)
    return Pixels(array.reshape(shape), row.name)


def encoding(name: str, topic: str) -> Encoding:
    """Return the row of an encoding.

    Raises:
        InvalidImageError: it is none that is read.
    """
    if name not in ENCODINGS:
        raise InvalidImageError(
            f'{topic} is encoded as "{name}"; expected {", ".join(ENCODINGS)}: convert it first'
        )
    return ENCODINGS[name]


def as_color(pixels: Pixels, name: str) -> tuple[np.ndarray, tuple[Note, ...]]:
    """Return uint8 (h, w, 3) in the order red, green, blue, and what was changed.

    Raises:
        InvalidImageError: the pixels are depth, or grey of 16 bits.
    """
    row = ENCODINGS[pixels.encoding]
    if row.kind == "color":
        notes = pixels.notes
        if row.channels == 4 and pixels.array[..., 3].min() < 255:
            notes += (Note("an alpha channel was left out"),)
        return np.ascontiguousarray(pixels.array[..., row.rgb]), notes
    if pixels.array.dtype == np.uint8:
        grey = pixels.array[..., None]
        note = Note("grey became colour of three equal channels")
        return np.repeat(grey, 3, axis=-1), (*pixels.notes, note)
    raise InvalidImageError(
        f"{name} is {pixels.encoding}, which is no colour; as a plane of its own it is kept: "
        f"--plane infrared={name}"
    )


def fields(array: np.ndarray, name: str) -> dict[str, Any]:
    """Return the fields of a sensor_msgs/Image but its header, little-endian and without padding.

    Args:
        array: uint8 (h, w, 3) for "rgb8"; uint8 for "mono8", uint16 for "16UC1" and "mono16",
            float32 for "32FC1", (h, w).
        name: the encoding.
    """
    row = ENCODINGS[name]
    laid = np.ascontiguousarray(array, np.dtype(row.sample).newbyteorder("<"))
    return {
        "height": laid.shape[0],
        "width": laid.shape[1],
        "encoding": name,
        "is_bigendian": 0,
        "step": laid.strides[0],
        "data": laid.reshape(-1).view(np.uint8),
    }
