"""Rectangles of tissue on small drawn frames, to the pixel."""

import cv2
import numpy as np
import pytest

from stages.common.regions.boxes import Box, overlap
from stages.common.regions.finder import tissue_regions
from stages.demo.tissue import paint


@pytest.fixture(scope="module")
def slide():
    return paint("colorectal_cancer", 720, 1280, np.random.default_rng(4))


def frame(colour, width=1280, height=720):
    return np.full((height, width, 3), colour, np.uint8)


def put(image, part, left, top, width, height):
    """Show the upper left of `part` in a box of the image; returns the box."""
    box = Box(left, top, left + width, top + height)
    image[box.slices] = part[:height, :width]
    return box


def write(image, left, top, lines, ink, size=0.6):
    for n in range(lines):
        cv2.putText(image, "nuclei - margin, see 4", (left, top + 30 * n), 0, size, ink, 1, cv2.LINE_AA)


def as_jpeg(image):
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 80])[1], cv2.IMREAD_COLOR)


def near(found, true, pixels=2):
    return all(abs(a - b) <= pixels for a, b in zip(found, true, strict=True))


def test_a_frame_of_tissue_is_one_region_as_it_is(slide):
    assert [(region.box, region.insets) for region in tissue_regions(slide)] == [(Box(0, 0, 1280, 720), ())]


@pytest.mark.parametrize(("ground", "ink"), [((238, 238, 238), (30, 30, 30)), ((45, 47, 52), (220, 220, 220))])
def test_a_viewer_s_bars_and_panels_are_left_out(slide, ground, ink):
    image = frame(ground)
    image[:64] = (90, 93, 100)
    true = put(image, slide, 220, 64, 1060, 632)
    write(image, 8, 90, 20, ink, 0.4)
    (region,) = tissue_regions(as_jpeg(image))
    assert near(region.box, true)


@pytest.mark.parametrize("ground", [(255, 255, 255), (20, 40, 90)])
def test_each_picture_of_a_presentation_is_a_region(slide, ground):
    image = frame(ground)
    ink = (20, 20, 20) if ground[0] == 255 else (240, 240, 240)
    true = [put(image, slide, 600, 130, 300, 260), put(image, slide[::-1], 940, 130, 300, 260)]
    true.append(put(image, slide[:, ::-1], 600, 420, 640, 270))
    write(image, 40, 160, 12, ink, 0.9)
    found = [region.box for region in tissue_regions(as_jpeg(image))]
    assert len(found) == 3
    assert found == sorted(found, key=lambda box: (-box.area, box))
    assert all(any(near(one, box) for one in found) for box in true)


def test_bars_of_a_letterbox_and_a_split_screen_are_edges(slide):
    image = frame(0)
    true = [put(image, slide, 0, 90, 638, 540), put(image, slide[::-1, ::-1], 642, 90, 638, 540)]
    found = sorted(region.box for region in tissue_regions(image))
    assert len(found) == 2
    assert all(near(one, box) for one, box in zip(found, true, strict=True))


def test_sections_stay_together_with_the_glass_around_them(slide):
    image = frame((200, 202, 205))
    glass = frame((246, 246, 247), 1000, 600)
    for left, top in ((80, 100), (600, 250)):
        mask = np.zeros(glass.shape[:2], np.uint8)
        cv2.ellipse(mask, (left + 150, top + 120), (150, 110), 20, 0, 360, 1, -1)
        glass[mask > 0] = slide[:600, :1000][mask > 0]
    true = put(image, glass, 240, 80, 1000, 600)
    (region,) = tissue_regions(as_jpeg(image))
    assert near(region.box, true)


@pytest.mark.parametrize("ground", [(250, 250, 250), (30, 32, 40), (30, 60, 140)])
def test_words_and_charts_are_no_tissue(ground):
    image = frame(ground)
    ink = (20, 20, 20) if ground[0] == 250 else (240, 240, 240)
    write(image, 40, 60, 20, ink, 0.9)
    for n, colour in enumerate(((200, 60, 60), (60, 60, 200), (60, 160, 60))):
        cv2.rectangle(image, (800 + 120 * n, 300 + 60 * n), (880 + 120 * n, 650), colour, -1)
    assert tissue_regions(as_jpeg(image)) == []


def test_what_lies_over_the_middle_is_named_and_what_lies_at_a_side_cut_off(slide):
    image = slide.copy()
    middle = Box(500, 250, 760, 430)
    image[middle.slices] = (60, 80, 70)
    (region,) = tissue_regions(image)
    assert region.box == Box(0, 0, 1280, 720)
    assert len(region.insets) == 1
    assert overlap(region.insets[0], middle) > 0.95
    image = slide.copy()
    image[560:720, 1190:1280] = (60, 80, 70)
    (region,) = tissue_regions(image)
    assert near(region.box, Box(0, 0, 1190, 720))
    assert region.insets == ()


def test_a_box_drawn_on_the_tissue_hides_nothing(slide):
    image = slide.copy()
    cv2.rectangle(image, (400, 200), (800, 500), (255, 220, 0), 3)
    (region,) = tissue_regions(image)
    assert region.insets == ()


def test_what_is_masked_is_no_tissue_and_no_end_of_it(slide):
    image = frame((235, 235, 235))
    true = put(image, slide, 200, 60, 1080, 660)
    webcam = Box(0, 500, 320, 720)
    image[webcam.slices] = paint("adipose", 220, 320, np.random.default_rng(1))
    (region,) = tissue_regions(image, [webcam])
    assert near(region.box, true)
    assert [inset.common(webcam) for inset in region.insets] == [webcam.common(region.box)]
    assert not any(tissue_regions(image[webcam.slices], [Box(0, 0, 320, 220)]))


def test_larger_than_full_hd_is_exact_as_well(slide):
    image = cv2.resize(slide, (3840, 2160), interpolation=cv2.INTER_CUBIC)
    image[:200] = (60, 60, 66)
    (region,) = tissue_regions(image)
    assert near(region.box, Box(0, 200, 3840, 2160), 4)
