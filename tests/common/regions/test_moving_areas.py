"""A webcam is found by what moves in it, a cursor is not; its box ends where its picture ends."""

import cv2
import numpy as np
import pytest

from stages.common.regions.boxes import Box, overlap
from stages.common.regions.moving import KnownAreas, MovingAreas, moving_areas
from stages.demo.render import arrow, head
from stages.demo.tissue import paint

WEBCAM = Box(960, 500, 1260, 700)


@pytest.fixture(scope="module")
def slide():
    return paint("stroma", 720, 1280, np.random.default_rng(2))


def hold(slide, webcam=WEBCAM, frames=40, cursor=True):
    for n in range(frames):
        image = slide.copy()
        if webcam:
            seen = head(n / 5, 3)[:, 160:1120]
            image[webcam.slices] = cv2.resize(seen, (webcam.width, webcam.height), interpolation=cv2.INTER_AREA)
        turn = 2 * np.pi * n / 11
        yield arrow(image, 400 + 130 * np.cos(turn), 300 + 100 * np.sin(turn)) if cursor else image


def grey(image):
    return cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (320, 180), interpolation=cv2.INTER_AREA)


def seen_in(images):
    areas = MovingAreas()
    for n, image in enumerate(images):
        areas.add(n / 5, grey(image))
    return areas


def test_the_webcam_is_found_to_its_edges_and_the_cursor_is_not(slide):
    images = list(hold(slide))
    still = np.median(np.stack(images[::5]), axis=0).astype(np.uint8)
    (box,) = moving_areas(seen_in(images).boxes(), still, (320, 180))
    assert overlap(box, WEBCAM) > 0.96
    assert box.common(WEBCAM) == WEBCAM, "no pixel of the speaker is left"


def test_nothing_moves_but_the_cursor_or_the_lamp_or_the_camera(slide):
    assert seen_in(hold(slide, webcam=None)).boxes() == []
    lamp = [cv2.convertScaleAbs(slide, alpha=0.9 + 0.05 * (n % 3)) for n in range(20)]
    assert seen_in(lamp).boxes() == []
    assert seen_in([np.roll(slide, 9 * n, 1) for n in range(20)]).boxes() == []


def test_without_an_edge_the_area_gets_a_margin():
    flat = np.full((720, 1280, 3), 90, np.uint8)
    images = []
    for n in range(20):
        image = flat.copy()
        cv2.circle(image, (640, 360), 70 + 12 * (n % 3), (200, 200, 200), -1)
        images.append(image)
    (area,) = seen_in(images).boxes()
    (box,) = moving_areas([area], flat, (320, 180))
    assert area.scaled(4, 4).common(box) == area.scaled(4, 4)


def test_a_clock_is_found_once_most_holds_had_it(slide):
    areas = MovingAreas()
    found = []
    for number in range(6):
        for n in range(30):
            image = np.roll(slide, 50 * number, 0)
            cv2.putText(image, f"{n // 5:02d}:{n // 3:02d}", (1100, 60), 0, 1.2, (0, 0, 0), 3)
            areas.add(6 * number + n / 5, grey(image))
        found.append(areas.boxes())
        areas.end_hold()
    assert found[0] == []
    assert len(found[-1]) == 1
    assert found[-1][0].common(Box(275, 5, 310, 16)).area


def test_no_frame_moves_nothing():
    areas = MovingAreas()
    areas.end_hold()
    assert areas.boxes() == []
    assert moving_areas([], np.zeros((9, 16), np.uint8), (320, 180)) == []


def test_one_who_moves_whatever_the_camera_does_is_known_at_once(slide):
    areas = seen_in(hold(slide, frames=10))
    areas.end_hold(counts=False)
    (box,) = areas.lately()
    assert box.common(WEBCAM.scaled(1 / 4, 1 / 4)) == box
    for n in range(20):  # a scene without him
        areas.add(3 + n / 5, grey(np.roll(slide, 300, 1)))
    assert areas.lately() == []
    assert seen_in(hold(slide, webcam=None)).lately() == [], "a circling cursor"


def test_a_speaker_who_rests_is_masked_until_he_is_gone(slide):
    known = KnownAreas()
    first, *_, later = hold(slide, cursor=False)
    assert known.added_to([WEBCAM], first) == [WEBCAM]
    assert known.added_to([], later) == [WEBCAM]
    assert known.added_to([], slide) == []
    assert known.added_to([], later) == [WEBCAM], "back again"
    assert known.added_to([WEBCAM.grown(2)], later) == [WEBCAM.grown(2)]
    assert KnownAreas().added_to([], later) == []
