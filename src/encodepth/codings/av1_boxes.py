"""The boxes of AVIF (ISO/IEC 14496-12, 23000-22) around a still picture or a group of pictures.

For decoders that cannot be given AV1 itself. The size stands in the boxes as the caller says it,
and planes that are wanted as they are, are said to be G, B and R.
"""

from __future__ import annotations

from collections.abc import Sequence

from .av1_units import FRAME, SEQUENCE, unit

_UNITY = bytes.fromhex("00010000 00000000 00000000 00000000 00010000 00000000 00000000 00000000")
_UNITY += bytes.fromhex("40000000")


def still(
    sequence: bytes, frame: bytes, shape: tuple[int, ...], depth: int, plain: bool = False
) -> bytes:
    """Return a whole AVIF file (MIAF, ISO/IEC 23000-22) around a sequence header and a frame.

    Args:
        sequence, frame: the bodies of their units.
        shape: (H, W, 3) in 4:4:4, or (h, w) grey.
        depth: bits of a sample.
        plain: hand out the planes of colour instead of RGB.
    """
    depths = [depth] * (1 if len(shape) == 2 else 3)
    stream = unit(SEQUENCE, sequence) + unit(FRAME, frame)
    properties = _box(
        b"ipco",
        _box(b"ispe", _u32(0, shape[1], shape[0])),
        _box(b"pixi", bytes([0, 0, 0, 0, len(depths), *depths])),
        _decoding(sequence[0] >> 5, len(shape) == 2, depth),
        _box(b"colr", _color(plain)),
    )
    links = _box(b"ipma", bytes.fromhex("00000000 00000001 0001 04 01 02 83 04"))
    head = _box(b"ftyp", b"avif" + bytes(4) + b"avifmif1miaf")

    def meta(offset: int) -> bytes:
        return _box(
            b"meta",
            bytes(4),
            _box(b"hdlr", bytes(8) + b"pict" + bytes(13)),
            _box(b"pitm", bytes.fromhex("00000000 0001")),
            _box(
                b"iloc",
                bytes.fromhex("00000000 4400 0001 0001 0000 0001"),
                _u32(offset, len(stream)),
            ),
            _box(
                b"iinf",
                bytes.fromhex("00000000 0001"),
                _box(b"infe", bytes.fromhex("02000000 0001 0000") + b"av01Color\0"),
            ),
            _box(b"iprp", properties, links),
        )

    offset = len(head) + len(meta(0)) + 8
    return head + meta(offset) + _box(b"mdat", stream)


def sequence(
    payloads: Sequence[bytes], shape: tuple[int, ...], depth: int, plain: bool = False
) -> bytes:
    """Return an AVIF file of `len(payloads)` pictures of (H, W, 3) 4:4:4 or (h, w) grey.

    Args:
        payloads: a group of pictures.
        shape: of each.
        depth: bits of a sample.
        plain: as of `still`.
    """
    head = _box(b"ftyp", b"avis", _u32(0), b"avismsf1miaf")
    offset = len(head) + len(_movie(payloads, shape, depth, 0, plain)) + 8
    return head + _movie(payloads, shape, depth, offset, plain) + _box(b"mdat", *payloads)


def _movie(
    payloads: Sequence[bytes], shape: tuple[int, ...], depth: int, offset: int, plain: bool
) -> bytes:
    count, (height, width) = len(payloads), shape[:2]
    samples = _box(
        b"stbl",
        _box(b"stsd", _u32(0, 1), _sample_entry(shape, depth, plain)),
        _box(b"stts", _u32(0, 1, count, 1)),
        _box(b"stsc", _u32(0, 1, 1, count, 1)),
        _box(b"stsz", _u32(0, 0, count, *(len(payload) for payload in payloads))),
        _box(b"stco", _u32(0, 1, offset)),
        _box(b"stss", _u32(0, 1, 1)),
    )
    data = _box(b"dinf", _box(b"dref", _u32(0, 1), _box(b"url ", _u32(1))))
    media = _box(
        b"mdia",
        _box(b"mdhd", _u32(0, 0, 0, 30, count), bytes.fromhex("55c40000")),
        _box(b"hdlr", _u32(0, 0), b"pict", bytes(13)),
        _box(b"minf", _box(b"vmhd", _u32(1), bytes(8)), data, samples),
    )
    track = _box(
        b"trak",
        _box(
            b"tkhd",
            _u32(1, 0, 0, 1, 0, count, 0, 0, 0, 0),
            _UNITY,
            _u32(width << 16, height << 16),
        ),
        media,
    )
    movie = _u32(0, 0, 0, 30, count, 0x10000, 0x1000000, 0, 0)
    return _box(b"moov", _box(b"mvhd", movie, _UNITY, bytes(24), _u32(2)), track)


def _sample_entry(shape: tuple[int, ...], depth: int, plain: bool) -> bytes:
    """Return the description of all samples: size, av1C (which repeats the profile) and colour."""
    grey = len(shape) == 2
    return _box(
        b"av01",
        bytes.fromhex("000000000000 0001"),
        bytes(16),
        shape[1].to_bytes(2, "big") + shape[0].to_bytes(2, "big"),
        bytes.fromhex("00480000 00480000 00000000 0001"),
        bytes(32),
        bytes.fromhex("0018 ffff"),
        _decoding(2 if grey else 1, grey, depth),
        _box(b"colr", _color(plain)),
    )


def _color(plain: bool) -> bytes:
    """Return nclx: full range, BT.601's matrix or the identity."""
    return b"nclx" + bytes([0, 2, 0, 2, 0, 0 if plain else 6, 0x80])


def _decoding(profile: int, grey: bool, depth: int) -> bytes:
    """Return av1C: version; profile, level 0; high bit depth, 12 bits, monochrome, subsampling."""
    flags = (depth > 8) << 6 | (depth == 12) << 5 | (0x1C if grey else 0)
    return _box(b"av1C", bytes([0x81, profile << 5, flags, 0]))


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return _u32(len(body) + 8) + kind + body


def _u32(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(4, "big") for number in numbers)
