"""Alignment of image and text: which sentence speaks of which hold."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stages.common.tables.captions import CaptionSentence
from stages.pairs.params import Params

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
    """The hold on screen for most words of the sentence, or for some of them while the cursor points into it; else, if
    the camera still moves, the hold that begins within `ahead_s`.

    Confidence is the share of words said during the hold. Pointing raises it halfway to 1; for a hold that is still to
    come it is halved.
    """
    if not len(holds):
        return []
    shares = _shares(holds, sentence)
    pointed = holds.hold_id.isin(gestures.hold_id[_overlapping(gestures, sentence)]).to_numpy() & (shares > 0)
    best = int(np.argmax(shares + pointed))
    share = float(shares[best])
    if pointed[best]:
        return [Match(int(holds.index[best]), number, round((1 + share) / 2, 3), "pointed_at")]
    if share >= params.min_overlap:
        return [Match(int(holds.index[best]), number, round(share, 3), "said_over_hold")]
    wait = (holds.start_s - sentence["end"]).to_numpy()
    coming = (wait >= sentence["start"] - sentence["end"]) & (wait <= params.ahead_s)
    if not coming.any():
        return []
    best = int(np.argmin(np.where(coming, np.abs(wait), np.inf)))
    return [Match(int(holds.index[best]), number, round(0.5 * max(float(shares[best]), 0.5), 3), "hold_coming_up")]


def _shares(holds: pd.DataFrame, sentence: CaptionSentence) -> NDArray[np.float64]:
    """For each hold the share of the sentence's words whose middle falls into it."""
    middles = np.asarray(sentence["times"], float).mean(axis=1)
    inside = (middles >= holds.start_s.to_numpy()[:, None]) & (middles < holds.end_s.to_numpy()[:, None])
    shares: NDArray[np.float64] = inside.mean(axis=1)
    return shares


def _overlapping(spans: pd.DataFrame, sentence: CaptionSentence) -> "pd.Series[bool]":
    """Which spans overlap the sentence."""
    return (spans.start_s < sentence["end"]) & (spans.end_s > sentence["start"])


def _said_during(spans: pd.DataFrame, sentence: CaptionSentence) -> "pd.Series[float]":
    """How many of the sentence's words are said during each span, and, below one, the share of its time."""
    overlap = spans.end_s.clip(upper=sentence["end"]) - spans.start_s.clip(lower=sentence["start"])
    shares = overlap / max(sentence["end"] - sentence["start"], 1e-6)
    middles = np.asarray(sentence["times"], float).reshape(-1, 2).mean(axis=1)
    said = (middles >= spans.start_s.to_numpy()[:, None]) & (middles < spans.end_s.to_numpy()[:, None])
    return shares.clip(upper=0.999) + said.sum(axis=1)


def box_for(boxes: pd.DataFrame, hold_id: str, sentence: CaptionSentence) -> tuple[int | None, list[float]]:
    """The region of the hold, and the box (x0, y0, x1, y1) in it, of the gesture during which most of the sentence is
    said, or (None, []) where there is none."""
    own = boxes[boxes.hold_id == hold_id]
    overlap = _said_during(own, sentence)
    if not len(overlap) or overlap.max() <= 0:
        return None, []
    row = own.loc[overlap.idxmax()]
    return int(row.region), [round(float(row[side]), 4) for side in ("x0", "y0", "x1", "y1")]


def images_of(
    match: Match, regions: pd.DataFrame, sentences: list[CaptionSentence], boxes: pd.DataFrame
) -> list[tuple[pd.Series, list[float], float]]:
    """The images that a match stands for, rows of `regions` (all of every hold), each with a box and a confidence.

    Where the hold shows several, the sentence goes with the one that the cursor points into meanwhile; without a
    gesture it may be about any of them, and each has its share of the confidence.
    """
    hold_id = regions.hold_id[match.hold]
    own = regions[regions.hold_id == hold_id]
    pointed, box = box_for(boxes, hold_id, sentences[match.sentence])
    if pointed is not None:
        own = own[own.region == pointed]
    return [(row, box, round(match.confidence / len(own), 3)) for _, row in own.iterrows()]
