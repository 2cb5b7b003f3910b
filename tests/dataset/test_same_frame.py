"""A frame around two pictures does not make them one."""

import cv2
import numpy as np

from stages.common.data.pictures import decode
from stages.dataset.crops import LocalFeatures, same_place
from stages.demo.captioned import make


def framed(picture):
    """The picture in the window of a viewer, much of which is the same for every picture."""
    screen = np.full((600, 800, 3), 236, np.uint8)
    rng = np.random.default_rng(0)
    for n in range(60):
        left, top = int(rng.integers(760)), int(rng.choice([*range(80), *range(510, 580)]))
        cv2.rectangle(screen, (left, top), (left + 30, top + 18), rng.integers(0, 255, 3).tolist(), -1)
        cv2.putText(screen, f"tool {n}", (left, top), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1)
    screen[105:505, 200:600] = cv2.resize(picture, (400, 400))
    return screen


def test_screenshots_of_one_viewer_with_other_tissue_are_not_copies():
    tissue = [decode(make("pubmed", number, 5).image) for number in range(4)]
    views = [LocalFeatures.of(framed(one)) for one in tissue]
    assert not any(same_place(views[a], views[b]) for a in range(4) for b in range(a))
    again = [LocalFeatures.of(framed(one)[::2, ::2]) for one in tissue]
    assert all(same_place(one, other) for one, other in zip(views, again, strict=True))
