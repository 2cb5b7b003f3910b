"""Panels of figures and collages in reading order, whatever parts them."""

import cv2
import numpy as np
import pytest

from stages.common.regions.boxes import Box, overlap
from stages.common.regions.panels import figure_panels, reading_order
from stages.demo.tissue import paint


@pytest.fixture(scope="module")
def tiles():
    kinds = ("colorectal_cancer", "lung", "stroma", "necrosis", "lymphocytes", "smooth_muscle")
    return [paint(kind, 200, 240, np.random.default_rng(n)) for n, kind in enumerate(kinds)]


def plate(tiles, columns, gutter, colour=255):
    """The figure and the boxes of its panels."""
    rows = -(-len(tiles) // columns)
    height, width = tiles[0].shape[:2]
    image = np.full((rows * (height + gutter) + gutter, columns * (width + gutter) + gutter, 3), colour, np.uint8)
    boxes = []
    for n, tile in enumerate(tiles):
        left, top = gutter + n % columns * (width + gutter), gutter + n // columns * (height + gutter)
        boxes.append(Box(left, top, left + width, top + height))
        image[boxes[-1].slices] = tile
    return image, boxes


@pytest.mark.parametrize("colour", [255, 0, 128])
@pytest.mark.parametrize(("columns", "gutter"), [(3, 20), (3, 4), (2, 8), (6, 10), (1, 6)])
def test_gutters_of_any_colour_and_width(tiles, columns, gutter, colour):
    image, boxes = plate(tiles, columns, gutter, colour)
    found = figure_panels(cv2.imdecode(cv2.imencode(".jpg", image)[1], cv2.IMREAD_COLOR))
    assert len(found) == len(boxes)
    assert all(overlap(a, b) > 0.9 for a, b in zip(found, boxes, strict=True)), "in reading order"


def test_letters_beside_the_panels_are_none(tiles):
    image, boxes = plate(tiles[:4], 2, 50)
    for letter, box in zip("ABCD", boxes, strict=True):
        cv2.putText(image, letter, (box.left, box.top - 12), 0, 1.0, (0, 0, 0), 2)
    found = figure_panels(image)
    assert [overlap(a, b) > 0.9 for a, b in zip(found, boxes, strict=True)] == [True] * 4


def test_panels_of_anything_are_parted_by_their_gutters():
    noise = [np.random.default_rng(n).integers(0, 200, (160, 160, 3), dtype=np.uint8) for n in range(4)]
    image, boxes = plate(noise, 2, 20)
    assert figure_panels(image) == boxes
    nested, _ = plate([noise[0][:, :70], noise[1][:, :70]], 1, 20)
    whole = np.full((nested.shape[0], 400, 3), 255, np.uint8)
    whole[:, : nested.shape[1]] = nested
    whole[20:-20, 130:380] = np.random.default_rng(9).integers(0, 200, (nested.shape[0] - 40, 250, 3))
    assert [panel.width for panel in figure_panels(whole)] == [70, 250, 70]


def test_one_picture_is_one_panel(tiles):
    image = tiles[0].copy()
    cv2.line(image, (100, 0), (110, 120), (255, 255, 255), 6)
    assert len(figure_panels(image)) == 1
    assert figure_panels(np.full((50, 80, 3), 255, np.uint8)) == [Box(0, 0, 80, 50)]


def test_reading_order_forgives_uneven_tops():
    boxes = [Box(0, 0, 9, 9), Box(10, 2, 19, 11), Box(0, 12, 9, 20), Box(10, 13, 19, 20)]
    assert reading_order(boxes[::-1]) == boxes
