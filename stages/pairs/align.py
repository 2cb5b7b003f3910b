"""Alignment of image and text: which sentence speaks of which hold."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stages.common.tables.captions import CaptionSentence
from stages.pairs.cues import Place, place_of
from stages.pairs.params import Params

# Confidences, near the shares of right pairs that `python -m benchmarks.pairs` finds.
COMING_UP = 0.7  # said while the camera moved to the hold
AHEAD = 0.7  # said when the camera was about to go there, by the narrator's own words
MOVED = 0.5  # said of the next or the previous picture, by the narrator's own words
COMPARED = 0.5  # factor: words about another picture in a sentence about this one
ELSEWHERE = 0.2  # factor: a sentence about a picture that is not shown then
AHEAD_S = 6.0  # seconds, at most, from a sentence about where the camera goes to the hold there
SAME_SLIDE_S = (0.5, 5.0)  # seconds from one hold to the next of a slide; a hard cut is shorter, a title longer

NO_GESTURES = pd.DataFrame({"hold_id": [], "start_s": [], "end_s": []})


@dataclass(frozen=True)
class Match:
    """Sentence number `sentence` belongs to hold number `hold`; confidence in 0..1."""

    hold: int
    sentence: int
    confidence: float
    reason: str


def align(
    holds: pd.DataFrame, sentences: list[CaptionSentence], params: Params, gestures: pd.DataFrame = NO_GESTURES
) -> list[Match]:
    """Match medical and region sentences ({start, end, times, kind}) to `holds` (hold_id, start_s, end_s), in order.

    `gestures` (hold_id, start_s, end_s) are the cursor's, and decide between holds that a sentence may describe.
    """
    rule = _by_words if params.rule == "words" else _by_padded_holds
    return [
        match
        for number, sentence in enumerate(sentences)
        if sentence["kind"] != "other"
        for match in rule(holds, number, sentence, params, gestures)
    ]


def _by_padded_holds(
    holds: pd.DataFrame, number: int, sentence: CaptionSentence, params: Params, _: pd.DataFrame
) -> list[Match]:
    """The paper's rule (section 7): every hold whose span, padded by pair_chunk_time, has the sentence's middle."""
    middle = (sentence["start"] + sentence["end"]) / 2
    near = (holds.start_s - params.pair_chunk_time <= middle) & (middle <= holds.end_s + params.pair_chunk_time)
    return [Match(int(hold), number, 1.0, "in_padded_hold") for hold in holds.index[near]]


def _by_words(
    holds: pd.DataFrame, number: int, sentence: CaptionSentence, params: Params, gestures: pd.DataFrame
) -> list[Match]:
    """The hold on screen, unless the sentence says that it is about another; then that hold, with less confidence, or,
    where it is unknown which, the one on screen, with next to none."""
    if not len(holds):
        return []
    place = place_of(sentence["text"])
    other = _other(holds, sentence, place)
    if other is not None:
        hold, confidence, reason = other
        return [Match(int(holds.index[hold]), number, confidence, reason)]
    match = _on_screen(holds, number, sentence, params, gestures)
    if match is None:
        return []
    factor = 1.0 if place in ("here", "ahead", "changing") else COMPARED if place == "compared" else ELSEWHERE
    return [replace(match, confidence=round(match.confidence * factor, 3))]


def _on_screen(
    holds: pd.DataFrame, number: int, sentence: CaptionSentence, params: Params, gestures: pd.DataFrame
) -> Match | None:
    """The hold on screen for most words of the sentence, or for some of them while the cursor points into it; else, if
    the camera still moves, the hold that begins within `ahead_s`.

    Confidence is the share of words said during the hold. Pointing raises it halfway to 1; for a hold that is still to
    come it is at least COMING_UP.
    """
    shares = _shares(holds, sentence)
    pointing = _overlapping(gestures, sentence)
    pointed = np.zeros(len(holds), bool)
    if pointing.any():
        pointed = holds.hold_id.isin(gestures.hold_id[pointing]).to_numpy() & (shares > 0)
    best = int(np.argmax(shares + pointed))
    share = float(shares[best])
    if pointed[best]:
        return Match(int(holds.index[best]), number, round((1 + share) / 2, 3), "pointed_at")
    if share >= params.min_overlap:
        return Match(int(holds.index[best]), number, round(share, 3), "said_over_hold")
    wait = (holds.start_s - sentence["end"]).to_numpy()
    coming = (wait >= sentence["start"] - sentence["end"]) & (wait <= params.ahead_s)
    if not coming.any():
        return None
    best = int(np.argmin(np.where(coming, np.abs(wait), np.inf)))
    return Match(int(holds.index[best]), number, COMING_UP, "hold_coming_up")


def _other(holds: pd.DataFrame, sentence: CaptionSentence, place: Place) -> tuple[int, float, str] | None:
    """The row of the hold that `place` means, with a confidence and a reason, where it is another than on screen."""
    starts, ends = holds.start_s.to_numpy(), holds.end_s.to_numpy()
    now = int((starts <= sentence["start"]).sum()) - 1  # the last hold that has begun; -1: none has
    after = now + 1 if now + 1 < len(holds) else None
    wait = starts[after] - sentence["end"] if after is not None else np.inf
    if place == "previous":
        before = _slide_before(starts, ends, now) if now >= 0 and sentence["start"] < ends[now] else now
        return (before, MOVED, "previous_hold") if before >= 0 else None
    if after is None:
        return None
    if place == "next" or (place == "changing" and wait < (sentence["start"] - starts[now] if now >= 0 else np.inf)):
        return after, MOVED, "next_hold"
    return (after, AHEAD, "next_hold") if place == "ahead" and wait <= AHEAD_S else None


def _slide_before(starts: NDArray[np.float64], ends: NDArray[np.float64], now: int) -> int:
    """The last hold of the slide before that of hold `now`, the hold before it where no slide is seen to change; -1:
    none."""
    near, far = SAME_SLIDE_S
    changes = [n for n in range(1, now + 1) if not near < starts[n] - ends[n - 1] < far]
    return (changes[-1] if changes else now) - 1


def _shares(holds: pd.DataFrame, sentence: CaptionSentence) -> NDArray[np.float64]:
    """For each hold the share of the sentence's words whose middle falls into it."""
    middles = np.asarray(sentence["times"], float).mean(axis=1)
    inside = (middles >= holds.start_s.to_numpy()[:, None]) & (middles < holds.end_s.to_numpy()[:, None])
    shares: NDArray[np.float64] = inside.mean(axis=1)
    return shares


