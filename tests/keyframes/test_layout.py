"""Where a screen shows tissue, region by region, and holds on screens of which only a part moves."""

import cv2
import numpy as np
import pytest

from stages.common.regions.boxes import Box
from stages.demo.tissue import paint
from stages.keyframes.holds import HoldFinder
from stages.keyframes.layout import Layout
from stages.keyframes.motion import Anchor, Blocks

FPS = 20
LEFT, RIGHT = Box(20, 60, 300, 320), Box(340, 60, 620, 320)


@pytest.fixture(scope="module")
def slide():
    return paint("colorectal_cancer", 700, 1400, np.random.default_rng(5))


def part(slide, x, y, box):
    move = np.array([[1, 0, x], [0, 1, y]], float)
    size = box.width, box.height
    return cv2.warpAffine(slide, move, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def presentation(slide, left=(100, 100), right=(600, 300)):
    """Two pictures on a white slide with a title."""
    image = np.full((360, 640, 3), 255, np.uint8)
    cv2.putText(image, "Low and high power", (20, 40), cv2.FONT_HERSHEY_SIMPLEX, 1, (20, 20, 60), 2, cv2.LINE_AA)
    for box, place in ((LEFT, left), (RIGHT, right)):
        image[box.slices] = part(slide, *place, box)
    return image


def look(layout, image, rotation=0):
    stored = np.rot90(image, -round(rotation / 90))
    return layout.look(image, cv2.cvtColor(np.ascontiguousarray(stored), cv2.COLOR_RGB2GRAY), rotation, [])


def grey(image):
    return cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (320, 180), interpolation=cv2.INTER_AREA)


def shown(*regions):
    return Blocks(regions, np.logical_or.reduce(regions), np.zeros((9, 16), bool))


