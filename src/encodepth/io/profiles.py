"""ICC profiles: colour that is not sRGB is converted to sRGB, and that is said."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

from ..frame import Note
from .opening import Opened

_SAME = 2  # of 255: profiles closer to sRGB than this on a grid of colours are sRGB


def to_srgb(opened: Opened, rgb: Image.Image) -> tuple[Image.Image, tuple[Note, ...]]:
    """Return an RGB picture in sRGB, and what was done.

    Args:
        opened: the file, with its profile.
        rgb: its pixels as RGB.
    """
    if not opened.profile:
        return rgb, ()
    name, transform = _transform(opened.profile)
    if transform is None:
        return rgb, (Note(f'the colour profile "{name}" is left out; numbers are kept'),)
    if _is_srgb(opened.profile):
        return rgb, ()
    converted = ImageCms.applyTransform(rgb, transform)
    assert converted is not None
    return converted, (Note(f'colour was converted from the profile "{name}" to sRGB'),)


@lru_cache(maxsize=8)
def _transform(profile: bytes) -> tuple[str, ImageCms.ImageCmsTransform | None]:
    """Return a profile's name and the way from it to sRGB, None if it has none for RGB."""
    name = "unknown"
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        name = " ".join(ImageCms.getProfileDescription(source).split()) or name
        target = ImageCms.createProfile("sRGB")
        way = ImageCms.buildTransform(
            source, target, "RGB", "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC
        )
    except (ImageCms.PyCMSError, OSError, ImportError, ValueError, TypeError):
        return name, None
    return name, way


@lru_cache(maxsize=8)
def _is_srgb(profile: bytes) -> bool:
    _, transform = _transform(profile)
    assert transform is not None
    levels = np.linspace(0, 255, 9).astype(np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(27, 27, 3)
    seen = ImageCms.applyTransform(Image.fromarray(grid), transform)
    return bool(np.abs(np.asarray(seen).astype(int) - grid).max() <= _SAME)
