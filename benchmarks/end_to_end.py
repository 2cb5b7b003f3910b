"""From videos to pairs: what twelve recorded lectures over real tissue lose on the way."""

import contextlib
import io
import tempfile
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from PIL import Image

from benchmarks import report, screens
from benchmarks.filming import film
from benchmarks.lectures import frame_filter
from benchmarks.recordings import HEIGHT, STYLES, WIDTH, Spoken, Style, Talk, Truth
from stages.audit.timeline import iou, matched, overlap
from stages.captions.work import captions
from stages.common.data.arrays import Picture
from stages.common.data.tars import read_tar
from stages.common.incremental.runner import Item
from stages.common.paths import LEXICON_DIR
from stages.common.regions.boxes import Box
from stages.common.stage.params import load_params
from stages.common.tables.captions import CAPTIONS
from stages.common.tables.keyframes import HOLDS, tar_of
from stages.common.tables.pairs import PAIR_TABLE, pairs_table
from stages.common.tables.rois import BOXES
from stages.common.tables.transcripts import TRANSCRIPT
from stages.keyframes.work import keyframes
from stages.pairs.__main__ import video_rows
from stages.rois.work import rois
from stages.transcripts.work import transcript

SEED = 2
TOLERANCE_S = 0.5
FLAT = 8  # grey levels of standard deviation: what shows less is a patch of one colour, no face


@dataclass
class Outcomes:
    """For each thing that was counted whether it is right, or what share of it is."""

    kept_holds: list[bool] = field(default_factory=list)  # of holds found
    true_holds: list[bool] = field(default_factory=list)
    slides: list[bool] = field(default_factory=list)  # true holds of presentations
    faces: list[bool] = field(default_factory=list)  # of kept images, whether the speaker can be seen
    pixels: list[tuple[int, int]] = field(default_factory=list)  # kept, and of them tissue
    gestures: list[bool] = field(default_factory=list)
    pairs: list[bool] = field(default_factory=list)
    sentences: list[bool] = field(default_factory=list)

    def add(self, other: "Outcomes") -> None:
        """Add what another tally holds."""
        for one in fields(self):
            getattr(self, one.name).extend(getattr(other, one.name))


def go_through(video: Path, name: str, model: Path, lexicon: Path) -> None:
    """Run the stages from keyframes to pairs on one video; results go where stages put them, below this folder."""
    params = {stage: load_params(stage)[0] for stage in ("keyframes", "rois", "transcripts", "captions", "pairs")}
    with contextlib.chdir(video.parent):
        for folder in (HOLDS, BOXES, TRANSCRIPT, CAPTIONS, PAIR_TABLE):
            folder.at(id=name).parent.mkdir(parents=True, exist_ok=True)
        keyframes(Item(name, "", {"path": str(video)}), HOLDS.at(id=name).parent, params["keyframes"], model, 1, "cpu")
        seen = {"keyframes": str(tar_of(name)), "holds": str(HOLDS.at(id=name))}
        rois(Item(name, "", seen), BOXES.at(id=name).parent, params["rois"])
        transcript(Item(name, "", {"path": str(video)}), TRANSCRIPT.at(id=name).parent, params["transcripts"], "cpu", 1)
        heard = {"transcript": str(TRANSCRIPT.at(id=name)), "title": ""}
        captions(Item(name, "", heard), CAPTIONS.at(id=name).parent, params["captions"], lexicon, Path("replies"), 0.0)
        rows = video_rows(name, SimpleNamespace(url="", license=""), params["pairs"])
        PAIR_TABLE.write(Path(f"{name}.parquet"), pairs_table(rows))


def score(folder: Path, name: str, truth: Truth, style: Style) -> Outcomes:
    """Compare what was made of a video with what is so in it."""
    tally = Outcomes()
    regions = HOLDS.read(folder / HOLDS.at(id=name))
    holds = regions.drop_duplicates("hold_id").reset_index(drop=True)
    pairs = matched(list(zip(holds.start_s, holds.end_s, strict=True)), truth.holds, TOLERANCE_S)
    tally.kept_holds = [n in {found for found, _ in pairs} for n in range(len(holds))]
    tally.true_holds = [n in {true for _, true in pairs} for n in range(len(truth.holds))]
    if style.draw is screens.slide:
        tally.slides = [
            any(overlap(true, span) >= 0.5 * (true[1] - true[0]) for span in _spans(holds)) for true in truth.holds
        ]
    images = read_tar(folder / tar_of(name))
    for row in regions.itertuples():
        box = Box(*(round(side) for side in (row.x0 * WIDTH, row.y0 * HEIGHT, row.x1 * WIDTH, row.y1 * HEIGHT)))
        shown = _shown(truth, (row.start_s, row.end_s))
        tally.pixels.append((box.area, _tissue(box, truth.tissue[shown], truth.covered[shown])))
        picture = np.asarray(Image.open(io.BytesIO(images[row.image])))
        tally.faces.append(truth.webcam is not None and _seen(picture, truth.webcam.common(box).within(box)))
    boxes = BOXES.read(folder / BOXES.at(id=name))
    for gesture in truth.gestures:
        left, top, right, bottom = gesture.box
        own = [left / WIDTH, top / HEIGHT, right / WIDTH, bottom / HEIGHT]
        same = [b for b in boxes.itertuples() if overlap((gesture.start, gesture.end), (b.start_s, b.end_s)) > 0]
        tally.gestures.append(any(iou(own, [b.frame_x0, b.frame_y0, b.frame_x1, b.frame_y1]) >= 0.5 for b in same))
    _score_pairs(PAIR_TABLE.read(folder / f"{name}.parquet"), holds.set_index("hold_id"), truth, tally)
    return tally


