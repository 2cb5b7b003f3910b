"""Replies of language models are read with patience: whatever can be used of them is, and nothing is shifted."""

import json

import pytest

from stages.captions.replies import FieldGuess, Replacement, field_guesses, kinds, read, replacements

ONE = Replacement(0, "fiber in deposition", "fibrin deposition")
ENTRY = {"sentence": 0, "from": "fiber in deposition", "to": "fibrin deposition"}
GOOD = json.dumps({"replacements": [ENTRY]})


def proposed(reply):
    return replacements(read(reply, replacements))


def sorted_as(reply, count=3):
    return kinds(read(reply, lambda value: kinds(value, count)), count)


def named(reply):
    return field_guesses(read(reply, field_guesses))


@pytest.mark.parametrize(
    "reply",
    [
        GOOD,
        f"```json\n{GOOD}\n```",
        f"Of course!\n```json\n{GOOD}\n```\nI hope that helps {{smile}} [1].",
        f'<think>\nThe shape is {{"replacements": []}}, so sentence {{0}} ...\n</think>\n\n{GOOD}',
        f'Let me see, {{"replacements": []}} would be nothing.</think>{GOOD}',
        f'<|channel|>analysis<|message|>{{"replacements": []}}<|end|><|channel|>final<|message|>{GOOD}',
        json.dumps([ENTRY]),
        json.dumps(ENTRY),
        json.dumps({"result": {"replacements": [ENTRY]}, "confidence": 1}),
        json.dumps({"Replacements": [ENTRY]}),
        json.dumps({"replacements": [ENTRY | {"sentence": "0", "score": 0.9}], "note": "none"}),
        json.dumps({"replacements": [ENTRY | {"sentence": "sentence 0"}]}),
        json.dumps({"replacements": [ENTRY | {"from": " fiber in\ndeposition "}]}),
        GOOD.replace("}]", "},]"),
        str(json.loads(GOOD)),  # in Python's spelling
        f"Here: {json.loads(GOOD) | {'note': None}}!",
        GOOD.replace("fiber in", "fiber\nin"),
        GOOD[:-1],  # without its last brace
        f'{GOOD[:-2]}, {{"sentence": 1, "from": "a',  # cut off
    ],
)
def test_one_replacement_is_read_from_any_of_these(reply):
    assert proposed(reply) == [ONE]


@pytest.mark.parametrize(
    "reply",
    [
        "{}",
        "[]",
        '{"replacements": []}',
        '{"replacements": null}',
        '{"replacements": {}}',
        "{'replacements': []}",
        '{"errors": []}',
        "No errors found.",
        "There are no errors in these sentences.",
        "None",
        "I found nothing to repair.",
    ],
)
def test_nothing_to_replace_may_be_said_in_many_ways(reply):
    assert proposed(reply) == []


@pytest.mark.parametrize("wrong", [None, "", 7, ["a"], "x" * 200])
def test_an_entry_that_cannot_be_used_spoils_no_other(wrong):
    found = proposed(json.dumps({"replacements": [ENTRY, ENTRY | {"to": wrong}, "text", None]}))
    assert found[0] == ONE
    assert [one.meant for one in found[1:]] == ["x" * 200 if wrong == "x" * 200 else ""]


@pytest.mark.parametrize("number", [None, "", "first", [0], 1e400, float("nan")])
def test_a_replacement_without_a_number_is_for_any_sentence(number):
    (found,) = proposed(json.dumps({"replacements": [ENTRY | {"sentence": number}]}))
    assert found.sentence is None


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        ("", "no JSON object"),
        ("As a language model I cannot judge this.", "no JSON object"),
        ("<think>the shape is", "no JSON object"),
        ("{'replacements': [}", "no JSON object"),
        ("{'replacements': {1, 2}}", "no JSON object"),
        ('{"sentences": [{"sentence": 0, "text": "a", "suspects": []}]}', "no 'replacements'"),
        ('{"replacements": [{"sentence": 0, "from": "a" "to": "b", "also": []}]}', "no JSON object"),
        ('{"errors": 3}', "no 'replacements'"),
        ('{"replacements": "none"}', "is no list"),
        ('{"replacements": ["fibrin"]}', "'sentence', 'from' and 'to'"),
        ("[" * 40_000, "no JSON object"),
        ('{"a":' * 40_000, "no JSON object"),
        ("9" * 9_999, "no JSON object"),
    ],
)
def test_what_cannot_be_read_says_what_is_wrong(reply, says):
    with pytest.raises(ValueError, match=says):
        proposed(reply)


