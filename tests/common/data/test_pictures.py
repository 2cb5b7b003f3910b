"""Images of every kind become RGB pixels, or one reason."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from stages.common.data.pictures import as_jpeg, decode, shrunk
from stages.common.errors import Rejected

RED = Image.new("RGB", (40, 30), (200, 30, 40))


def saved(image, kind, **more):
    buffer = io.BytesIO()
    image.save(buffer, kind, **more)
    return buffer.getvalue()


def near(picture, colour, by=8):
    return np.abs(picture.astype(int) - np.array(colour)).max() <= by


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "GIF", "BMP", "WEBP"])
def test_every_format_gives_the_same_colour(kind):
    picture = decode(saved(RED, kind))
    assert picture.shape == (30, 40, 3)
    assert near(picture, (200, 30, 40))


def test_print_colours_greys_and_deep_images_are_converted():
    assert near(decode(saved(RED.convert("CMYK"), "JPEG")), (200, 30, 40), 12)
    assert decode(saved(RED.convert("L"), "PNG")).shape == (30, 40, 3)
    deep = Image.fromarray(np.full((30, 40), 128 * 256, np.uint16))
    assert near(decode(saved(deep, "PNG")), (128, 128, 128))
    assert near(decode(saved(deep, "TIFF")), (128, 128, 128))


def test_transparent_is_white_and_of_an_animation_the_first_frame_counts():
    assert near(decode(saved(Image.new("RGBA", (40, 30), (200, 30, 40, 0)), "PNG")), (255, 255, 255))
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "blue")]
    animated = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert near(decode(animated), (255, 0, 0))


def test_a_photograph_on_its_side_is_turned_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(RED, "JPEG", exif=exif)
    assert decode(data).shape == (40, 30, 3)
    assert as_jpeg(data)[0] != data


def test_a_plain_jpeg_keeps_its_bytes():
    data = saved(RED, "JPEG")
    assert as_jpeg(data)[0] == data
    assert as_jpeg(saved(RED, "PNG"))[0][:2] == b"\xff\xd8"


def test_what_cannot_be_read_says_so():
    whole = saved(Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 90, 3), dtype=np.uint8)), "JPEG")
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n"
    for data in (b"", b"<html>", whole[: len(whole) // 2], postscript):
        with pytest.raises(Rejected, match="unreadable_image"):
            decode(data)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.parametrize("side", [9_000, 50_000])
def test_a_bomb_is_refused_by_its_header(side):
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    bomb = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )
    with pytest.raises(Rejected, match="image_too_large"):
        decode(bomb)


def test_a_huge_tiff_is_refused_by_its_header():
    small = bytearray(saved(Image.new("L", (16, 16)), "TIFF"))
    place = struct.unpack("<I", small[4:8])[0]
    for entry in range(struct.unpack("<H", small[place : place + 2])[0]):
        start = place + 2 + 12 * entry
        if struct.unpack("<H", small[start : start + 2])[0] in (256, 257):
            small[start + 2 : start + 12] = struct.pack("<HII", 4, 1, 50_000)
    with pytest.raises(Rejected, match="image_too_large"):
        decode(bytes(small))


def test_a_picture_is_shrunk_to_means_and_never_to_nothing():
    picture = np.random.default_rng(0).integers(0, 255, (60, 90, 3), dtype=np.uint8)
    means = picture.reshape(20, 3, 30, 3, 3).mean((1, 3))
    assert np.abs(shrunk(picture, 1 / 3) - means).max() <= 0.5
    assert shrunk(picture, 2.0) is picture
    assert shrunk(picture[:1], 1 / 3).shape == (1, 30, 3)


def test_what_is_too_long_for_a_jpeg_is_refused():
    with pytest.raises(Rejected, match="image_too_large"):
        as_jpeg(saved(Image.new("RGB", (70_000, 1)), "PNG"))
