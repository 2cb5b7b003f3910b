"""The audit's own arithmetic."""

import pandas as pd
import pytest

from stages.audit.copies import copy_metrics
from stages.audit.text import correction_scores, normalise, word_error_rate
from stages.audit.timeline import cut_metrics, f1, hold_metrics, iou, matched, pair_metrics, roi_metrics


def test_word_errors_by_hand():
    assert normalise("H&E-stain, Grade 3!") == "h e stain grade 3"
    assert word_error_rate(["one two three four"], ["one too three four five"]) == pytest.approx(0.5)
    assert word_error_rate(["A b-c."], ["a b c"]) == 0


def test_a_correction_is_right_where_its_words_were_said():
    fixes = [("lexicon", "fibrin"), ("lexicon", "mucin"), ("lexicon_unconditioned", "septa")]
    line = {"corrections": [{"from": "x", "to": to, "by": by} for by, to in fixes]}
    scores = correction_scores({"v": "Fibrin, and fibrous septa."}, {"v": {"sentences": [line]}})
    assert scores["lexicon"] == {"made": 2, "precision": 0.5}
    assert scores["lexicon_unconditioned"] == {"made": 1, "precision": 1}


def test_spans_match_once_and_within_tolerance():
    gold = [(0.0, 5.0), (10.0, 15.0)]
    assert matched([(0.4, 4.6), (0.1, 5.1), (10.6, 15.0)], gold, 0.5) == [(0, 0)]
    assert f1(1, 3, 2) == {"precision": pytest.approx(1 / 3), "recall": 0.5, "f1": pytest.approx(0.4)}


def test_boxes_overlap_by_hand():
    assert iou([0, 0, 2, 2], [1, 1, 3, 3]) == pytest.approx(1 / 7)
    assert iou([0, 0, 1, 1], [2, 2, 3, 3]) == 0
    assert iou([0, 0, 1, 1], [0, 0, 1, 1]) == 1


def label(decoy=""):
    shot = {"kind": "hold", "histology": True, "magnification": 1, "tissue": "lung"}
    return {
        "decoy": decoy,
        "cuts": [5.0],
        "shots": [shot | {"start": 0.0, "end": 5.0}, shot | {"start": 5.0, "end": 9.0, "tissue": "mucin"}],
        "sentences": [
            {"start": 1.0, "end": 3.0, "tissue": "lung", "kind": "medical"},
            {"start": 6.0, "end": 8.0, "tissue": "mucin", "kind": "roi"},
        ],
        "gestures": [{"start": 6.0, "end": 8.0, "box": [0.1, 0.1, 0.3, 0.3]}],
    }


def test_holds_cuts_boxes_and_pairs_are_scored_against_the_script():
    gold = {"v": label(), "d": label("photographs")}
    holds = {
        "v": pd.DataFrame({"chunk_id": ["a", "b"], "start_s": [0.1, 5.2], "end_s": [4.9, 7.0], "magnification": [1, 0]})
    }
    found = hold_metrics(gold, holds, 3.0, 0.5)
    assert found["holds"] == {"precision": 0.5, "recall": 0.5, "f1": pytest.approx(0.5), "found": 2, "gold": 2}
    assert found["magnification"]["accuracy"] == 1
    assert cut_metrics(gold, {"v": [4.93, 5.2]}, {"v": 25.0})["cuts"]["precision"] == 0.5
    box = pd.DataFrame({"start_s": [6.1], "end_s": [7.9], "x0": [0.1], "y0": [0.1], "x1": [0.3], "y1": [0.3]})
    assert roi_metrics(gold, {"v": box}, 0.5)["rois"]["covered"] == 1
    pairs = pd.DataFrame({"video_id": ["v", "v"], "chunk_id": ["a", "a"], "start_s": [1.0, 6.0], "end_s": [3.0, 8.0]})
    assert pair_metrics(gold, pairs, holds)["pairs"] == {"precision": 0.5, "recall": 0.5, "pairs": 2}


def test_copies_are_counted_among_candidates_only():
    labels = [
        {"source": "laion", "key": "1", "planted": "mirrored", "tissue": ""},
        {"source": "laion", "key": "2", "planted": "leak", "tissue": ""},
        {"source": "laion", "key": "3", "planted": "exact", "tissue": ""},
        {"source": "laion", "key": "9", "planted": "exact", "tissue": ""},
    ]
    table = pd.DataFrame(
        {
            "pair_id": ["laion_1", "laion_2", "laion_3", "x"],
            "drop": ["near_duplicate", "leak_nct", "", "near_duplicate"],
        }
    )
    found = copy_metrics(labels, table)
    ways = {"exact": 0.0, "mirrored": 1.0}
    expected = {"planted": 2, "found": 1, "precision": 0.5, "recall": 0.5, "recall_by_way": ways}
    assert found["duplicates"] == expected
    assert found["leaks"] == {"planted": 1, "found": 1, "flagged": 1}
