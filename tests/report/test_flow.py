"""The flow counts what a small run of known numbers drops, whatever the size of its batches."""

import pandas as pd
import pytest
from run_of_two_videos import ATTACK, make

from stages.common.reviews import WITHDRAWN_REASON, image_of
from stages.common.tables.dataset import DATASET_TABLE
from stages.report import census
from stages.report.census import Census
from stages.report.flow import flow
from stages.report.pairs import PairReader, marked


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make()
    return tmp_path


def test_each_step_has_what_was_dropped_with_its_reason_and_examples(run):
    steps = flow(Census(DATASET_TABLE.at(), 0, 4), PairReader(), ["quilt", "pubmed"])
    found = [(step.stage, step.came, step.kept, {drop.reason: drop.count for drop in step.drops}) for step in steps]
    assert found == [
        ("videos", 5, 4, {"truncated": 1}),
        ("keyframes", 4, 3, {"no_histology": 1}),
        ("rois", 3, 3, {}),
        ("transcripts", 3, 2, {"no_speech": 1}),
        ("captions", 2, 2, {}),
        ("keyframes", 15, 9, {"rest_too_short": 3, "not_histology": 3}),
        ("transcripts", 3, 2, {"unlikely": 1}),
        ("captions", 10, 6, {"other": 2, "personal_data": 2}),
        ("pairs", 6, 4, {"no_hold": 2}),
        ("pairs", 6, 4, {"no_text": 2}),
        ("sources", 8, 3, {"not_histology": 5}),
        ("dataset", 7, 6, {"exact_duplicate": 1}),
    ]
    examples = {drop.reason: drop.examples for step in steps for drop in step.drops}
    assert [len(own) for own in examples.values()] == [1, 1, 1, 3, 3, 1, 2, 2, 2, 2, 1]
    assert examples["truncated"][0].detail == f"failed: {ATTACK}"
    assert examples["no_histology"][0].text == "Cars"
    assert {one.text for one in examples["no_hold"]} == {"Nothing rests while this is said."}
    assert all(one.pictures for one in [*examples["no_text"], *examples["rest_too_short"]])
    assert {one.address for one in examples["rest_too_short"]} == {f"https://example.org/watch?v={ATTACK}&t=29", ""}
    assert [len(drop.examples) for drop in steps[5].drops] == [3, 0], "examples are those with a picture"
    [copy] = examples["exact_duplicate"]
    assert [words for words, _ in copy.pictures] == ["dropped: pubmed_0", "stays: v1_0000_000"]


@pytest.mark.parametrize("reason", [WITHDRAWN_REASON, "image_too_small"])
def test_nothing_is_shown_of_what_a_reader_withdrew_nor_of_its_copies(run, reason):
    """Neither where it was dropped as such, nor where something else dropped it first."""
    table = DATASET_TABLE.read(DATASET_TABLE.at())
    image = table.image[table.pair_id == "v1_0000_000"].item()
    table.loc[table.image == image, "split"] = ""
    table.loc[(table.image == image) & (table["drop"] == ""), "drop"] = reason
    DATASET_TABLE.write(DATASET_TABLE.at(), table)
    marked = {image_of(image)} if reason != WITHDRAWN_REASON else ()
    found = Census(DATASET_TABLE.at(), 0, 4, marked)
    *_, merged = flow(found, PairReader(), ["quilt", "pubmed"])
    examples = {drop.reason: drop.examples for drop in merged.drops}
    assert {*examples} == {reason, "exact_duplicate"}
    assert {one.text for own in examples.values() for one in own} == {"v1_0000_000", "pubmed_0"}
    assert not any(one.pictures for own in examples.values() for one in own)


def test_counts_are_those_of_the_whole_table_in_batches_of_any_size(run, monkeypatch):
    table = pd.read_parquet(DATASET_TABLE.at())
    whole = Census(DATASET_TABLE.at(), 0, 2)
    assert (whole.candidates, whole.kept) == (7, 6)
    kept = table[table.split != ""]
    assert whole.counts["reason"] == kept.reason.value_counts().to_dict()
    assert whole.counts["magnification"] == {1.0: 4, None: 2}
    assert whole.terms == {"keratin pearls": 2, "mitoses": 2}
    assert whole.negated == 2
    words = kept.text.str.split().str.len()
    assert sum(whole.bins["words"].values()) == len(kept)
    assert whole.bins["words"][0] == (words < 5).sum()
    assert [row.confidence for row in whole.examples("doubtful")] == [0.5, 0.5]
    monkeypatch.setattr(census, "BATCH", 2)
    parts = Census(DATASET_TABLE.at(), 0, 2)
    assert (parts.counts, parts.bins, parts.dropped) == (whole.counts, whole.bins, whole.dropped)
    for kind in ("sample", "doubtful", "negated"):
        assert [row.pair_id for row in parts.examples(kind)] == [row.pair_id for row in whole.examples(kind)]
    assert {row.pair_id for row in Census(DATASET_TABLE.at(), 1, 2).examples("sample")} <= set(kept.pair_id)


def test_a_pair_has_its_sentence_as_heard_the_cursor_and_its_place_in_time(run):
    reader, [row] = PairReader(), Census(DATASET_TABLE.at(), 0, 1).examples("reason", "pointed_at")
    shown = reader.show(row)
    assert [(part.text, part.mark and part.mark["to"]) for part in shown.heard] == [
        ("Here are ", None),
        ("carotene", "keratin"),
        (" pearls.", None),
    ]
    assert [part.mark["group"] for part in shown.text if part.mark] == ["finding"]
    assert shown.box == [10, 10, 50, 50]
    assert shown.trace.split()[0] == "50.0,0.0", "the middle of the frame is the middle of the region"
    assert len(shown.trace.split()) == 15
    assert (shown.bar.begins, shown.bar.ends) == ("0:00", "0:42")
    assert (len(shown.bar.holds), len(shown.bar.hold), len(shown.bar.sentences)) == (2, 1, 4)
    assert [span.start for span in shown.bar.words] == pytest.approx([100 / 42 * n for n in (1, 2, 3, 4)], abs=0.01)


@pytest.mark.parametrize(
    ("text", "terms", "expected"),
    [
        ("Gland, glands and a GLAND.", ["gland", "gland"], ["Gland", "GLAND"]),
        ("keratin pearls", ["keratin", "keratin pearls"], ["keratin pearls"]),
        ("c++ (x) is here", ["(x)", "gone", ""], ["(x)"]),
        ("", ["gone"], []),
    ],
)
def test_terms_are_marked_where_they_stand(text, terms, expected):
    parts = marked(text, terms, str)
    assert "".join(part.text for part in parts) == text
    assert [part.text for part in parts if part.mark is not None] == expected