@pytest.mark.parametrize(
    "reply",
    [
        '{"kinds": {"0": "medical", "1": "other", "2": "roi"}}',
        '{"kinds": ["medical", "other", "roi"]}',
        '{"kinds": ["Medical", " Other.", "ROI"]}',
        '{"kinds": ["medical", "non-medical", "region of interest"]}',
        '["medical", "other", "roi"]',
        '{"0": "medical", "1": "other", "2": "roi"}',
        '[{"sentence": 2, "kind": "roi"}, {"sentence": 0, "kind": "Medical"}, {"sentence": 1, "kind": "other"}]',
        '{"kinds": [{"kind": "medical"}, {"kind": "other"}, {"kind": "roi"}]}',
        '{"kinds": {"1": "medical", "2": "other", "3": "roi"}}',  # counted from 1
        '{"kinds": {"sentence 0": "medical", "sentence 1": "other", "sentence 2": "roi"}}',
        '{"kinds": {"0": {"kind": "medical"}, "1": {"kind": "other"}, "2": {"kind": "roi"}}}',
        '{"sentence": 0, "kind": "medical"}\n{"sentence": 1, "kind": "other"}\n{"sentence": 2, "kind": "roi"}',
    ],
)
def test_kinds_are_read_from_any_of_these(reply):
    assert sorted_as(reply) == {0: "medical", 1: "other", 2: "roi"}


@pytest.mark.parametrize(
    ("reply", "left"),
    [
        ('{"kinds": {"0": "medical", "2": "roi"}}', {0: "medical", 2: "roi"}),
        ('{"kinds": ["medical", "poetic", "roi"]}', {0: "medical", 2: "roi"}),
        ('{"kinds": ["medical", null, "roi"]}', {0: "medical", 2: "roi"}),
        ('{"kinds": [{"sentence": 2, "kind": "roi"}]}', {2: "roi"}),
        ('{"kinds": {"0": "medical", "7": "roi"}}', {0: "medical"}),
    ],
)
def test_sentences_without_a_kind_are_left_out_and_shift_no_other(reply, left):
    assert sorted_as(reply) == left


@pytest.mark.parametrize(
    "reply",
    [
        '{"kinds": ["medical", "other"]}',
        '{"kinds": ["other", "medical", "other", "roi"]}',
        '{"kinds": [{"kind": "medical"}, {"kind": "other"}]}',
        '{"kinds": []}',
        "{}",
        '{"kinds": ["poetic", "poetic", "poetic"]}',
        "medical, other, roi",
    ],
)
def test_kinds_that_may_belong_to_any_sentence_are_not_used(reply):
    with pytest.raises(ValueError, match="kinds|no JSON object"):
        sorted_as(reply)


@pytest.mark.parametrize(
    "reply",
    [
        '{"fields": [{"field": "Renal", "probability": 0.9}]}',
        '{"fields": [{"field": " Renal", "probability": 90}]}',
        '{"fields": [{"field": "Renal", "probability": "0.9"}]}',
        '{"fields": [{"field": "Renal", "probability": "90 %"}]}',
        '{"fields": {"Renal": 0.9}}',
        '{"field": "Renal", "probability": 0.9}',
        '[{"field": "Renal", "probability": 0.9}, {"name": "Breast"}]',
    ],
)
def test_fields_are_read_from_any_of_these(reply):
    assert named(reply) == [FieldGuess("Renal", 0.9)]


def test_fields_without_a_probability_share_what_is_left():
    assert named('{"fields": ["Renal", "Breast"]}') == [FieldGuess("Renal", 0.5), FieldGuess("Breast", 0.5)]
    mixed = '{"fields": [{"field": "Renal", "probability": 0.6}, {"field": "Breast", "probability": "likely"}]}'
    assert named(mixed) == [FieldGuess("Renal", 0.6), FieldGuess("Breast", pytest.approx(0.4))]
    nan = '{"fields": [{"field": "Renal", "probability": NaN}, {"field": "Breast", "probability": -3}]}'
    assert [guess.probability for guess in named(nan)] == [0.5, 0.5]


def test_percentages_are_all_divided():
    found = named('{"fields": [{"field": "Renal", "probability": 99}, {"field": "Breast", "probability": 1}]}')
    assert [guess.probability for guess in found] == [0.99, 0.01]


@pytest.mark.parametrize("reply", ['{"fields": []}', "{}", '{"fields": null}'])
def test_no_field_may_be_named(reply):
    assert named(reply) == []
