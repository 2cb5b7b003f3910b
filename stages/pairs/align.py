"""Which sentence speaks of which hold."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from stages.pairs.params import Params


@dataclass(frozen=True)
class Match:
    """Sentence number `sentence` belongs to hold number `hold`; confidence in 0..1."""

    hold: int
    sentence: int
    confidence: float
    reason: str


def align(holds: pd.DataFrame, sentences: list[dict[str, Any]], block: Params) -> list[Match]:
    """Match medical and region sentences ({start, end, kind}) to `holds` (start_s, end_s), in time order of both."""
    rule = _by_words if block.rule == "words" else _by_chunks
    return [
        match
        for number, sentence in enumerate(sentences)
        if sentence["kind"] != "other"
        for match in rule(holds, number, sentence, block)
    ]


def _by_chunks(holds: pd.DataFrame, number: int, sentence: dict[str, Any], block: Params) -> list[Match]:
    """The paper's rule (section 7): every hold whose span, padded by pair_chunk_time, has the sentence's middle."""
    middle = (sentence["start"] + sentence["end"]) / 2
    near = (holds.start_s - block.pair_chunk_time <= middle) & (middle <= holds.end_s + block.pair_chunk_time)
    return [Match(int(hold), number, 1.0, "in_padded_chunk") for hold in holds.index[near]]


def _by_words(holds: pd.DataFrame, number: int, sentence: dict[str, Any], block: Params) -> list[Match]:
    """The hold on screen for most of the sentence; one that comes up within `ahead_s` when the camera still travels.

    Confidence is the share of the sentence said over the hold, halved for a hold that is only coming up.
    """
    length = max(sentence["end"] - sentence["start"], 1e-3)
    shares = (holds.end_s.clip(upper=sentence["end"]) - holds.start_s.clip(lower=sentence["start"])).clip(
        lower=0
    ) / length
    if len(shares) and shares.max() >= block.min_overlap:
        return [Match(int(shares.idxmax()), number, round(float(shares.max()), 3), "said_over_hold")]
    wait = holds.start_s - sentence["end"]
    coming = wait[(wait >= -length) & (wait <= block.ahead_s)]
    if len(coming):
        hold = int(coming.abs().idxmin())
        return [Match(hold, number, round(0.5 * max(float(shares[hold]), 0.5), 3), "hold_coming_up")]
    return []


def box_for(boxes: pd.DataFrame, chunk: str, sentence: dict[str, Any]) -> list[float]:
    """The box (x0, y0, x1, y1) whose gesture overlaps the sentence most, or [] where none does."""
    own = boxes[boxes.chunk_id == chunk]
    overlap = own.end_s.clip(upper=sentence["end"]) - own.start_s.clip(lower=sentence["start"])
    if not len(overlap) or overlap.max() <= 0:
        return []
    row = own.loc[overlap.idxmax()]
    return [round(float(row[side]), 4) for side in ("x0", "y0", "x1", "y1")]
