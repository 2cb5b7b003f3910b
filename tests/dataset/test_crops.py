"""One place seen twice, and places that only look alike."""

import cv2
import numpy as np
import pytest

from stages.common.data.pictures import decode
from stages.dataset.crops import LocalFeatures, same_place
from stages.demo.captioned import WAYS, copied, make


def either(left, right):
    return same_place(LocalFeatures.of(left), LocalFeatures.of(right)) or same_place(
        LocalFeatures.of(left), LocalFeatures.of(right, mirrored=True)
    )


@pytest.fixture(scope="module")
def images():
    """JPEGs of drawn tissue."""
    return [make("pubmed", number, 5).image for number in range(30)]


@pytest.mark.parametrize("way", WAYS)
def test_copies_of_every_kind_show_the_same_place(images, way):
    rng = np.random.default_rng(4)
    found = [either(decode(image), decode(copied(image, way, rng))) for image in images[:20]]
    assert np.mean(found) >= 0.95


def test_other_tissue_of_the_same_kind_does_not(images):
    views = [LocalFeatures.of(decode(image)) for image in images]
    assert not any(same_place(views[a], views[b]) for a in range(30) for b in range(a))


def test_a_blank_image_shows_no_place(images):
    blank = LocalFeatures.of(np.full((200, 200, 3), 240, np.uint8))
    assert not same_place(blank, blank)
    turned = decode(images[1])
    assert either(turned, cv2.rotate(turned, cv2.ROTATE_90_CLOCKWISE))
