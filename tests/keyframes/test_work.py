"""A whole video's keyframes, and small pieces of them."""

import io
import json

import cv2
import numpy as np
import pandas as pd
import pytest
from recording import record

from stages.common.data.tars import read_tar
from stages.common.errors import Rejected
from stages.common.frame_filter.prediction import Prediction
from stages.common.frame_filter.quality import background, blur
from stages.common.incremental.runner import Item
from stages.common.tables.keyframes import HOLDS, PASSED, PASSED_MEMBER
from stages.demo import render as camera
from stages.demo import script
from stages.demo.tissue import paint
from stages.keyframes import passed, work
from stages.keyframes.reader import prefetch
from stages.keyframes.scan import Cut, SampledFrame, StillImage, scan
from stages.keyframes.sheet import sheet


class FakeFilter:
    """Takes coloured pictures for histology; features are a small picture."""

    threshold, long_side = 0.5, 160

    def predict(self, images, flags=True):
        small = [cv2.resize(image, (8, 8), interpolation=cv2.INTER_AREA).ravel() for image in images]
        rows = np.array(small, np.float32).reshape(len(images), -1)
        colour = np.array([np.ptp(image.reshape(-1, 3).mean(0)) > 20 for image in images], np.float32)
        return Prediction(rows, colour, self.flags(images, rows) if flags else {})

    def flags(self, images, features):
        return {"arrow": np.full(len(images), 0.75, np.float32)}

    def is_histology(self, probability):
        return probability >= self.threshold


class FakeEstimator:
    """Knows the magnification of every other image, 1."""

    def __init__(self):
        self.calls = 0

    def estimate(self, image):
        self.calls += 1
        return 1.0 if self.calls % 2 else np.nan


@pytest.fixture
def tissue():
    slide = paint("colorectal_cancer", 400, 900, np.random.default_rng(5))
    return lambda x: np.ascontiguousarray(slide[:180, x : x + 320])


@pytest.fixture
def make(tmp_path, monkeypatch, stage_params):
    """Record frames and return their table, the members of the tar and the sheet's size."""
    monkeypatch.setattr(work, "load_filter", lambda model, device: FakeFilter())
    monkeypatch.setattr(work, "load_estimator", lambda folder: FakeEstimator())

    def run(frames, **changes):
        path = record(tmp_path / "v.mp4", frames, fps=10)
        params = stage_params("keyframes", **{"min_hold_s": 1.0} | changes)
        work.keyframes(Item("v", "d", {"path": str(path)}), tmp_path, params, tmp_path, 1, "cpu", tmp_path)
        return pd.read_parquet(tmp_path / "v.parquet"), read_tar(tmp_path / "v.tar")

    return run


def test_a_video_becomes_holds_images_cuts_and_marks(make, tissue, tmp_path):
    grey = np.full((180, 320, 3), 128, np.uint8)
    pointing = [camera.arrow(tissue(300), 100 + 4 * n, 60) for n in range(30)]
    table, members = make([tissue(0)] * 20 + pointing + [grey] * 20)
    assert list(table.columns) == HOLDS.names
    assert list(table.hold_id) == ["v_0000", "v_0001"], "the grey hold is not histology"
    assert list(table.start_s) == pytest.approx([0, 2], abs=0.11)
    assert list(table.end_s) == pytest.approx([2, 5], abs=0.11)
    assert list(table.magnification) == pytest.approx([1, np.nan], nan_ok=True)
    assert list(table.magnification_how) == ["estimated", ""]
    assert (table.flag_arrow == 0.75).all()
    assert table.flag_person.isna().all(), "what was not taught is not known"
    assert json.loads(members["cuts.json"]) == pytest.approx([2, 5], abs=0.11)
    overlays = pd.read_parquet(io.BytesIO(members["overlays.parquet"]))
    assert set(overlays.hold_id) == {"v_0001"}
    sheet(Item("v", "d", {"holds": str(tmp_path / "v.parquet"), "images": str(tmp_path / "v.tar")}), tmp_path)
    assert cv2.imread(str(tmp_path / "v.png")).shape[1] == 1280


def test_a_view_that_comes_back_shares_its_image(make, tissue):
    table, members = make([tissue(0)] * 20 + [tissue(400)] * 20 + [tissue(0)] * 20)
    assert list(table.image) == ["0000.jpg", "0001.jpg", "0000.jpg"]
    described = table[["image", "histology_prob", "width", "height", "blur", "background"]]
    assert described.iloc[2].equals(described.iloc[0]), "what is said of the image is said of the one kept"
    assert sorted(name for name in members if name.endswith("jpg")) == ["0000.jpg", "0001.jpg"]


