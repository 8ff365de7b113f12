"""Colour that is kept as its JPEG file: the very file, its pixels, and what cannot be kept."""

import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

import encodepth
from encodepth import RgbdImage, Writer, decode, encode, inspect, kept_jpeg, read
from encodepth.cli import main as cli
from encodepth.codings import jpeg
from encodepth.codings.base import Coded
from encodepth.container.still import Still
from encodepth.errors import CorruptFileError, DesyncError, EncodepthError
from encodepth.turning import turn

DEPTH = (900 + np.arange(40 * 56).reshape(40, 56) % 700).astype(np.uint16)


def run(*words: object) -> int:
    """Run the command and return its exit status."""
    with pytest.raises(SystemExit) as ended:
        cli.main([str(word) for word in words])
    return ended.value.code


def photograph(height: int = 40, width: int = 56, mode: str = "RGB", **how: object) -> bytes:
    y, x = np.mgrid[:height, :width][..., None]
    noise = np.random.default_rng(height).normal(0, 9, (height, width, 3))
    pixels = np.clip(128 + 60 * np.sin(x / 7) + 40 * np.cos(y / 5) + noise, 0, 255)
    out = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).convert(mode).save(
        out, "JPEG", **({"quality": 85} | how)
    )
    return out.getvalue()


def exif(orientation: int) -> Image.Exif:
    found = Image.Exif()
    found[0x0112], found[0x010F] = orientation, "a camera maker " * 20
    return found


def profile(name: str = "sRGB") -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()


WAYS = {
    "plain": {},
    "progressive": {"progressive": True},
    "444": {"subsampling": 0},
    "grey": {"mode": "L"},
    "rgb inside": {"keep_rgb": True},
    "restarts": {"restart_marker_rows": 1},
    "exif, profile, comment": {"exif": exif(1), "icc_profile": profile(), "comment": b"hi" * 40},
    "turned": {"exif": exif(6)},
}


@pytest.mark.parametrize("way", WAYS)
def test_the_very_file_comes_back_and_takes_less(way):
    file = photograph(120, 160, **WAYS[way])
    image = read(file)
    data = encode(image, lossless="color")
    assert inspect(data).stream("color").coding == "jpeg"
    assert len(data) < len(file)
    assert kept_jpeg(data) == file
    assert np.array_equal(decode(data).color, image.color)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.sampled_from(["RGB", "L"]), st.integers(1, 100))
def test_any_size_is_kept(height, width, mode, quality):
    file = photograph(height, width, mode, quality=quality)
    data = encode(read(file), lossless="color")
    assert kept_jpeg(data) == file
    assert len(data) <= len(file) + 40


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_the_pixels_of_colour_alone_and_none_of_a_pair(orientation):
    file = photograph(exif=exif(orientation))
    stored = jpeg.samples(file)
    alone = decode(encode(read(file), lossless="color"))
    assert np.array_equal(alone.color, turn(stored, orientation))
    both = io.BytesIO()
    Image.fromarray(DEPTH).save(both, "PNG")
    data = encode(read(file, both.getvalue()), lossless="both")
    assert np.array_equal(decode(data).color, stored)
    assert kept_jpeg(data) == file


def test_what_follows_the_picture_is_kept_too():
    file = photograph() + b"a second picture, as phones append it" * 9
    assert kept_jpeg(encode(read(file), lossless="color")) == file


def test_pixels_that_were_changed_are_kept_instead_and_that_is_said(tmp_path, capsys):
    image = read(photograph())
    changed = replace(image, color=image.color[::-1, :, ::-1].copy())
    data = encode(changed, lossless="color")
    assert inspect(data).stream("color").coding == "jpegxl"
    assert np.array_equal(decode(data).color, changed.color)
    assert kept_jpeg(data) is None
    lab = tmp_path / "wide.jpg"
    wide = bytearray(profile())
    at = wide.index(b"rXYZ")
    tag = int.from_bytes(wide[at + 4 : at + 8], "big")
    wide[tag + 8 : tag + 12] = (50000).to_bytes(4, "big")
    lab.write_bytes(photograph(icc_profile=bytes(wide)))
    assert run("encode", lab, "--lossless", "color") == 0
    said = capsys.readouterr().err
    assert "jpegxl, exact" in said
    assert "colour's JPEG file is not kept as such, for its pixels were converted" in said
    with pytest.raises(EncodepthError, match="color cannot be coded by jpeg"):
        encode(changed, coding={"color": "jpeg"})


def test_lossy_colour_has_no_use_for_the_file():
    assert inspect(encode(read(photograph()), quality=50)).stream("color").coding in (
        "av1",
        "restored",
    )


def test_recordings_keep_the_files_of_their_frames():
    files, out = [photograph(quality=q) for q in (70, 80, 90)], io.BytesIO()
    with Writer(out, rate=10, key_interval=2, lossless="color") as writer:
        for file in files:
            writer.append(read(file))
    with encodepth.Reader(out.getvalue()) as reader:
        assert [reader.kept_jpeg(i) for i in range(3)] == files
        assert all(
            np.array_equal(f.image.color, jpeg.samples(file))
            for f, file in zip(reader, files, strict=True)
        )


def test_the_command_gives_the_file_back(tmp_path, capsys):
    source, coded = tmp_path / "c.jpg", tmp_path / "in" / "c.rgbd"
    source.write_bytes(photograph(exif=exif(6)))
    coded.parent.mkdir()
    assert run("encode", source, "--lossless", "color", "-o", coded) == 0
    named, beside = tmp_path / "again.jpg", tmp_path / "out"
    assert run("decode", coded, "--color", named) == 0
    assert run("decode", coded, "--jpeg", "-o", beside) == 0
    assert run("decode", coded.parent, "--jpeg", "-o", tmp_path / "tree") == 0
    for file in (named, beside / "c-color.jpg", tmp_path / "tree" / "color" / "c.jpg"):
        assert file.read_bytes() == source.read_bytes()
    assert run("decode", coded, "--jpeg", "--color", tmp_path / "x.png") == 2
    assert "name it with --color FILE.jpg" in capsys.readouterr().err


def parts() -> tuple[Still, Coded]:
    still = Still.parse(encode(read(photograph(exif=exif(3))), lossless="color"))
    stream = still.streams[0]
    return still, Coded(stream.payload, stream.parameters)


def test_another_decoder_is_noticed():
    still, coded = parts()
    other = replace(still.streams[0], parameters=coded.parameters[:1] + b"\0\0\0\0")
    with pytest.raises(DesyncError, match="another JPEG decoder, or damage"):
        decode(replace(still, streams=(other,)).serialize())


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damage_is_reported(data):
    still, coded = parts()
    payload = bytearray(coded.payload)
    for _ in range(data.draw(st.integers(1, 3))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    payload = payload[: data.draw(st.integers(1, len(payload)))]
    stream = replace(still.streams[0], payload=bytes(payload))
    try:
        decode(replace(still, streams=(stream,)).serialize())
    except EncodepthError as error:
        assert "\n" not in str(error)


def test_a_file_of_another_size_is_refused():
    image = RgbdImage(np.zeros((8, 8, 3), np.uint8))
    for file in (photograph(16, 16), photograph(9, 8)):
        coded = Coded(b"\0" + file, b"\1\0\0\0\0")
        with pytest.raises(CorruptFileError, match="another size"):
            jpeg.kept(coded, image.color.shape[:2])
