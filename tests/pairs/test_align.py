"""Sentences find the hold they speak of."""

import pandas as pd
import pytest

from stages.pairs.align import align, box_for

HOLDS = pd.DataFrame({"start_s": [0.0, 10.0, 30.0], "end_s": [8.0, 20.0, 40.0]})


def said(start, end, kind="medical"):
    return {"start": start, "end": end, "kind": kind}


@pytest.mark.parametrize(
    ("sentence", "hold", "confidence", "reason"),
    [
        (said(1, 5), 0, 1.0, "said_over_hold"),
        (said(7, 17), 1, 0.7, "said_over_hold"),
        (said(8.2, 9.8), 1, 0.25, "hold_coming_up"),
        (said(27, 29.5), 2, 0.25, "hold_coming_up"),
    ],
)
def test_by_words(params, sentence, hold, confidence, reason):
    (match,) = align(HOLDS, [sentence], params("pairs"))
    assert (match.hold, match.reason) == (hold, reason)
    assert match.confidence == pytest.approx(confidence)


def test_by_words_a_sentence_about_the_last_view_stays_off_the_next(params):
    assert align(HOLDS, [said(21, 24)], params("pairs")) == []
    assert align(HOLDS, [said(1, 5, "other")], params("pairs")) == []
    assert align(HOLDS.iloc[:0], [said(1, 5)], params("pairs")) == []


def test_the_papers_rule_pads_holds_and_is_many_to_many(params):
    block = params("pairs", rule="paper", pair_chunk_time=3.0)
    sentences = [said(8.5, 9.5), said(24, 26), said(41, 44)]
    assert [(m.hold, m.sentence) for m in align(HOLDS, sentences, block)] == [(0, 0), (1, 0), (2, 2)]


def test_a_box_is_taken_from_the_gesture_made_meanwhile():
    boxes = pd.DataFrame(
        {
            "chunk_id": ["a", "a", "b"],
            "start_s": [0, 6, 0],
            "end_s": [4, 9, 9],
            "x0": [0.1, 0.2, 0.3],
            "y0": 0.1,
            "x1": 0.9,
            "y1": 0.9,
        }
    )
    assert box_for(boxes, "a", said(5, 8))[0] == 0.2
    assert box_for(boxes, "a", said(20, 22)) == []
    assert box_for(boxes, "c", said(0, 9)) == []
