"""Faces are found in photographs and in a speaker's corner, and not in tissue."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage

from stages.common.frame_filter.faces import shows_face
from stages.demo.real import HISTOLOGY, photograph


@pytest.mark.parametrize("name", ["astronaut", "hopper"])
def test_a_person_is_found(name):
    assert shows_face(photograph(name))


@pytest.mark.parametrize("name", ["skin", *HISTOLOGY, "coffee", "page", "china"])
def test_no_face_is_seen_where_there_is_none(name):
    assert not shows_face(photograph(name))


def test_faces_in_the_corner_of_a_lecture_are_found_and_other_pictures_there_are_not():
    people = np.load(Path(skimage.__file__).parent / "data/lfw_subset.npy")  # 100 faces, then 100 other parts
    found = []
    for picture in people[::5]:
        frame = cv2.resize(photograph("ovary_stroma"), (640, 360))
        small = cv2.resize((255 * picture).astype(np.uint8), (90, 90), interpolation=cv2.INTER_CUBIC)
        frame[10:100, 540:630] = small[..., None]
        found.append(shows_face(frame))
    assert np.mean(found[:20]) >= 0.7
    assert np.mean(found[20:]) <= 0.1
