"""One place seen twice, and places that only look alike."""

import itertools

import cv2
import numpy as np
import pytest

from benchmarks.alterations import framed, resized, turned
from benchmarks.copies import packaged
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


def cut_and_turned(picture):
    height, width = picture.shape[:2]
    return turned(picture[height // 6 : -height // 6, width // 6 : -width // 6], 30)


def cut_out_round(picture):
    height, width = picture.shape[:2]
    inside = cv2.circle(np.zeros((height, width), np.uint8), (width // 2, height // 2), min(height, width) // 2, 1, -1)
    return picture * inside[..., None]


def seen_aslant(picture):
    height, width = picture.shape[:2]
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    places = corners * np.array([(1, 1), (0.94, 1), (1, 0.95), (1, 0.9)], np.float32) + 5
    return cv2.warpPerspective(picture, cv2.getPerspectiveTransform(corners, places), (width, height))


def stretched(picture):
    return framed(resized(picture, 1.25, 0.9), (0.1, 0.2, 0.1, 0.1), (240, 240, 240))


@pytest.mark.parametrize("way", [cut_and_turned, cut_out_round, seen_aslant, stretched])
def test_copies_with_a_plain_ground_or_out_of_shape_show_the_same_place(way):
    pictures = packaged()[:10]
    assert np.mean([either(picture, way(picture)) for picture in pictures]) >= 0.9
    assert not any(either(one, way(other)) for one, other in itertools.pairwise(pictures))