def _overlapping(spans: pd.DataFrame, sentence: CaptionSentence) -> NDArray[np.bool_]:
    """Which spans overlap the sentence."""
    found: NDArray[np.bool_] = spans.start_s.to_numpy() < sentence["end"]
    return found & (spans.end_s.to_numpy() > sentence["start"])


def _said_during(spans: pd.DataFrame, sentence: CaptionSentence) -> NDArray[np.float64]:
    """How many of the sentence's words are said during each span, and, below one, the share of its time."""
    starts, ends = spans.start_s.to_numpy(), spans.end_s.to_numpy()
    overlap = np.minimum(ends, sentence["end"]) - np.maximum(starts, sentence["start"])
    shares = overlap / max(sentence["end"] - sentence["start"], 1e-6)
    middles = np.asarray(sentence["times"], float).reshape(-1, 2).mean(axis=1)
    said = (middles >= starts[:, None]) & (middles < ends[:, None])
    found: NDArray[np.float64] = np.minimum(shares, 0.999) + said.sum(axis=1)
    return found


def box_for(boxes: pd.DataFrame, hold_id: str, sentence: CaptionSentence) -> tuple[int | None, list[float]]:
    """The region of the hold, and the box (x0, y0, x1, y1) in it, of the gesture during which most of the sentence is
    said, or (None, []) where there is none."""
    mine = boxes.hold_id.to_numpy(object) == hold_id
    if not mine.any():
        return None, []
    own = boxes[mine]
    overlap = _said_during(own, sentence)
    if overlap.max() <= 0:
        return None, []
    row = own.iloc[int(overlap.argmax())]
    return int(row.region), [round(float(row[side]), 4) for side in ("x0", "y0", "x1", "y1")]


def images_of(
    match: Match, regions: Sequence[dict[str, Any]], sentences: Sequence[CaptionSentence], boxes: pd.DataFrame
) -> list[tuple[dict[str, Any], list[float], float]]:
    """The images that a match stands for, rows of `regions` (all of every hold), each with a box and a confidence.

    Where the hold shows several, the sentence goes with the one that the cursor points into meanwhile; without a
    gesture it may be about any of them, and each has its share of the confidence.
    """
    hold_id = regions[match.hold]["hold_id"]
    own = [row for row in regions if row["hold_id"] == hold_id]
    pointed, box = box_for(boxes, hold_id, sentences[match.sentence])
    if pointed is not None:
        own = [row for row in own if row["region"] == pointed]
    return [(row, box, round(match.confidence / len(own), 3)) for row in own]
