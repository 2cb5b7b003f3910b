"""Texts that say nearly the same, against every pair measured."""

import numpy as np

from stages.dataset.texts import text_groups

WORDS = np.array([f"word{n}" for n in range(400)])


def test_case_and_punctuation_do_not_matter_and_the_first_leads():
    texts = ["Lung, benign.", "Skin.", "lung benign", "LUNG; BENIGN!", "skin"]
    assert text_groups(texts, 0.9).tolist() == [0, 1, 0, 0, 1]


def test_near_texts_are_found_and_others_left_apart():
    rng = np.random.default_rng(0)
    first = [rng.choice(WORDS, 30, replace=False) for _ in range(300)]
    hamming_pairs = [[*words[:29], "other"] for words in first]  # Jaccard 29 / 31
    far = [[*words[:20], *(f"new{n}" for n in range(10))] for words in first]  # Jaccard 20 / 40
    groups = text_groups([" ".join(words) for words in (*first, *hamming_pairs, *far)], 0.9)
    assert groups[:300].tolist() == list(range(300))
    assert (groups[300:600] == np.arange(300)).mean() >= 0.99
    assert groups[600:].tolist() == list(range(600, 900))


def test_no_texts_are_no_groups():
    assert text_groups([""], 0.9).tolist() == [0]
    assert text_groups([], 0.9).tolist() == []
