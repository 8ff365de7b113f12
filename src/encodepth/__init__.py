"""A codec for RGB-D pictures: colour and depth in one small file.

>>> import encodepth
>>> image = encodepth.read("color.jpg", "depth.png")
>>> data = encodepth.encode(image, quality=50)
>>> encodepth.write(encodepth.decode(data), "color.png", "depth.png")

Names load on first use, so importing the package imports neither numpy nor torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .codec import Codec, decode, encode, kept_jpeg
    from .errors import (
        CorruptFileError,
        DesyncError,
        EncodepthError,
        InvalidImageError,
        InvalidSettingError,
        ModelNotFoundError,
    )
    from .frame import Frame, Intrinsics, RgbdImage
    from .info import FileInfo, inspect
    from .io.dataset import open_dataset
    from .io.pictures import read, write
    from .learned import load_model
    from .learned.weights import list_models
    from .metrics import bd_rate
    from .sequence.reader import Reader
    from .sequence.recording import record
    from .sequence.writer import Writer

__version__ = "0.1.0"

_HOMES = {
    "codec": ("Codec", "decode", "encode", "kept_jpeg"),
    "errors": (
        "CorruptFileError",
        "DesyncError",
        "EncodepthError",
        "InvalidImageError",
        "InvalidSettingError",
        "ModelNotFoundError",
    ),
    "info": ("FileInfo", "inspect"),
    "frame": ("Frame", "Intrinsics", "RgbdImage"),
    "io.dataset": ("open_dataset",),
    "io.pictures": ("read", "write"),
    "metrics": ("bd_rate",),
    "sequence.reader": ("Reader",),
    "sequence.recording": ("record",),
    "sequence.writer": ("Writer",),
    "learned": ("load_model",),
    "learned.weights": ("list_models",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Codec",
    "CorruptFileError",
    "DesyncError",
    "EncodepthError",
    "FileInfo",
    "Frame",
    "Intrinsics",
    "InvalidImageError",
    "InvalidSettingError",
    "ModelNotFoundError",
    "Reader",
    "RgbdImage",
    "Writer",
    "bd_rate",
    "decode",
    "encode",
    "inspect",
    "kept_jpeg",
    "list_models",
    "load_model",
    "open_dataset",
    "read",
    "record",
    "write",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
