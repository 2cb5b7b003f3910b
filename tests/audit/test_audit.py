"""The audit's own arithmetic."""

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from stages.audit.copies import copy_metrics
from stages.audit.frames import frame_metrics
from stages.audit.gold import Export, GoldVideo, read_exports, read_videos
from stages.audit.text import (
    correction_scores,
    field_metrics,
    mended_and_spoiled,
    normalise,
    text_metrics,
    word_error_rate,
)
from stages.audit.timeline import cut_metrics, f1, hold_metrics, iou, matched, pair_metrics, roi_metrics
from stages.common.errors import StageError


def test_word_errors_by_hand():
    assert normalise("H&E-stain, Grade 3!") == "h e stain grade 3"
    assert word_error_rate(["one two three four"], ["one too three four five"]) == pytest.approx(0.5)
    assert word_error_rate(["A b-c."], ["a b c"]) == 0


def test_words_are_mended_or_spoiled_by_what_was_said():
    said, heard = "Psammoma bodies, and clear cells.", "Semoma bodies and clear cells."
    assert mended_and_spoiled(said, heard, "psammoma bodies and clear cells") == (1, 0)
    assert mended_and_spoiled(said, heard, "psammoma bodies and killer cells") == (1, 1)
    assert mended_and_spoiled(said, heard, "seminoma bodies and clear cells") == (0, 0)


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


def label(decoy="", **changes):
    shot = {"kind": "hold", "histology": True, "magnification": 1, "tissue": "lung"}
    whole = {
        "field": "Pulmonary",
        "decoy": decoy,
        "cuts": [5.0],
        "shots": [shot | {"start": 0.0, "end": 5.0}, shot | {"start": 5.0, "end": 9.0, "tissue": "mucin"}],
        "sentences": [
            {"text": "Lung.", "start": 1.0, "end": 3.0, "tissue": "lung", "kind": "medical"},
            {"text": "Mucin here.", "start": 6.0, "end": 8.0, "tissue": "mucin", "kind": "roi"},
        ],
        "gestures": [{"start": 6.0, "end": 8.0, "box": [0.1, 0.1, 0.3, 0.3]}],
    }
    return GoldVideo.model_validate({key: value for key, value in (whole | changes).items() if value is not None})


PARTS = dict.fromkeys(("field", "cuts", "shots", "sentences", "gestures"))
HOLDS = pd.DataFrame({"hold_id": ["a", "b"], "start_s": [0.1, 5.2], "end_s": [4.9, 7.0], "magnification": [1, 0]})
BOX = pd.DataFrame({"start_s": [6.1], "end_s": [7.9]}).assign(frame_x0=0.1, frame_y0=0.1, frame_x1=0.3, frame_y1=0.3)
PAIRS = pd.DataFrame({"video_id": ["v", "v"], "hold_id": ["a", "a"], "start_s": [1.0, 6.0], "end_s": [3.0, 8.0]})
HEARD = {"segments": [{"words": [{"word": "lung"}, {"word": "mucin"}]}]}
CAPTION = {"sentences": [{"text": "Lung.", "corrections": []}], "sub_pathology": [{"field": "Pulmonary"}]}


class Terms:
    def entities(self, text):
        return [SimpleNamespace(id=word) for word in text.split()]


def scores(gold):
    """What every scorer makes of the video `v`, and of `w`, which nobody has labelled."""
    videos = ("v", "w")
    pairs = pd.concat([PAIRS, PAIRS.assign(video_id="w")])
    return {
        **text_metrics(gold, dict.fromkeys(videos, HEARD), dict.fromkeys(videos, CAPTION), Terms()),
        **field_metrics(gold, dict.fromkeys(videos, CAPTION)),
        **hold_metrics(gold, dict.fromkeys(videos, HOLDS), 3.0, 0.5),
        **cut_metrics(gold, {name: [4.93] for name in videos}, dict.fromkeys(videos, 25.0)),
        **roi_metrics(gold, dict.fromkeys(videos, BOX), 0.5),
        **pair_metrics(gold, pairs, dict.fromkeys(videos, HOLDS)),
    }


def test_a_video_without_a_label_changes_no_score():
    found = scores({"v": label()})
    assert found["holds"]["found"] == found["holds"]["gold"] == 2
    assert found["pairs"] == {"precision": 0.5, "recall": 0.5, "pairs": 2, "videos": 1}
    assert found["sub_pathology"] == {"top1": 1, "videos": 1}
    assert found["rois"]["boxes"] == 1
    assert {name for name in found if found[name].get("videos", 1) != 1} == set()


@pytest.mark.parametrize(
    ("labelled", "scored"),
    [
        ({"field"}, {"sub_pathology"}),
        ({"cuts"}, {"cuts"}),
        ({"shots"}, {"holds", "magnification"}),
        ({"sentences"}, {"asr", "terms", "corrections"}),
        ({"gestures"}, {"rois"}),
        ({"shots", "sentences"}, {"holds", "magnification", "asr", "terms", "corrections", "pairs"}),
        (set(), set()),
    ],
    ids=lambda value: "+".join(sorted(value)),
)
def test_what_a_label_leaves_out_is_not_scored(labelled, scored):
    assert set(scores({"v": label(**{name: None for name in PARTS if name not in labelled})})) == scored


def test_an_empty_list_says_that_there_is_none():
    found = scores({"v": label(shots=[], cuts=[], gestures=[])})
    assert found["holds"]["precision"] == 0
    assert found["cuts"]["precision"] == 0
    assert found["rois"]["gestures"] == 0


