"""Words that are right as they stand."""

import pytest

from stages.captions.known import KnownWords, bare, eponyms


@pytest.fixture(scope="module")
def known():
    return KnownWords([], common_words=60_000)


@pytest.mark.parametrize(
    "word",
    [
        "kidney",
        "calretinin",  # of a gene
        "Aspergillus",  # an organism
        "furosemide",  # a drug
        "patient's",
        "everyone's",
        "polarize",
        "polarises",
        "colorless",
        "refluxed",
        "biopsied",
        "keratinizes",
        "nonneoplastic",
        "hypocellular",
        "leukaemic",
        "leucocytosis",
        "haemosiderosis",
        "haematoxylin",
        "fibrocellular",
        "lymphoplasmacytic",
        "calyces",
        "calyceal",
        "crampy",
        "triceps brachii",
        "obturator internus",
        "neurofibromatous",
        "cardio",  # where a speaker breaks off
        "anisocytoplasmic",  # two combining forms
    ],
)
def test_words_of_vocabularies_and_what_derives_from_them_are_known(known, word):
    assert all(part in known for part in word.split())


@pytest.mark.parametrize(
    "word", ["karyorectic", "cribroform", "femoma", "layamyasarcoma", "hypercaratosis", "esonophilic"]
)
def test_misheard_words_are_not_known(known, word):
    assert word not in known


def test_a_lexicon_of_the_users_own_is_known():
    assert "quiltose" not in KnownWords([], common_words=100)
    assert "quiltoses" in KnownWords(["quiltose"], common_words=100)


def test_persons_after_whom_diseases_are_named_are_told_by_their_capitals():
    assert {"hodgkin", "kaposi", "alzheimer"} <= eponyms()
    assert eponyms().isdisjoint(("carcinoma", "kidney", "fallopian"))


def test_possessives_lose_their_ending_and_letters_their_accents():
    assert [bare(word) for word in ("Brian's", "doctors'", "Müller's", "Ewing")] == [
        "brian",
        "doctors",
        "muller",
        "ewing",
    ]