def test_rests_that_make_no_key_frame_are_told_with_their_reason(make, tissue):
    grey, pan = np.full((180, 320, 3), 90, np.uint8), [tissue(300 + 12 * n) for n in range(10)]
    table, members = make([tissue(0)] * 30 + [grey] * 30 + [tissue(300)] * 15 + pan + [tissue(0)] * 30, min_hold_s=2.0)
    rests = PASSED.read_bytes(members[PASSED_MEMBER], "v.tar")
    assert len(table) == 2
    assert list(rests.reason) == ["no_tissue", "rest_too_short"]
    assert list(rests.start_s) == pytest.approx([3, 6], abs=0.11)
    assert list(rests.end_s) == pytest.approx([6, 7.5], abs=0.11)
    shown = [cv2.imdecode(np.frombuffer(members[name], np.uint8), cv2.IMREAD_COLOR) for name in rests.image]
    assert [picture.shape for picture in shown] == [(126, 224, 3)] * 2
    assert [np.ptp(picture.reshape(-1, 3).mean(0)) > 20 for picture in shown] == [False, True]


def test_three_pictures_of_what_was_passed_over_are_kept_for_each_reason_and_none_with_a_face(monkeypatch):
    black, white = np.zeros((90, 160, 3), np.uint8), np.full((90, 160, 3), 255, np.uint8)
    monkeypatch.setattr(passed, "shows_face", lambda picture: bool(picture.max()))

    def kept(times, picture):
        over = passed.PassedOver("v")
        for time in times:
            over.add("no_tissue", time, time + 1, picture)
        members = over.members()
        table = PASSED.read_bytes(members.pop(PASSED_MEMBER), "v.tar")
        assert set(members) == {*table.image} - {""}
        return len(table), set(table[table.image != ""].start_s)

    count, shown = kept(range(50), black)
    assert (count, len(shown)) == (50, 3)
    assert kept(sorted(shown | {0, 20, 40}), black)[1] == shown, "those that are shown stay so when others go"
    assert kept(range(5), white) == (5, set())


def test_a_view_disturbed_for_a_moment_is_one_hold(make, tissue):
    table, _ = make([tissue(0)] * 20 + [tissue(500)] * 3 + [tissue(0)] * 20)
    assert len(table) == 1
    assert (table.start_s[0], table.end_s[0]) == pytest.approx((0, 4.3), abs=0.11)


def test_videos_that_are_no_lecture_are_rejected_with_their_reason(make, tissue, stage_params):
    grey = [np.full((180, 320, 3), level, np.uint8) for level in (90, 200)]
    with pytest.raises(Rejected, match="no_histology"):
        make([grey[0]] * 20 + [grey[1]] * 20)
    rules = stage_params("keyframes").prescreening
    jumps = [tissue(40 * n) for n in range(12) for _ in range(10)]
    with pytest.raises(Rejected, match="not_narrative"):
        make(jumps, prescreening=rules.model_copy(update={"narrative_cosine": 0.9999999}))
    moving = [tissue(7 * n) for n in range(60)]
    with pytest.raises(Rejected, match="no_histology_hold"):
        make(moving, prescreening=rules.model_copy(update={"min_narrative": 0.0}))


def test_blur_and_background():
    image = paint("cribriform", 360, 640, np.random.default_rng(0))
    assert blur(image) < blur(cv2.GaussianBlur(image, (0, 0), 2)) < blur(cv2.GaussianBlur(image, (0, 0), 5))
    assert background(np.full((10, 10, 3), 245, np.uint8)) == 1
    half = np.concatenate([np.full((10, 10, 3), 245, np.uint8), np.full((10, 10, 3), (200, 80, 160), np.uint8)])
    assert background(half) == 0.5


def test_prefetch_keeps_order_raises_and_stops():
    assert list(prefetch(range(100), 3)) == list(range(100))

    def broken():
        yield 1
        raise ValueError("late")

    with pytest.raises(ValueError, match="late"):
        list(prefetch(broken(), 2))
    made = []
    for item in prefetch((made.append(n) or n for n in range(1000)), 2):
        if item == 3:
            break
    assert len(made) < 10, "nothing is made once nobody asks"


@pytest.mark.slow
def test_a_scan_of_a_lecture_finds_its_shots(tmp_path, stage_params):
    row = next(row for row in script.cast("tiny") if not row[3])
    plan = script.write(*row, seed=3, holds=1)
    camera.shoot(plan, tmp_path / "film.mp4")
    found = list(scan(tmp_path / "film.mp4", stage_params("keyframes"), 2, 320))
    holds = [one for one in found if isinstance(one, StillImage)]
    for shot in (s for s in plan.shots if s.kind == "hold" and s.end - s.start >= 3):
        near = [h for h in holds if abs(h.start - shot.start) < 0.1 and abs(h.end - shot.end) < 0.1]
        assert near, shot
        assert near[0].image.shape == (720, 1280, 3), "the clean image has the video's own size"
    scenes = zip(plan.shots, plan.shots[1:], strict=False)
    cuts = [
        b.start
        for a, b in scenes
        if (a.view and a.view.slide) != (b.view and b.view.slide) or a.kind != b.kind == "title"
    ]
    assert [cut.time for cut in found if isinstance(cut, Cut)] == pytest.approx(cuts, abs=0.05)
    views = [one for one in found if isinstance(one, SampledFrame)]
    assert len(views) == pytest.approx(plan.now, abs=2)
    assert sum(view.picture is not None for view in views) < len(views) / 1.5, "a still view is looked at once"