def blocks_in(box):
    """The blocks of 40 x 40 pixels that lie in a box."""
    mask = np.zeros((9, 16), bool)
    mask[-(-box.top // 40) : box.bottom // 40, -(-box.left // 40) : box.right // 40] = True
    return mask


def test_each_picture_is_a_region_and_words_are_none(slide):
    regions, tissue = look(Layout(), presentation(slide))
    assert len(regions) == 2
    for box, found in zip((LEFT, RIGHT), sorted(regions, key=lambda mask: np.nonzero(mask)[1].mean()), strict=True):
        assert (found & tissue & blocks_in(box)).sum() >= 0.9 * blocks_in(box).sum()
    assert not tissue[0].any(), "the title"


def test_blocks_are_those_of_the_stored_frame(slide):
    """The file holds the frame turned by 90 degrees; upright it is a portrait."""
    stored = presentation(slide)
    (regions, tissue), (plain, same) = (
        look(Layout(), np.ascontiguousarray(np.rot90(stored)), 90),
        look(Layout(), stored),
    )
    assert len(regions) == len(plain)
    assert (np.logical_or.reduce(regions) != np.logical_or.reduce(plain)).sum() <= 4
    assert (tissue != same).sum() <= 4


def test_a_tool_bar_is_no_region_and_a_bare_view_keeps_the_places_of_the_one_before(slide):
    screen = np.full((360, 640, 3), 230, np.uint8)
    for n in range(20):
        cv2.rectangle(screen, (10 + 30 * n, 8), (28 + 30 * n, 26), (200, 60 + 6 * n, 40), -1)
    area = Box(0, 40, 640, 360)
    full, bare = screen.copy(), screen.copy()
    full[area.slices] = part(slide, 100, 100, area)
    bare[area.slices] = (243, 243, 245)
    bare[area.slices][:, :160] = part(slide, 100, 100, area)[:, :160]
    layout = Layout()
    (regions, first), (_, second) = look(layout, full), look(layout, bare)
    assert not layout.new
    assert not first[0].any()
    assert not regions[0][0].any()
    assert second.sum() == first.sum()
    _, third = look(layout, bare)
    assert third.sum() < 0.5 * first.sum(), "by now the view before was as bare"


def test_another_screen_is_looked_at_anew(slide):
    layout = Layout()
    look(layout, presentation(slide))
    assert layout.new
    look(layout, presentation(slide, left=(300, 200)))
    assert not layout.new, "one picture changed"
    whole = part(slide, 0, 0, Box(0, 0, 640, 360))
    assert not layout.stays(cv2.cvtColor(whole, cv2.COLOR_RGB2GRAY))
    _, tissue = look(layout, whole)
    assert layout.new
    assert tissue.mean() > 0.9


def test_a_title_card_is_a_screen_without_regions(slide):
    card, layout = np.full((360, 640, 3), 20, np.uint8), Layout()
    cv2.putText(card, "Melanoma", (60, 180), cv2.FONT_HERSHEY_SIMPLEX, 3, (240, 240, 240), 6, cv2.LINE_AA)
    (whole,), _ = look(layout, card)
    assert whole.all()
    assert layout.stays(cv2.cvtColor(card, cv2.COLOR_RGB2GRAY))
    look(layout, presentation(slide))
    assert layout.new


def test_one_picture_that_changes_beside_others_is_another_view(slide):
    """A quarter of what is textured: too little, where the whole frame is counted."""
    three = [blocks_in(Box(20, 60, 120, 320)), blocks_in(Box(120, 60, 300, 320)), blocks_in(RIGHT)]
    before = presentation(slide)
    after = before.copy()
    after[60:320, 20:120] = part(slide, 900, 250, Box(20, 60, 120, 320))
    anchor = Anchor(grey(before), 0.25)
    anchor.look_at(shown(np.logical_or.reduce(three)))
    assert anchor.shift(grey(after)) is not None
    anchor.look_at(shown(*three))
    assert anchor.shift(grey(after)) is None
    assert anchor.shift(grey(before)).size < 0.01


def test_holds_of_a_picture_that_moves_beside_one_that_rests(slide):
    """The camera moves in the smaller picture only."""
    way = np.linspace(0, 1, FPS) ** 2 * 80
    places = [100.0] * (2 * FPS) + [100 + x for x in way] + [180.0] * (2 * FPS)
    finder = HoldFinder(1.0, 6.4, 0.25, 5)
    finder.look_at(shown(blocks_in(Box(20, 60, 180, 320)), blocks_in(Box(180, 60, 620, 320))))
    base, small, spans = presentation(slide), Box(20, 60, 180, 320), []
    for n, x in enumerate(places):
        image = base.copy()
        image[small.slices] = part(slide, x, 100, small)
        spans += finder.feed(n / FPS, grey(image), finder.shift(grey(image)), n)
    spans += finder.finish(len(places) / FPS)
    assert [time for hold in spans for time in (hold.start, hold.end)] == pytest.approx([0, 2, 3, 5], abs=0.3)


def test_frames_before_a_look_count_as_if_it_had_been_before(slide):
    """The first frame of a run is of the camera's last movement. With all blocks counted words hide how far it was; the
    look at the tissue must not turn that into a movement in the middle of the hold."""
    words = np.full((360, 640, 3), 250, np.uint8)
    for n in range(14):
        cv2.putText(words, "haphazard glands, nuclei, stroma", (4, 24 + 24 * n), 0, 0.7, (30, 30, 30), 1, cv2.LINE_AA)
    finder = HoldFinder(1.0, 6.4, 0.25, 5)
    found = []
    for n in range(3 * FPS):
        image = words.copy()
        image[RIGHT.slices] = part(slide, 300 + (1.5 if n else 0), 100, RIGHT)
        found += finder.feed(n / FPS, grey(image), finder.shift(grey(image)), n)
        if n == FPS // 2:
            finder.look_at(shown(blocks_in(RIGHT)))
    (hold,) = [*found, *finder.finish(3.0)]
    assert (hold.start, hold.end) == pytest.approx((0, 3), abs=0.11)
    assert max(away.size for _, away in hold.samples[1:]) < 0.1
