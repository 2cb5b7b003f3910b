"""The narrative test and the shares it rests on."""

import numpy as np
import pytest

from stages.common.frame_filter.prediction import Prediction
from stages.common.frame_filter.prescreening import Prescreening, PrescreeningRules, narrative_share, reason_against

RULES = PrescreeningRules(
    fps=1.0, min_histology=0.05, narrative_frames=20, narrative_next=3, narrative_cosine=0.9, min_narrative=0.1
)


def test_narrative_share_by_hand():
    a, b = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    steady = np.array([a] * 8, np.float32)
    assert narrative_share(steady, 20, 3, 0.9) == 1
    jumpy = np.array([a, b] * 6, np.float32)
    assert narrative_share(jumpy, 20, 3, 0.9) == 0
    mixed = np.array([a] * 5 + [b, a, b, a, b], np.float32)
    assert narrative_share(mixed, 20, 3, 0.9) == pytest.approx(2 / 7)
    assert narrative_share(steady[:3], 20, 3, 0.9) == 0


class FakeFilter:
    threshold = 0.5

    def __init__(self):
        self.seen = 0

    def predict(self, images, flags=True):
        self.seen += len(images)
        rows = np.array([image[0, 0] for image in images], np.float32).reshape(-1, 3)
        return Prediction(rows, (rows[:, 0] > 100).astype(np.float32), {})


def picture(red):
    return np.full((4, 4, 3), (red, 50, 90), np.uint8)


def test_shares_count_repeated_views_without_looking_again():
    frame_filter = FakeFilter()
    prescreening = Prescreening(frame_filter, lambda picture: [picture])
    for red in (200, 20):
        prescreening.add(picture(red))
        for _ in range(4):
            prescreening.add_again()
    histology, narrative = prescreening.shares(RULES)
    assert (histology, narrative) == (0.5, 1.0)
    assert frame_filter.seen == 2


def test_many_frames_are_judged_in_batches_and_none_are_kept():
    frame_filter = FakeFilter()
    prescreening = Prescreening(frame_filter, lambda picture: [picture])
    for _ in range(100):
        prescreening.add(picture(200))
        assert len(prescreening._queue) < 32
    assert prescreening.shares(RULES)[0] == 1
    assert frame_filter.seen == 100


@pytest.mark.parametrize(
    ("histology", "narrative", "reason"),
    [(0, 1, "no_histology"), (0.04, 1, "no_histology"), (0.05, 0.09, "not_narrative"), (0.05, 0.1, "")],
)
def test_reasons(histology, narrative, reason):
    assert reason_against(histology, narrative, RULES) == reason


def test_an_empty_video_shows_nothing():
    assert Prescreening(FakeFilter()).shares(RULES) == (0.0, 0.0)


def test_a_frame_is_what_its_best_region_is():
    frame_filter = FakeFilter()
    parts = {1: [picture(20), picture(200)], 2: [], 3: [picture(20)]}
    prescreening = Prescreening(frame_filter, lambda frame: parts[int(frame[0, 0, 0])])
    for number in (1, 2, 3, 1):
        prescreening.add(picture(number))
    assert prescreening.shares(RULES)[0] == 0.5
    assert Prescreening(frame_filter, lambda _: []).shares(RULES) == (0.0, 0.0)
