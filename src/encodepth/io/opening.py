"""Opens picture files with Pillow: whole or not at all, whatever the process has set in Pillow.

Pixels come out as they are stored, with the orientation that EXIF asks for beside them, so that a
reader can turn colour, depth and camera together, or nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image, ImageFile, UnidentifiedImageError

from ..errors import InvalidImageError
from ..frame import check_size
from ..turning import UPRIGHT
from .given import File

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF")
_ORIENTATION = 0x0112
_BACK = {  # what undoes each orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@dataclass(frozen=True)
class Opened:
    """A decoded picture file.

    Attributes:
        pixels: as stored, not turned.
        orientation: EXIF's, 1..8; 1 is upright.
        profile: ICC profile, b"" if there is none.
        file: where it comes from.
    """

    pixels: Image.Image
    orientation: int
    profile: bytes
    file: File


@contextmanager
def open_picture(file: File, kind: str) -> Iterator[Image.Image]:
    """Open a picture file and check its size before its pixels are decoded.

    Raises:
        InvalidImageError: it is no such picture, has several pages, or is too large.
    """
    expected = "PNG, JPEG, WebP or TIFF" if kind == "color" else "16-bit PNG, TIFF or .npy"
    with _pillow_as_shipped():
        try:
            picture = Image.open(file.stream(), formats=FORMATS)
        except UnidentifiedImageError:
            raise InvalidImageError(f"{kind} file {file.name} is no {expected} picture") from None
        except Exception as error:
            raise InvalidImageError(
                f"{kind} file {file.name} cannot be read: {one_line(error)}"
            ) from None
        with picture:
            check_size(f"{kind} file {file.name}", *picture.size)
            pages = getattr(picture, "n_frames", 1)
            if picture.format != "MPO" and pages != 1:
                raise InvalidImageError(
                    f"{kind} file {file.name} holds {pages} pictures; expected one"
                )
            yield picture


def decode(picture: Image.Image, file: File, kind: str) -> Opened:
    """Decode an open picture.

    Raises:
        InvalidImageError: it is damaged or cut short.
    """
    try:
        turned = _orientation(picture) if picture.format == "TIFF" else UPRIGHT
        picture.load()
        pixels: Image.Image = picture
        if turned != UPRIGHT:  # Pillow has turned it on loading
            pixels = picture.transpose(_BACK[turned])
        else:
            turned = _orientation(picture)
    except Exception as error:
        raise InvalidImageError(
            f"{kind} file {file.name} cannot be read: {one_line(error)}"
        ) from None
    profile = picture.info.get("icc_profile") or b""
    return Opened(pixels, turned, profile if isinstance(profile, bytes) else b"", file)


def one_line(error: Exception) -> str:
    """Return what an error says, on one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _orientation(picture: Image.Image) -> int:
    try:
        value = picture.getexif().get(_ORIENTATION, UPRIGHT)
    except Exception:  # a damaged EXIF block says nothing
        return UPRIGHT
    return value if isinstance(value, int) and 1 <= value <= 8 else UPRIGHT


class _Theirs:
    """What the process has set in Pillow while we have it set otherwise, and how many of us do."""

    lock = threading.Lock()
    users = 0
    truncated: bool = False
    most: int | None = None


@contextmanager
def _pillow_as_shipped() -> Iterator[None]:
    """Hold two switches of Pillow at what we need, and put back what was there.

    LOAD_TRUNCATED_IMAGES, which other libraries set for good, makes half a depth map a whole one
    with holes. A thread of someone else sees our settings meanwhile: an error, never wrong pixels.
    """
    with _Theirs.lock:
        if _Theirs.users == 0:
            _Theirs.truncated = ImageFile.LOAD_TRUNCATED_IMAGES
            _Theirs.most = Image.MAX_IMAGE_PIXELS
        _Theirs.users += 1
        ImageFile.LOAD_TRUNCATED_IMAGES = False
        Image.MAX_IMAGE_PIXELS = None  # sizes are checked before pixels are decoded
    try:
        yield
    finally:
        with _Theirs.lock:
            _Theirs.users -= 1
            if _Theirs.users == 0:
                ImageFile.LOAD_TRUNCATED_IMAGES = _Theirs.truncated
                Image.MAX_IMAGE_PIXELS = _Theirs.most
