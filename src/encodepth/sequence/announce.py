"""What a recording's header says, from the images it begins with; and which images fit it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..container.header import Camera, Header, Modality, Value
from ..errors import InvalidImageError
from ..frame import Intrinsics, RgbdImage
from ..modalities import modality


@dataclass
class Announced:
    """What is known of a recording's planes so far; open until its header is written.

    Attributes:
        unit: metres per step of depth, None while no image had depth.
        intrinsics: of the first image that had some.
        planes: (width, height) and bytes of a sample of each modality.
        closed: whether the header is written, after which no modality comes to it.
    """

    unit: float | None = None
    intrinsics: Intrinsics | None = None
    planes: dict[str, tuple[tuple[int, int], int]] = field(default_factory=dict)
    closed: bool = False

    def take(self, image: RgbdImage, number: int) -> None:
        """Add what an image has.

        Raises:
            InvalidImageError: it does not go with those before; nothing is added.
        """
        if image.depth is not None and self.unit not in (None, image.depth_unit):
            raise InvalidImageError(
                f"frame {number}: depth unit {image.depth_unit:g}; the recording has {self.unit:g}"
            )
        fresh = {name: _kind(array) for name, array in image.arrays.items()}
        for name, kind in fresh.items():
            known = self.planes.get(name)
            if known is None and self.closed:
                raise InvalidImageError(
                    f"frame {number} has {name}, which the recording's first group had not"
                )
            if known is not None and known != kind:
                raise InvalidImageError(_differs(name, number, kind, known))
        self.planes.update(fresh)
        if image.depth is not None:
            self.unit = image.depth_unit
        if self.intrinsics is None:
            self.intrinsics = image.intrinsics

    def header(
        self, cameras: Mapping[str, Camera], rate: float | None, metadata: Mapping[str, Value]
    ) -> Header:
        """Return the header, and take no further modalities.

        Args:
            cameras: by modality; the images' own where it is not given.
            rate: frames a second, None if unknown.
            metadata: small facts by name.
        """
        self.closed = True
        known = self._cameras() | dict(cameras)
        places = [(name, camera) for name, camera in known.items() if name in self.planes]
        planes = dict(self.planes)
        if "depth" in planes:
            planes["mask"] = planes["depth"]
        held = []
        for name, ((width, height), size) in sorted(
            planes.items(), key=lambda item: modality(item[0]).number
        ):
            kind = modality(name)
            held.append(
                Modality(
                    kind.number,
                    width,
                    height,
                    channels=kind.channels,
                    bits=1 if name == "mask" else 8 * size,
                    unit=self.unit if name == "depth" else None,
                    rate=None if rate is None else round(1000 * rate),
                    camera=next((i for i, (k, _) in enumerate(places) if k == name), None),
                )
            )
        return Header(tuple(held), tuple(camera for _, camera in places), metadata)

    def _cameras(self) -> dict[str, Camera]:
        """Return the images' camera for the planes whose pixels it counts: depth's, and colour's
        where it has depth's size or stands alone."""
        if self.intrinsics is None:
            return {}
        camera = Camera(
            (self.intrinsics.fx, self.intrinsics.fy), (self.intrinsics.cx, self.intrinsics.cy)
        )
        sizes = {
            name: size for name, (size, _) in self.planes.items() if name in ("color", "depth")
        }
        own = sizes.get("depth", sizes.get("color"))
        return {name: camera for name, size in sizes.items() if size == own}


def _kind(array: np.ndarray) -> tuple[tuple[int, int], int]:
    return (array.shape[1], array.shape[0]), array.dtype.itemsize


def _differs(
    name: str, number: int, found: tuple[tuple[int, int], int], known: tuple[tuple[int, int], int]
) -> str:
    (width, height), size = found
    if found[0] == known[0]:
        return f"{name} of frame {number} has {8 * size} bits; the recording has {8 * known[1]}"
    return (
        f"{name} of frame {number} is {width}x{height}; the recording has "
        f"{known[0][0]}x{known[0][1]}"
    )
