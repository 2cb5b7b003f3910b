"""Images of more than eight bits keep their contrast, whatever range they use; refusals are the same at each run."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from stages.common.data.pictures import MAX_BYTES, as_jpeg, decode
from stages.common.data.reading import said
from stages.common.data.references import ImageReader
from stages.common.errors import Rejected

RAMP = np.tile(np.linspace(0, 1, 256, dtype=np.float32), (64, 1))


def saved(values, kind="TIFF"):
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "values",
    [
        RAMP,
        RAMP * 10 - 3,
        (RAMP * 255).round(),
        (RAMP * 255).astype(np.uint16),
        (RAMP * 4095).astype(np.uint16),
        (RAMP * 65535).astype(np.uint16),
        (RAMP * 1_000_000).astype(np.int32),
    ],
    ids=["shares", "own_range", "eight_bits", "eight_in_sixteen", "twelve", "sixteen", "thirty_two"],
)
def test_a_ramp_is_a_ramp_at_any_depth(values):
    picture = decode(saved(values))
    assert np.abs(picture[:, :, 0].astype(float) - RAMP * 255).max() <= 2


@pytest.mark.parametrize("ending", [".png", ".tiff"])
@pytest.mark.parametrize("top", [4095, 65535])
def test_colours_of_sixteen_bits_keep_their_levels(ending, top):
    colours = np.dstack([RAMP * top, RAMP[:, ::-1] * top, np.zeros_like(RAMP)]).astype(np.uint16)  # blue, green, red
    picture = decode(cv2.imencode(ending, colours)[1].tobytes()).astype(float)
    expected = np.dstack([np.zeros_like(RAMP), RAMP[:, ::-1] * 255, RAMP * 255])
    assert np.abs(picture - expected).max() <= 2


def test_values_that_are_no_numbers_are_black():
    values = RAMP.copy()
    values[:, :10] = np.nan
    values[:, 10:20] = np.inf
    assert decode(saved(values))[:, :20].max() == 0


@pytest.mark.parametrize("kind", ["AVIF", "JPEG2000"])
def test_newer_formats_are_read(kind):
    data = saved(np.full((40, 50, 3), (200, 30, 40), np.uint8), kind)
    encoded, picture = as_jpeg(data)
    assert np.abs(picture.astype(int) - (200, 30, 40)).max() <= 8
    assert encoded[:2] == b"\xff\xd8"


def test_a_large_file_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "slide.svs"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(Rejected) as refused:
        ImageReader().bounded(str(path), MAX_BYTES)
    assert (refused.value.reason, refused.value.message) == ("image_too_large", f"{MAX_BYTES + 1} bytes")


def test_what_an_error_says_holds_no_address_and_no_folder(tmp_path):
    path = tmp_path / "x.csv"
    error = OSError(f"cannot read <_io.BytesIO object at 0x7f3126f6a5c0> of {path}\n at 0x55d0")
    assert said(error, path) == "cannot read _io.BytesIO of x.csv"
    assert said(ValueError()) == "ValueError"
