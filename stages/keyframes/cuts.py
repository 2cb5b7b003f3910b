"""Each shot boundary that is a hard cut, by PySceneDetect on a small grey stream."""

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.common.data.arrays import Grey

WIDTH = 64  # pixels of the picture in which cuts are searched; details do not matter
APART = 2  # frames between two cuts, at least
BRIGHTNESS = 128.0  # mean grey level to which each frame is scaled, so that a flickering lamp makes no cut
DARKEST = 48.0  # mean grey level; a darker frame is brightened by no more than one of this level
RELATED = 0.2  # response of the phase correlation from which two frames show one scene after a camera movement
KEPT = 8  # frames that are remembered; PySceneDetect decides on a cut fewer frames later


class CutFinder:
    """Feed grey frames in time order; get the times of cuts, each a few frames late.

    PySceneDetect's adaptive detector finds frames that differ from the one before by `level` grey levels, and `ratio`
    times as much as the frames around do; those that phase correlation (Kuglin and Hines 1975) explains by a jump of
    the camera, as where frames are missing from a pan, are not cuts. Its own time codes are not used, so frames may be
    left out where nothing moves and the frame rate may vary.
    """

    def __init__(self, ratio: float, level: float) -> None:
        from scenedetect import AdaptiveDetector

        self._detector = AdaptiveDetector(ratio, min_scene_len=APART, min_content_val=level, luma_only=True)
        self._kept: list[tuple[float, Grey]] = []
        self._first = 0

    def feed(self, time: float, grey: Grey) -> list[float]:
        """Take one frame; return the times of cuts that are now certain."""
        from scenedetect import FrameTimecode

        number = self._first + len(self._kept)
        self._kept.append((time, grey))
        found = self._detector.process_frame(FrameTimecode(number, 25.0), _tiny(grey))
        places = [cut.frame_num - self._first for cut in found]
        cuts = [self._kept[i][0] for i in places if i > 0 and not self._related(i)]
        if len(self._kept) > KEPT:
            del self._kept[0]
            self._first += 1
        return cuts

    def _related(self, place: int) -> bool:
        before, after = (self._kept[i][1].astype(np.float32) for i in (place - 1, place))
        window = cv2.createHanningWindow(before.shape[::-1], cv2.CV_32F)
        return cv2.phaseCorrelate(before, after, window)[1] > RELATED


def _tiny(grey: Grey) -> NDArray[np.uint8]:
    """`grey` at WIDTH pixels and BRIGHTNESS, in three channels as PySceneDetect wants it."""
    height = max(1, round(grey.shape[0] * WIDTH / grey.shape[1]))
    small = cv2.resize(grey, (WIDTH, height), interpolation=cv2.INTER_AREA)
    level = cv2.convertScaleAbs(small, alpha=BRIGHTNESS / max(DARKEST, float(small.mean())))
    return cv2.cvtColor(level, cv2.COLOR_GRAY2BGR)
