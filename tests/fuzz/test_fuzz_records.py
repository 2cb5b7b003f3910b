"""Records between stages, their manifests and journals, replies of language models, and readers' answers."""

import json
import math

import pytest
from hostile import as_json, damaged, deep, long_texts, nearly, objects, tables, texts, values
from hypothesis import given
from hypothesis import strategies as st

from stages.audit.gold import read_exports, read_videos
from stages.captions import replies
from stages.captions.chat import Chat
from stages.captions.endpoint import Endpoint
from stages.common.data.answers import write_to_fill_in
from stages.common.errors import Failed
from stages.common.incremental.manifest import Folder
from stages.common.reviews import COLUMNS, read_reviews
from stages.common.tables.items import MANIFEST
from stages.common.tables.transcripts import TRANSCRIPT
from stages.common.tables.videos import LISTINGS, SHARES

WORD = {"word": "nests", "start": 0.0, "end": 0.5, "score": 0.9}
SAID = {
    "language": "en",
    "audio_s": 1.0,
    "segments": [{"start": 0.0, "end": 0.5, "text": "nests", "words": [WORD]}],
    "dropped": [],
}
RECORDS = {
    "transcript": (TRANSCRIPT, SAID),
    "shares": (SHARES, {"copy": "18", "histology": 0.5}),
    "listings": (LISTINGS, {"x": []}),
}
MANIFESTED = MANIFEST.to_bytes(
    MANIFEST.frame(
        [dict.fromkeys(MANIFEST.names, "") | {"id": "a", "status": "ok"}, dict.fromkeys(MANIFEST.names, "b")]
    )
)
ENTRY = {"id": "a", "status": "ok", "reason": "", "error": "", "key": "k", "digest": "d"}
FOUND = {
    "replacements": ({"replacements": [{"sentence": 0, "from": "fiber in", "to": "fibrin"}]}, replies.replacements),
    "kinds": ({"kinds": {"0": "medical", "1": "other"}}, lambda value: replies.kinds(value, 2)),
    "fields": ({"fields": [{"field": "Renal", "probability": 0.9}]}, replies.field_guesses),
}
KEYS = ("replacements", "sentence", "from", "to", "kinds", "kind", "fields", "field", "probability")
ANSWER = {
    "choices": [{"message": {"content": "{}"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 1},
}
LABELS = {"v": {"decoy": "", "cuts": [1.0], "shots": [{"kind": "hold", "histology": True, "start": 0, "end": 1}]}}


@pytest.mark.parametrize("name", RECORDS)
def test_records(fuzz, name):
    record, valid = RECORDS[name]

    @given(st.one_of(nearly(valid, *valid).map(as_json), damaged(as_json(valid)), deep('{"a":'), deep("[")))
    def check(data):
        fuzz(lambda folder: record.read(folder / "x.json"), {"x.json": data})

    check()


@given(damaged(MANIFESTED))
def test_tables_between_stages(fuzz, data):
    fuzz(lambda folder: MANIFEST.read(folder / "x.parquet").to_dict("records"), {"x.parquet": data})


@given(
    st.lists(st.one_of(nearly(ENTRY, *ENTRY).map(as_json), damaged(as_json(ENTRY)), deep("[")), max_size=4).map(
        b"\n".join
    ),
    damaged(MANIFESTED),
)
def test_journals(fuzz, journal, manifest):
    def read(folder):
        state = Folder(folder, ("{id}.json",), folder / "keys.parquet")
        return state.suspects(state.recorded())

    fuzz(read, {"journal.jsonl": journal, "manifest.parquet": manifest, "keys.parquet": manifest})


@pytest.mark.parametrize("name", FOUND)
def test_replies(fuzz, name):
    valid, parse = FOUND[name]
    written = json.dumps(valid)

    @given(
        st.one_of(
            nearly(valid, *KEYS).map(json.dumps),
            nearly(valid, *KEYS).map(repr),
            damaged(written.encode()).map(lambda data: data.decode(errors="replace")),
            st.tuples(texts, st.just(written), texts).map("".join),
            long_texts("{", "[", "[1,", '{"a":', "</think>", "no ", ",", "['", "{'a': "),
            deep("[", "]").map(bytes.decode),
        )
    )
    def check(reply):
        fuzz(lambda folder: parse(replies.read(reply, parse)), allowed=[ValueError])

    check()


@given(st.one_of(nearly(ANSWER, "message", "content", "usage").map(as_json), damaged(as_json(ANSWER)), deep("[")))
def test_answers_of_an_endpoint(fuzz, stage_params, data):
    paid = {"url": "https://example.org/v1", "price": [1.0, 2.0]}
    endpoint = Endpoint(stage_params("captions").llm.model_copy(update=paid))

    def read(folder):
        answer = endpoint._answer(data.decode(errors="replace"))
        assert 0 <= answer.cost < math.inf
        return answer

    fuzz(read, allowed=[Failed])


@given(st.lists(st.one_of(objects("key", "reply", "cost").map(as_json), values().map(as_json), deep("[")), max_size=3))
def test_remembered_replies(fuzz, stage_params, lines):
    params = stage_params("captions").llm
    fuzz(lambda folder: Chat(params, folder / "x.jsonl", 1.0)._known, {"x.jsonl": b"\n".join(lines)})


@given(st.one_of(tables(*COLUMNS), damaged((",".join(COLUMNS) + "\na,b,yes,no,,,,,\n").encode())))
def test_readers_answers(fuzz, data):
    fuzz(lambda folder: read_reviews(folder).to_dict("records"), {"ann.csv": data})


@given(tables("file", "label", "source"), tables("file", "label"))
def test_tables_that_a_person_fills_in(fuzz, data, drawn):
    import pandas as pd

    table = pd.DataFrame({"file": ["a", "b"], "label": ["", "x"]})

    def read(folder):
        (folder / "x.csv").write_bytes(data)
        (folder / "x.drawn.csv").write_bytes(drawn)
        write_to_fill_in(folder / "x.csv", table, "file")
        return (folder / "x.csv").read_bytes()

    fuzz(read)


@given(st.one_of(nearly(LABELS, "shots", "cuts", "start").map(as_json), damaged(as_json(LABELS)), deep("[")))
def test_gold_labels(fuzz, data):
    fuzz(lambda folder: (read_videos(folder), read_exports(folder)), {"videos.json": data})


@given(st.one_of(nearly([{"source": "laion", "key": "1", "planted": ""}], "source", "key").map(as_json), deep("[")))
def test_gold_labels_of_exports(fuzz, data):
    fuzz(read_exports, {"exports.json": data})
