"""Sentences find the hold they speak of."""

from itertools import pairwise

import numpy as np
import open_clip
import pandas as pd
import pytest

from benchmarks.pairs import timelines
from stages.pairs.align import Match, align, box_for, images_of
from stages.pairs.lengths import split_sentence, token_counter

HOLDS = pd.DataFrame({"hold_id": ["a", "b", "c"], "start_s": [0.0, 10.0, 30.0], "end_s": [8.0, 20.0, 40.0]})


def said(start, end, kind="medical", text="The glands are crowded and nuclei are large and dark."):
    """A sentence of even words, ten unless `text` has another number."""
    edges = np.linspace(start, end, len(text.split()) + 1)
    return {"start": start, "end": end, "kind": kind, "text": text, "times": list(pairwise(edges))}


@pytest.mark.parametrize(
    ("sentence", "hold", "confidence", "reason"),
    [
        (said(1, 5), 0, 1.0, "said_over_hold"),
        (said(7, 17), 1, 0.7, "said_over_hold"),
        (said(8.2, 9.8), 1, 0.7, "hold_coming_up"),
        (said(27, 29.5), 2, 0.7, "hold_coming_up"),
    ],
)
def test_by_words(stage_params, sentence, hold, confidence, reason):
    (match,) = align(HOLDS, [sentence], stage_params("pairs"))
    assert (match.hold, match.reason) == (hold, reason)
    assert match.confidence == pytest.approx(confidence)


def test_by_words_a_sentence_about_the_last_view_stays_off_the_next(stage_params):
    assert align(HOLDS, [said(21, 24)], stage_params("pairs")) == []
    assert align(HOLDS, [said(1, 5, "other")], stage_params("pairs")) == []
    assert align(HOLDS.iloc[:0], [said(1, 5)], stage_params("pairs")) == []


@pytest.mark.parametrize(
    ("text", "start", "hold", "confidence", "reason"),
    [
        ("In the preceding picture the glands were round.", 12, 0, 0.5, "previous_hold"),
        ("On the following slide I will show you the kidney.", 12, 2, 0.5, "next_hold"),
        ("The next image is a kidney.", 10.5, 1, 1.0, "said_over_hold"),
        ("The next image is a kidney.", 17.5, 1, 1.0, "said_over_hold"),
        ("Let's zoom in on the mitoses.", 5, 1, 0.7, "next_hold"),
        ("Let me move the arrow to the mitoses.", 5, 0, 1.0, "said_over_hold"),
        ("Think back to the granulomas of the lung.", 12, 1, 0.2, "said_over_hold"),
        ("A healthy gland would have basal nuclei.", 12, 1, 0.2, "said_over_hold"),
        ("Unlike in a carcinoma, the glands are round.", 12, 1, 0.5, "said_over_hold"),
        ("Compared with the normal gland here, they are large.", 12, 1, 1.0, "said_over_hold"),
        ("The patient died of metastases two years later.", 12, 1, 1.0, "said_over_hold"),
        ("In the preceding picture the glands were round.", 2, 0, 0.2, "said_over_hold"),
    ],
)
def test_a_sentence_about_another_picture_goes_there_or_counts_less(
    stage_params, text, start, hold, confidence, reason
):
    (match,) = align(HOLDS, [said(start, start + 2.4, text=text)], stage_params("pairs"))
    assert (match.hold, match.confidence, match.reason) == (hold, confidence, reason)


def test_the_previous_slide_ends_where_the_picture_changed_at_once(stage_params):
    holds = pd.DataFrame({"hold_id": list("abc"), "start_s": [0.0, 10.0, 22.0], "end_s": [9.9, 20.0, 30.0]})
    sentence = said(24, 27, text="It had more cells in the previous case.")
    (match,) = align(holds, [sentence], stage_params("pairs"))
    assert (holds.hold_id[match.hold], match.reason) == ("a", "previous_hold")


def test_pairs_that_the_dataset_keeps_are_right_on_timelines(stage_params):
    found = timelines()
    assert found["precision"] >= 0.9
    assert found["recall"] >= 0.9


def test_the_papers_rule_pads_holds_and_is_many_to_many(stage_params):
    params = stage_params("pairs", rule="paper", pair_chunk_time=3.0)
    sentences = [said(8.5, 9.5), said(24, 26), said(41, 44)]
    assert [(m.hold, m.sentence) for m in align(HOLDS, sentences, params)] == [(0, 0), (1, 0), (2, 2)]


def test_pointing_decides_between_two_holds(stage_params):
    sentence, near = said(5, 13), HOLDS.assign(start_s=[0.0, 8.0, 30.0])
    (plain,) = align(near, [sentence], stage_params("pairs"))
    assert (plain.hold, plain.reason) == (1, "said_over_hold")
    gesture = pd.DataFrame({"hold_id": ["a"], "start_s": [5.0], "end_s": [7.0]})
    (pointed,) = align(near, [sentence], stage_params("pairs"), gesture)
    assert (pointed.hold, pointed.reason) == (0, "pointed_at")
    assert pointed.confidence == pytest.approx((1 + 0.4) / 2)
    elsewhere = gesture.assign(hold_id="c")  # a gesture over a hold in which nothing of this is said
    assert align(near, [sentence], stage_params("pairs"), elsewhere) == [plain]


