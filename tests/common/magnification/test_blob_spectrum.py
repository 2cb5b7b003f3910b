"""How blobs of each size stand out, against images whose blobs are known."""

import cv2
import numpy as np
import pytest

from stages.common.magnification.blobs import (
    FEATURES,
    LONG_SIDE,
    OCTAVES,
    STEPS,
    STRENGTHS,
    blob_spectrum,
    haematoxylin,
)
from stages.demo.tissue import paint


def discs(radius, side=600):
    """Dark blue discs on pink, six radii apart."""
    image = np.full((side, side, 3), (230, 180, 210), np.uint8)
    for x in range(radius * 3, side, radius * 6):
        for y in range(radius * 3, side, radius * 6):
            cv2.circle(image, (x, y), radius, (80, 50, 130), -1, cv2.LINE_AA)
    return image


def strongest(image):
    """The scale, in steps, at which blobs stand out most."""
    table = blob_spectrum(image)[: OCTAVES * STEPS * STRENGTHS].reshape(OCTAVES * STEPS, STRENGTHS)
    return int(table[:, 1].argmax())


def test_the_strongest_scale_grows_with_the_discs_an_octave_for_twice_the_size():
    found = [strongest(discs(radius)) for radius in (4, 8, 16)]
    assert found[1] - found[0] == pytest.approx(STEPS, abs=1)
    assert found[2] - found[1] == pytest.approx(STEPS, abs=1)


def test_a_stronger_stain_changes_next_to_nothing():
    image = discs(8)
    stronger = (255 * (image / 255) ** 1.5).round().astype(np.uint8)
    assert blob_spectrum(stronger) == pytest.approx(blob_spectrum(image), abs=0.3)


@pytest.mark.parametrize("shape", [(1, 1, 3), (20, 400, 3), (LONG_SIDE + 300, LONG_SIDE + 40, 3)])
def test_every_image_has_a_spectrum(shape):
    found = blob_spectrum(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
    assert found.shape == (FEATURES,)
    assert np.isfinite(found).all()


def test_an_image_of_one_colour_has_a_spectrum():
    assert np.isfinite(blob_spectrum(np.full((64, 64, 3), 240, np.uint8))).all()


def test_haematoxylin_is_separated_as_scikit_image_does():
    from skimage.color import rgb2hed

    image = paint("stroma", 60, 80, np.random.default_rng(0))
    assert np.corrcoef(haematoxylin(image).ravel(), rgb2hed(image)[..., 0].ravel())[0, 1] > 0.9999