def _score_pairs(made: pd.DataFrame, holds: pd.DataFrame, truth: Truth, tally: Outcomes) -> None:
    """A pair is right when most of its text is said about the hold that it shows."""
    answered: set[int] = set()
    for row in made.drop_duplicates(["hold_id", "start_s"]).itertuples():
        span = row.start_s, row.end_s
        number = max(range(len(truth.spoken)), key=lambda n: overlap(span, _span(truth.spoken[n])))
        hold = holds.loc[row.hold_id]
        right = _shown(truth, (hold.start_s, hold.end_s)) == truth.spoken[number].hold
        tally.pairs.append(right)
        if right:
            answered |= {
                n
                for n, line in enumerate(truth.spoken)
                if line.hold == truth.spoken[number].hold
                and overlap(span, _span(line)) >= 0.5 * (line.end - line.start)
            }
    tally.sentences = [n in answered for n, line in enumerate(truth.spoken) if line.hold is not None]


def _span(line: Spoken) -> tuple[float, float]:
    return line.start, line.end


def _spans(holds: pd.DataFrame) -> list[tuple[float, float]]:
    return list(zip(holds.start_s, holds.end_s, strict=True))


def _shown(truth: Truth, span: tuple[float, float]) -> int:
    """The true hold that shares most time with `span`."""
    return max(range(len(truth.holds)), key=lambda n: overlap(span, truth.holds[n]))


def _tissue(box: Box, tissue: list[Box], covered: list[Box]) -> int:
    """Pixels of `box` that are in one of `tissue` and in none of `covered`."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    for own in tissue:
        mask[own.slices] = True
    for other in covered:
        mask[other.slices] = False
    return int(mask[box.slices].sum())


def _seen(picture: Picture, speaker: Box) -> bool:
    """Whether `picture` shows anything where the speaker was."""
    part = picture[speaker.slices] if speaker.area else picture[:0]
    return bool(part.size) and float(cv2.meanStdDev(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY))[1][0, 0]) > FLAT


def _one(number: int, folder: Path, model: Path, lexicon: Path) -> Outcomes:
    """Record and score one lecture."""
    cv2.setNumThreads(1)
    video, name = folder / f"{number}.mp4", f"lecture{number}"
    talk = Talk(STYLES[number], SEED)
    film(talk, video)
    go_through(video, name, model, lexicon)
    return score(folder, name, talk.truth, STYLES[number])


def measure(folder: Path) -> None:
    """Print every figure over all lectures."""
    model, lexicon = frame_filter().resolve(), LEXICON_DIR.resolve()
    total = Outcomes()
    for one in Parallel(n_jobs=-1)(delayed(_one)(number, folder, model, lexicon) for number in range(len(STYLES))):
        total.add(one)
    kept, tissue = np.array(total.pixels).sum(axis=0)
    rows = (
        ("hold recall", total.true_holds, 0.92, "both ends within 0.5 s"),
        ("hold precision", total.kept_holds, 0.95, "both ends within 0.5 s"),
        ("holds of presentations kept", total.slides, 0.85, "at least half of the time"),
        ("gestures covered", total.gestures, 0.7, "IoU 0.5"),
        ("pair recall", total.sentences, 0.75, "sentences about a hold that have a pair"),
        ("pair precision", total.pairs, 0.93, ""),
    )
    report("faces in kept images", sum(total.faces), None, 0, f"{len(total.faces)} images", unit="images")
    report("tissue share of kept pixels", tissue / kept, None, 0.95, "", unit="", at_least=True)
    for name, right, threshold, how in rows:
        note = f"{sum(right)} of {len(right)}" + (f"; {how}" if how else "")
        report(name, float(np.mean(right)), None, threshold, note, unit="", at_least=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        measure(Path(place))