def test_parts_have_the_times_of_their_words():
    text = "one two three four, five six"
    times = [(0.0, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (5.0, 7.0), (7.0, 9.0)]
    whole = {"text": text, "raw": text, "start": 0.0, "end": 9.0, "times": times, "entities": [], "kind": "medical"}
    first, second = split_sentence(whole, lambda t: len(t.split()), 4)
    assert (first["start"], first["end"], first["times"]) == (0.0, 0.8, times[:4])
    assert (second["start"], second["end"], second["times"]) == (5.0, 9.0, times[4:])


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("a layer my o sarcoma, with dark cells", "a leiomyosarcoma, with dark cells"),
        ("a leiomyosarcoma, with dark cells of it", "a smooth muscle tumor, with dark cells of it"),
    ],
)
def test_parts_of_a_corrected_sentence_have_the_times_of_what_was_heard(raw, text):
    words = raw.split()
    times = [(float(n), n + 0.5) for n in range(len(words))]
    whole = {"text": text, "raw": raw, "start": 0.0, "end": times[-1][1], "times": times, "entities": []}
    first, second = split_sentence(whole, lambda t: len(t.split()), len(text.split(",")[0].split()))[:2]
    begins = words.index("with")
    assert (first["start"], first["end"]) == (0.0, times[begins - 1][1])
    assert second["start"] == times[begins][0]


def test_a_long_sentence_is_cut_where_a_clause_ends_and_never_in_a_word():
    text = "Here the glands are crowded, and the nuclei are dark; the stroma shows necrosis"
    times = [(float(n), n + 1.0) for n in range(14)]
    entities = [{"term": "glands"}, {"term": "necrosis"}]
    whole = {"text": text, "start": 0.0, "end": 14.0, "times": times, "entities": entities, "kind": "medical"}
    assert split_sentence(whole, lambda t: len(t.split()), 14) == [whole]
    parts = split_sentence(whole, lambda t: len(t.split()), 6)
    assert [part["text"] for part in parts] == [
        "Here the glands are crowded,",
        "and the nuclei are dark;",
        "the stroma shows necrosis",
    ]
    assert [part["entities"] for part in parts] == [[{"term": "glands"}], [], [{"term": "necrosis"}]]
    assert [(part["start"], part["end"]) for part in parts] == [(0.0, 5.0), (5.0, 10.0), (10.0, 14.0)]
    single = split_sentence(whole, lambda t: len(t.split()), 1)
    assert " ".join(part["text"] for part in single) == text


def test_tokens_are_those_that_open_clip_counts():
    text = "karyorrhectic debris"
    ids = open_clip.get_tokenizer("ViT-B-32")([text])[0]
    assert token_counter("ViT-B-32")(text) == int((ids != 0).sum())


def test_a_box_is_taken_from_the_gesture_made_meanwhile():
    boxes = pd.DataFrame(
        {
            "hold_id": ["a", "a", "b"],
            "start_s": [0, 6, 0],
            "end_s": [4, 9, 9],
            "x0": [0.1, 0.2, 0.3],
            "y0": 0.1,
            "x1": 0.9,
            "y1": 0.9,
        }
    )
    boxes = boxes.assign(region=[2] * len(boxes))
    region, box = box_for(boxes, "a", said(5, 8))
    assert (region, box[0]) == (2, 0.2)
    assert box_for(boxes, "a", said(20, 22)) == (None, [])
    pause = said(5, 8) | {"times": [(3.0, 3.5), (3.5, 4.0), (8.0, 8.5)], "start": 3.0, "end": 8.5}
    assert box_for(boxes, "a", pause)[1][0] == 0.1, "more words were said during the first, the second lasted longer"
    assert box_for(boxes, "c", said(0, 9)) == (None, [])


def test_a_sentence_goes_with_the_region_pointed_at_or_with_all():
    regions = pd.DataFrame({"hold_id": ["a", "b", "b"], "region": [0, 0, 1], "image": ["0.jpg", "1.jpg", "1_1.jpg"]})
    match, sentence = Match(1, 0, 0.8, "said_over_hold"), said(10, 12)
    boxes = pd.DataFrame({"hold_id": ["b"], "region": 1, "start_s": 10.5, "end_s": 11.0})
    boxes = boxes.assign(x0=0.1, y0=0.2, x1=0.3, y1=0.4)
    rows = regions.to_dict("records")
    ((row, box, confidence),) = images_of(match, rows, [sentence], boxes)
    assert (row["image"], box, confidence) == ("1_1.jpg", [0.1, 0.2, 0.3, 0.4], 0.8)
    both = images_of(match, rows, [sentence], boxes.iloc[:0])
    found = [(row["image"], box, confidence) for row, box, confidence in both]
    assert found == [("1.jpg", [], 0.4), ("1_1.jpg", [], 0.4)]
