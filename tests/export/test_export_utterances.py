"""Every word keeps the time at which it was heard, whatever a correction made of it."""

import pytest

from stages.export.utterances import utterances


def said(raw, text, start_s=0.0, end_s=99.0):
    times = [(float(n), n + 1.0) for n in range(len(raw.split()))]
    sentence = {"raw": raw, "text": text, "times": times}
    return [tuple(one) for one in utterances(sentence, text, start_s, end_s)]


@pytest.mark.parametrize(
    ("raw", "text", "expected"),
    [
        ("a b c", "a b c", [("a", 0, 1), ("b", 1, 2), ("c", 2, 3)]),
        ("the creps are", "the crypts are", [("the", 0, 1), ("crypts", 1, 2), ("are", 2, 3)]),
        ("the laminopropria is", "the lamina propria is", [("the", 0, 1), ("lamina propria", 1, 2), ("is", 2, 3)]),
        ("this is key rat in pearls", "this is keratin pearls",
         [("this", 0, 1), ("is", 1, 2), ("keratin", 2, 5), ("pearls", 5, 6)]),
        ("so um yes", "so yes", [("so", 0, 1), ("yes", 2, 3)]),
        ("so yes", "so then yes", [("so then", 0, 1), ("yes", 1, 2)]),
        ("yes here", "Well yes here", [("Well yes", 0, 1), ("here", 1, 2)]),
        ("sells", "cells shown", [("cells shown", 0, 1)]),
    ],
)  # fmt: skip
def test_words_are_those_of_the_text_with_times_of_what_was_heard(raw, text, expected):
    assert said(raw, text) == expected
    assert " ".join(word for word, _, _ in said(raw, text)) == text


def test_a_part_of_a_sentence_has_the_words_said_meanwhile():
    times = [(float(n), n + 1.0) for n in range(5)]
    sentence = {"raw": "one two three two five", "text": "one two three two five", "times": times}
    assert [tuple(one) for one in utterances(sentence, "two five", 3.0, 5.0)] == [("two", 3, 4), ("five", 4, 5)]


def test_words_that_cannot_be_told_apart_are_one_group():
    sentence = {"raw": "one", "text": "one two", "times": [(0.0, 1.0), (1.0, 2.0)]}
    assert [tuple(one) for one in utterances(sentence, "one two", 0.0, 2.0)] == [("one two", 0, 2)]
