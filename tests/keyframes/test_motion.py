"""How far the picture has moved, against movements made with OpenCV."""

import cv2
import numpy as np
import pytest

from stages.demo import render as camera
from stages.demo.tissue import paint
from stages.keyframes.motion import Anchor, Blocks, moved_back


@pytest.fixture(scope="module")
def slide():
    return paint("colorectal_cancer", 900, 1500, np.random.default_rng(5))


def view(slide, x=100.0, y=80.0, scale=1.0, pointer=None):
    """What a camera sees at (x, y), as a grey picture of 320 x 180."""
    move = np.array([[scale, 0, x + 640 * (1 - scale)], [0, scale, y + 360 * (1 - scale)]])
    seen = cv2.warpAffine(slide, move, (1280, 720), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    seen = camera.arrow(seen, *pointer) if pointer else seen
    return cv2.resize(cv2.cvtColor(seen, cv2.COLOR_RGB2GRAY), (320, 180), interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (1, 0), (0, -2), (2.5, 1.5), (-3, 2)])
def test_small_shifts_are_measured_to_a_fraction_of_a_pixel(slide, dx, dy):
    shift = Anchor(view(slide), 0.25).shift(view(slide, 100 - dx, 80 - dy))
    assert (shift.x, shift.y) == pytest.approx((dx / 4, dy / 4), abs=0.12)
    assert shift.zoom == pytest.approx(0, abs=0.1)


def test_a_zoom_is_told_from_a_shift(slide):
    shift = Anchor(view(slide), 0.25).shift(view(slide, scale=0.995))
    assert shift.zoom == pytest.approx(0.005 * 160 * 15 / 16, abs=0.15)  # at the middle of the outermost blocks
    assert (shift.x, shift.y) == pytest.approx((0, 0), abs=0.1)


def test_a_cursor_and_a_flickering_lamp_are_no_movement(slide):
    still = Anchor(view(slide), 0.25)
    assert still.shift(view(slide, pointer=(600, 300))).size < 0.1
    assert still.shift(cv2.convertScaleAbs(view(slide), alpha=1.06)).size < 0.15
    noisy = view(slide) + np.random.default_rng(0).normal(0, 3, (180, 320))
    assert still.shift(noisy.clip(0, 255).astype(np.uint8)).size < 0.1


@pytest.mark.parametrize(("dx", "dy"), [(8, 0), (-12, 9), (20, -15)])
def test_a_hand_moves_farther_than_the_fine_picture_can_follow(slide, dx, dy):
    shift = Anchor(view(slide), 0.25).shift(view(slide, 100 - dx, 80 - dy))
    assert (shift.x, shift.y) == pytest.approx((dx / 4, dy / 4), abs=0.1)
    assert (shift.zoom, shift.turn) == pytest.approx((0, 0), abs=0.15)


@pytest.mark.parametrize("degrees", [-1.5, 0.5, 1.0])
def test_a_turn_is_told_from_a_shift(slide, degrees):
    turned = cv2.warpAffine(slide, cv2.getRotationMatrix2D((740, 440), degrees, 1), (1500, 900))
    shift = Anchor(view(slide), 0.25).shift(view(turned))
    assert shift.turn == pytest.approx(-np.radians(degrees) * 150, abs=0.2)
    assert (shift.x, shift.y, shift.zoom) == pytest.approx((0, 0, 0), abs=0.15)


def test_moving_back_undoes_what_was_measured(slide):
    move = cv2.getRotationMatrix2D((740, 440), 0.8, 1.01) + np.array([[0, 0, 6], [0, 0, -9]])
    moved = view(cv2.warpAffine(slide, move, (1500, 900)))
    shift = Anchor(view(slide), 0.25).shift(moved)
    back = moved_back(moved, shift, 320, view(slide))
    inner = slice(10, -10), slice(10, -10)
    assert cv2.PSNR(back[inner], view(slide)[inner]) > cv2.PSNR(moved[inner], view(slide)[inner]) + 8


@pytest.mark.parametrize("coarse", [8, 12])
def test_a_view_that_sharpens_is_the_same_view_and_another_one_is_not(slide, coarse):
    blurred = cv2.GaussianBlur(view(slide), (0, 0), coarse / 4)
    sharper, softer = Anchor(blurred, 0.25).shift(view(slide)), Anchor(view(slide), 0.25).shift(blurred)
    assert (sharper.detail, softer.detail) == (1, -1)
    assert max(sharper.size, softer.size) < 0.5
    assert Anchor(blurred, 0.25).shift(view(slide, 300, 100)) is None


def test_a_change_of_scene_in_much_of_the_picture_is_not_a_movement(slide):
    other = view(slide)
    other[:, :160] = view(slide, 400, 150)[:, :160]
    assert Anchor(view(slide), 0.25).shift(other) is None


def test_far_moves_and_other_scenes_are_none(slide):
    still = Anchor(view(slide), 0.25)
    assert still.shift(view(slide, 160, 80)) is None
    assert still.shift(view(slide, scale=0.8)) is None
    assert still.shift(np.full((180, 320), 200, np.uint8)) is None
    other = cv2.cvtColor(paint("stroma", 180, 320, np.random.default_rng(1)), cv2.COLOR_RGB2GRAY)
    assert still.shift(other) is None


def test_blank_pictures_are_compared_by_brightness():
    blank = Anchor(np.full((180, 320), 240, np.uint8), 0.25)
    assert blank.shift(np.full((180, 320), 236, np.uint8)).size == 0
    assert blank.shift(np.random.default_rng(0).integers(0, 255, (180, 320), dtype=np.uint8)) is None


def test_only_what_shows_tissue_counts_and_nothing_that_moves_all_the_time(slide):
    tissue = np.zeros((9, 16), bool)
    tissue[2:6, 8:12] = True
    words = np.full((180, 320), 250, np.uint8)
    for n in range(12):
        cv2.putText(words, "haphazard glands, nuclei", (4, 14 + 14 * n), 0, 0.45, 30, 1, cv2.LINE_AA)

    def presentation(view):
        image = words.copy()
        image[40:120, 160:240] = view[40:120, 160:240]
        return image

    first, other = presentation(view(slide)), presentation(view(slide, 400, 100))
    assert Anchor(first, 0.25).shift(other) is not None, "most of what is textured is words"
    anchor, everywhere = Anchor(first, 0.25), np.ones_like(tissue)
    anchor.look_at(Blocks([tissue], tissue, np.zeros_like(tissue)))
    assert anchor.shift(other) is None
    assert anchor.shift(first).size < 0.1
    anchor.look_at(Blocks([everywhere], everywhere, tissue))
    assert anchor.shift(other).size < 0.1


def test_tissue_that_appears_on_bare_glass_is_another_view(slide):
    bare = np.full((180, 320), 245, np.uint8)
    bare[:, 300:] = view(slide)[:, 300:]
    filled = bare.copy()
    filled[:, 100:] = view(slide)[:, 100:]
    assert Anchor(bare, 0.25).shift(filled) is None
    large = cv2.resize(cv2.cvtColor(bare, cv2.COLOR_GRAY2RGB), (1280, 720))
    pointed = cv2.resize(camera.arrow(large, 600, 360)[..., 0], (320, 180), interpolation=cv2.INTER_AREA)
    assert Anchor(bare, 0.25).shift(pointed).size < 0.1