def test_tissue_and_magnification_may_be_unknown():
    shot = {"kind": "hold", "histology": True, "start": 0.0, "end": 5.0}
    found = scores({"v": label(shots=[shot])})
    assert "magnification" not in found
    assert "pairs" not in found


@pytest.mark.parametrize(
    ("found", "scored"),
    [
        ([1, 0], {"accuracy": 0.5, "answered": 1}),
        ([1, np.nan], {"accuracy": 1, "answered": 0.5}),
        ([np.nan] * 2, {"accuracy": None, "answered": 0}),
    ],
)
def test_a_magnification_that_is_left_empty_is_not_wrong(found, scored):
    holds = HOLDS.assign(end_s=[4.9, 8.9], magnification=found)
    assert hold_metrics({"v": label()}, {"v": holds}, 3.0, 0.5)["magnification"] == scored | {"holds": 2}


def test_the_frame_filter_is_not_scored_without_labelled_shots(tmp_path):
    assert frame_metrics({"v": label(shots=None)}, {}, tmp_path, 1, 0, "cpu") == {}
    assert frame_metrics({"v": label()}, {}, tmp_path, 1, 0, "cpu") == {}, "its file is not there"


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("videos.json", '{"v": {"shot": []}}', "v.shot: Extra inputs are not permitted"),
        ("videos.json", '{"v": {"cuts": ["1 min"]}}', "v.cuts.0: Input should be a valid number"),
        ("videos.json", '{"v": {"cuts": [-1]}, "w": {"cuts": 3}}', r"v.cuts.0: .*greater than.* \(and 1 more\)"),
        ("videos.json", '{"v": {"shots": [{"kind": "hold", "start": 3, "histology": true}]}}', "v.shots.0.end: Field"),
        (
            "videos.json",
            '{"v": {"shots": [{"kind": "hold", "histology": true, "start": 3, "end": 2}]}}',
            "v.shots.0: .*end 2.0 is before start 3.0",
        ),
        ("videos.json", '{"v": {"gestures": [{"start": 1, "end": 2, "box": [1]}]}}', "v.gestures.0.box: .*at least 4"),
        ("videos.json", "[]", "videos.json: Input should be an object"),
        ("videos.json", '{"v": ', "videos.json: Invalid JSON: EOF"),
        ("exports.json", '[{"source": "laion", "key": 3, "planted": ""}]', "0.key: Input should be a valid string"),
    ],
)
def test_a_wrong_label_is_one_line_with_file_and_key(tmp_path, file, text, message):
    (tmp_path / file).write_text(text)
    with pytest.raises(StageError, match=message) as error:
        _ = read_videos(tmp_path), read_exports(tmp_path)
    assert file in str(error.value)
    assert "\n" not in str(error.value)
    assert "data/gold/README.md" in str(error.value)


def test_no_file_is_no_label(tmp_path):
    assert (read_videos(tmp_path), read_exports(tmp_path)) == ({}, [])


def test_the_example_that_explains_gold_labels_is_right(tmp_path):
    all_params = re.findall(r"```json\n(.*?)```", (ROOT / "data/gold/README.md").read_text(), re.S)
    for name, text in zip(("videos.json", "exports.json"), all_params, strict=True):
        (tmp_path / name).write_text(text)
    assert read_videos(tmp_path)
    assert read_exports(tmp_path)


def test_holds_cuts_boxes_and_pairs_are_scored_against_the_script():
    gold = {"v": label(), "d": label("photographs")}
    holds = {"v": HOLDS}
    found = hold_metrics(gold, holds, 3.0, 0.5)
    assert found["holds"] == f1(1, 2, 2) | {"found": 2, "gold": 2, "videos": 2}
    assert found["magnification"]["accuracy"] == 1
    assert cut_metrics(gold, {"v": [4.93, 5.2]}, {"v": 25.0})["cuts"]["precision"] == 0.5
    assert roi_metrics(gold, {"v": BOX}, 0.5)["rois"]["covered"] == 1
    assert pair_metrics(gold, PAIRS, holds)["pairs"] == {"precision": 0.5, "recall": 0.5, "pairs": 2, "videos": 1}


def test_copies_are_counted_among_candidates_only():
    labels = [
        {"source": "laion", "key": "1", "planted": "mirrored", "tissue": ""},
        {"source": "laion", "key": "2", "planted": "leak", "tissue": ""},
        {"source": "laion", "key": "3", "planted": "exact", "tissue": ""},
        {"source": "laion", "key": "4", "planted": "", "tissue": ""},
        {"source": "laion", "key": "9", "planted": "exact", "tissue": ""},
    ]
    labels = [Export.model_validate(one) for one in labels]
    table = pd.DataFrame(
        {
            "pair_id": ["laion_1", "laion_2", "laion_3", "laion_4", "x", "y"],
            "drop": ["near_duplicate", "leak_nct", "", "near_duplicate", "near_duplicate", "leak_nct"],
        }
    )
    found = copy_metrics(labels, table)
    ways = {"exact": 0.0, "mirrored": 1.0}
    expected = {"labels": 4, "planted": 2, "found": 1, "precision": 0.5, "recall": 0.5, "recall_by_way": ways}
    assert found["duplicates"] == expected
    assert found["leaks"] == {"planted": 1, "found": 1, "flagged": 2}
    assert copy_metrics(labels[-1:], table) == {}
