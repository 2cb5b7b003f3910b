"""What keyframes and rois find in lectures from unseen seeds, recorded well and badly, against their scripts."""

import io
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
from PIL import Image

from benchmarks import report
from benchmarks.lectures import TAKES, Lecture, frame_filter, record_all
from stages.audit.gold import GoldVideo
from stages.audit.timeline import CUT_FRAMES, f1, gold_holds, iou, matched, overlap
from stages.common.data.tars import read_tar
from stages.common.incremental.runner import Item
from stages.common.stage.params import load_params
from stages.demo.render import frames, pointer
from stages.demo.script import HEIGHT, WIDTH
from stages.keyframes.work import keyframes
from stages.rois.work import rois

SEEDS = (1001, 1002, 1003)
TOLERANCE_S = 0.5


class Tally:
    """Counts and measurements over lectures of one way of recording."""

    def __init__(self) -> None:
        self.holds = np.zeros(3, int)
        self.cuts = np.zeros(3, int)
        self.psnr: list[tuple[float, float, float]] = []
        self.cursor: list[float] = []
        self.overlaps: list[float] = []

    def add(self, other: "Tally") -> None:
        """Add what another tally holds."""
        self.holds += other.holds
        self.cuts += other.cuts
        self.psnr += other.psnr
        self.cursor += other.cursor
        self.overlaps += other.overlaps


def score(lecture: Lecture, model: Path, folder: Path, tally: Tally) -> None:
    """Add what is found in one lecture to `tally`."""
    params, seen, pointed = load_params("keyframes")[0], folder / "keyframes", folder / "rois"
    keyframes(Item("v", "", {"path": str(lecture.path)}), seen, params, model, 1, "cpu")
    files = {"keyframes": str(seen / "v.tar"), "holds": str(seen / "v.parquet")}
    rois(Item("v", "", files), pointed, load_params("rois")[0])
    regions, images = pd.read_parquet(seen / "v.parquet"), read_tar(seen / "v.tar")
    holds = regions.drop_duplicates("hold_id")
    shots = GoldVideo.model_validate_json(json.dumps(lecture.label)).shots or []
    gold = [(shot.start, shot.end) for shot in gold_holds(shots, params.min_hold_s)]
    pairs = matched(list(zip(holds.start_s, holds.end_s, strict=True)), gold, TOLERANCE_S)
    tally.holds += len(pairs), len(holds), len(gold)
    cuts, shown = json.loads(images["cuts.json"]), list(_shown(lecture))
    tolerance = (CUT_FRAMES + 0.01) / float(TAKES[lecture.condition].rate)
    right = matched([(cut, cut) for cut in cuts], [(cut, cut) for cut in shown], tolerance)
    tally.cuts += len(right), len(cuts), len(shown)
    if lecture.condition == "clean":
        tally.psnr += _psnr(lecture, holds.iloc[[i for i, _ in pairs]], images)
    tally.cursor += _distances(lecture, pd.read_parquet(pointed / "v.trace.parquet"))
    tally.overlaps += _overlaps(lecture, pd.read_parquet(pointed / "v.parquet"))


def _shown(lecture: Lecture) -> Iterator[float]:
    """When each cut can be seen: at the first frame that the recording has of the new scene."""
    with av.open(str(lecture.path)) as container:
        times = sorted(float(p.pts * p.time_base) for p in container.demux(video=0) if p.pts is not None)
    for cut in lecture.label["cuts"]:
        yield min((time for time in times if time >= cut - 1e-3), default=times[-1])


def _psnr(lecture: Lecture, holds: pd.DataFrame, images: dict[str, bytes]) -> list[tuple[float, float, float]]:
    """PSNR of each clean image against the scene as it was drawn: of its luma, in RGB, and the most RGB can reach.

    The most is what is left of the scene when nothing is done but to halve its colours, as 4:2:0 video does.
    """
    middles = {round((hold.start_s + hold.end_s) / 2 * 25): hold for hold in holds.itertuples()}
    found = []
    for number, (whole, _) in enumerate(frames(lecture.script)):
        if number in middles:
            hold = middles[number]
            left, top = round(hold.x0 * WIDTH), round(hold.y0 * HEIGHT)
            scene = np.ascontiguousarray(whole[top : top + hold.height, left : left + hold.width])
            clean = np.asarray(Image.open(io.BytesIO(images[hold.image])))
            grey = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (clean, scene))
            halved = cv2.cvtColor(cv2.cvtColor(scene, cv2.COLOR_RGB2YUV_I420), cv2.COLOR_YUV2RGB_I420)
            found.append((cv2.PSNR(*grey), cv2.PSNR(clean, scene), cv2.PSNR(halved, scene)))
    return found


def _distances(lecture: Lecture, trace: pd.DataFrame) -> list[float]:
    """Distance of each point of the trace from the cursor's tip, in frame widths."""
    found = []
    for point in trace.itertuples():
        if tip := pointer(float(point.t_s), lecture.script.gestures):
            found.append(float(np.hypot(point.x - tip[0] / WIDTH, (point.y - tip[1] / HEIGHT) * HEIGHT / WIDTH)))
    return found


def _overlaps(lecture: Lecture, boxes: pd.DataFrame) -> list[float]:
    """The best overlap of each gesture with a box of the same time."""
    found = []
    for gesture in lecture.label["gestures"]:
        span = (gesture["start"], gesture["end"])
        same = [row for row in boxes.itertuples() if overlap(span, (row.start_s, row.end_s)) > 0]
        found.append(
            max((iou(gesture["box"], [b.frame_x0, b.frame_y0, b.frame_x1, b.frame_y1]) for b in same), default=0.0)
        )
    return found


def measure(folder: Path) -> None:
    """Print every figure, each way of recording by itself and all together."""
    model = frame_filter()
    tallies: defaultdict[str, Tally] = defaultdict(Tally)
    for lecture in record_all(folder, SEEDS):
        score(lecture, model, folder, tallies[lecture.condition])
    tallies["all lectures"] = total = Tally()
    for tally in [tallies[name] for name in TAKES]:
        total.add(tally)
    for name, tally in tallies.items():
        counts = "{} right of {} found, {} true"
        holds, cuts = f1(*tally.holds.tolist())["f1"], f1(*tally.cuts.tolist())["f1"]
        report(f"holds, {name}", holds, None, 0.95, counts.format(*tally.holds), unit="F1 at 0.5 s", at_least=True)
        report(f"cuts, {name}", cuts, None, 0.98, counts.format(*tally.cuts), unit="F1 within 2 frames", at_least=True)
        covered, note = float(np.mean(np.array(tally.overlaps) >= 0.5)), f"{len(tally.overlaps)} gestures"
        report(f"gestures, {name}", covered, None, 0.8, note, unit="share covered with IoU 0.5", at_least=True)
        distance = float(np.median(tally.cursor)) if tally.cursor else 1.0
        report(f"cursor, {name}", distance, None, 0.01, f"{len(tally.cursor)} points, median", unit="frame widths")
    luma, colour, most = (np.array(values) for values in zip(*total.psnr, strict=True))
    note = f"luma, worst of {len(luma)} at crf 23, mean {luma.mean():.1f}"
    report("clean image, drawn scene", luma.min(), None, 35, note, unit="dB", at_least=True)
    note = f"RGB, mean; worst {colour.min():.1f}, where 4:2:0 alone leaves {most[colour.argmin()]:.1f}"
    report("clean image, drawn scene", colour.mean(), None, 35, note, unit="dB", at_least=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        for stage in ("keyframes", "rois"):
            (Path(place) / stage).mkdir()
        measure(Path(place))
