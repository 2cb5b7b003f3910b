"""Localized narratives: words, trace and boxes of each hold, in the forms that others' code reads."""

import json
import re
from typing import NamedTuple

import pandas as pd
import pytest
from exported import CRYPTS, GLANDS, LICENSE, VIDEO

from stages.common.errors import StageError
from stages.common.tables.captions import CAPTIONS
from stages.common.tables.keyframes import HOLDS
from stages.export.inputs import kept_pairs
from stages.export.narratives import annotator, caption_with_boxes, segments, write_narratives


class LocalizedNarrative(NamedTuple):
    """What the published loader makes of a line: other keys, or missing ones, are errors."""

    dataset_id: str
    image_id: str
    annotator_id: int
    caption: str
    timed_caption: list
    traces: list
    voice_recording: str


@pytest.fixture
def written(exported, tmp_path):
    write_narratives(tmp_path / "out", kept_pairs([]))
    lines = (tmp_path / "out/narratives.jsonl").read_text().splitlines()
    narratives = [LocalizedNarrative(**json.loads(line)) for line in lines]
    return tmp_path / "out", narratives, pd.read_parquet(tmp_path / "out/quilt_llava.parquet")


def test_a_hold_with_a_cursor_is_a_narrative(written):
    folder, narratives, _ = written
    (one,) = narratives
    assert (one.dataset_id, one.image_id, one.caption) == ("quilt_train", "lecture_0000_000", CRYPTS)
    assert (folder / f"images/{one.image_id}.jpg").exists()
    assert isinstance(one.annotator_id, int)
    assert one.voice_recording == ""


def test_words_have_the_times_of_what_was_heard(written):
    (one,) = written[1]
    assert [(word["utterance"], word["start_time"], word["end_time"]) for word in one.timed_caption] == [
        ("Here", 10.0, 10.5),
        ("crypts", 10.5, 11.0),
        ("line", 11.0, 11.5),
        ("the", 11.5, 12.0),
        ("lamina propria.", 12.0, 12.5),
    ]


def test_the_trace_is_of_the_region_and_begins_anew_where_the_cursor_comes_back(written):
    (one,) = written[1]
    assert [[point["t"] for point in segment] for segment in one.traces] == [[10, 10.5, 11], [12.5, 13], [15, 15.5]]
    assert one.traces[0][0] == {"x": 0.2, "y": 0.4, "t": 10.0}  # twice as far to the right as in the frame
    assert all(0 <= point[axis] <= 1 for segment in one.traces for point in segment for axis in "xy")


def test_a_trace_outside_the_region_leaves_no_segment():
    region = pd.Series({"x0": 0.0, "y0": 0.0, "x1": 0.5, "y1": 1.0})
    assert segments(pd.DataFrame({"t_s": [1.0, 2.0], "x": [0.7, 0.8], "y": [0.5, 0.5]}), region) == []


def test_quilt_llava_gets_captions_boxes_times_and_points(written):
    folder, _, table = written
    rows = table.set_index("unique_row_id")
    assert list(rows.index) == ["lecture_0000_0", "lecture_0001_0"]
    crypts, glands = (rows.loc[name] for name in rows.index)
    assert crypts.clustered_whole_sentences == f"{CRYPTS} [0.2, 0.3, 0.4, 0.5]"
    assert crypts.extended_text_sentences_asrcorrected["utterance"] == CRYPTS
    assert [len(crypts.traces), len(crypts.boxes), len(glands.traces)] == [7, 1, 0]
    assert (crypts.boxes[0]["start_time"], list(crypts.boxes[0]["box"])) == (10.0, [0.2, 0.3, 0.4, 0.5])
    assert glands.clustered_whole_sentences == GLANDS  # said without a gesture
    assert glands.extended_text_time_asrcorrected[-1] == {"utterance": "back.", "start_time": 22.5, "end_time": 23.0}
    assert all((folder / path).exists() for paths in rows.image_path for path in paths)
    assert set(rows.license) == {LICENSE}


def test_texts_of_one_box_share_its_mention():
    pairs = [{"text": "One.", "box": "[0.123, 0, 1, 1]"}, {"text": "Two.", "box": "[0.123, 0, 1, 1]"}]
    pairs += [{"text": "Three.", "box": "[]"}, {"text": "Four.", "box": "[0.5, 0.5, 0.756, 0.9]"}]
    text = caption_with_boxes(pairs)
    assert text == "One. Two. [0.12, 0, 1, 1], Three., Four. [0.5, 0.5, 0.76, 0.9]"
    assert len(re.findall(r"\[[^]]*\]", text)) == 2


def test_nothing_of_a_person_is_written(written):
    text = "".join(path.read_text(errors="ignore") for path in written[0].glob("*.*"))
    assert "Miller" not in text
    assert annotator(VIDEO) == annotator(VIDEO) != annotator("another")


def test_without_pairs_of_videos_it_says_so(exported, tmp_path):
    with pytest.raises(StageError, match=r"add quilt to dataset\.sources"):
        write_narratives(tmp_path / "out", kept_pairs(["by/4.0"]))


@pytest.mark.parametrize("spoil", ["sentence", "image", "table"])
def test_tables_that_do_not_belong_together_are_told(exported, tmp_path, spoil):
    if spoil == "sentence":
        CAPTIONS.write(path := CAPTIONS.at(id=VIDEO), CAPTIONS.read(path) | {"sentences": []})
    elif spoil == "image":
        HOLDS.write(path := HOLDS.at(id=VIDEO), HOLDS.read(path).iloc[:1])
    else:
        HOLDS.at(id=VIDEO).unlink()
    with pytest.raises(StageError, match=f"{VIDEO}.*dvc repro"):
        write_narratives(tmp_path / "out", kept_pairs([]))
