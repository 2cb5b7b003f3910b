"""Holds are kept as their regions of tissue, without the speaker, and cursors are looked for beside him."""

import io

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from recording import record

from stages.common.data.tars import read_tar
from stages.common.frame_filter.prediction import Prediction
from stages.common.incremental.runner import Item
from stages.common.regions.boxes import Box
from stages.demo.render import arrow, head
from stages.demo.tissue import paint
from stages.keyframes import work
from stages.keyframes.reader import upright_box


class FakeFilter:
    """Takes everything for histology."""

    threshold, long_side = 0.5, 640

    def predict(self, images, flags=True):
        small = [cv2.resize(image, (8, 8), interpolation=cv2.INTER_AREA).ravel() for image in images]
        return Prediction(np.array(small, np.float32), np.ones(len(images), np.float32), {})

    def flags(self, images, features):
        return {}

    def is_histology(self, probability):
        return probability >= self.threshold


@pytest.fixture(scope="module")
def slide():
    return paint("colorectal_cancer", 480, 854, np.random.default_rng(5))


@pytest.fixture
def make(tmp_path, monkeypatch, stage_params):
    monkeypatch.setattr(work, "load_filter", lambda model, device: FakeFilter())

    def run(frames):
        path = record(tmp_path / "v.mp4", frames, fps=10)
        work.keyframes(Item("v", "d", {"path": str(path)}), tmp_path, stage_params("keyframes"), tmp_path, 1, "cpu")
        return pd.read_parquet(tmp_path / "v.parquet"), read_tar(tmp_path / "v.tar")

    return run


def image_of(members, name):
    return np.asarray(Image.open(io.BytesIO(members[name])))


def test_two_pictures_of_a_presentation_are_two_regions_of_one_hold(make, slide):
    frame = np.full((480, 854, 3), 255, np.uint8)
    frame[100:400, 40:440], frame[100:380, 480:820] = slide[:300, :400], slide[-280:, -340:]
    table, members = make([frame] * 40)
    assert list(table.hold_id) == ["v_0000"] * 2
    assert list(table.region) == [0, 1]
    assert list(table.image) == ["0000.jpg", "0000_1.jpg"]
    assert [image_of(members, name).shape[:2] for name in table.image] == [
        pytest.approx((300, 400), abs=4),
        pytest.approx((280, 340), abs=4),
    ]
    found = table[["x0", "y0", "x1", "y1"]].to_numpy() * (854, 480, 854, 480)
    assert found == pytest.approx(np.array([(40, 100, 440, 400), (480, 100, 820, 380)]), abs=2)


def test_a_view_that_goes_on_keeps_its_regions(make, slide):
    frame = np.full((480, 854, 3), 255, np.uint8)
    frame[100:400, 40:440], frame[100:380, 480:820] = slide[:300, :400], slide[-280:, -340:]
    table, _ = make([frame] * 40 + [np.full_like(frame, 20)] * 3 + [frame] * 40)
    assert len(table) == 2
    assert table.end_s.tolist() == pytest.approx([8.3, 8.3], abs=0.2)


def test_the_speaker_is_in_no_image_and_takes_no_cursor(make, slide):
    webcam = Box(614, 330, 834, 460)
    frames = []
    for n in range(60):
        frame = slide.copy()
        seen = head(n / 10, 4)[:, 160:1120]
        frame[webcam.slices] = cv2.resize(seen, (webcam.width, webcam.height), interpolation=cv2.INTER_AREA)
        turn = 2 * np.pi * n / 22
        frames.append(arrow(frame, 250 + 80 * np.cos(turn), 200 + 80 * np.sin(turn)))
    table, members = make(frames)
    assert list(table.region) == [0]
    shown = image_of(members, "0000.jpg")[webcam.grown(-4).slices]
    assert np.ptp(shown.reshape(-1, 3), axis=0).max() < 12, "one colour is left of the speaker"
    overlays = pd.read_parquet(io.BytesIO(members["overlays.parquet"]))
    inside = (overlays.x > 0.7) & (overlays.y > 0.66)
    assert len(overlays) > 30
    assert inside.mean() < 0.02


def test_a_box_turns_with_the_frame():
    box = Box(10, 20, 30, 60)
    image = np.zeros((100, 200), np.uint8)
    image[box.slices] = 1
    for rotation in (0, 90, 180, -90):
        turned = np.rot90(image, round(rotation / 90))
        found = upright_box(box, (200, 100), rotation)
        assert turned[found.slices].all()
        assert turned.sum() == found.area
