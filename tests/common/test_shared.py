"""Smaller shared pieces: terms in text, common words."""

import pandas as pd
import pytest

from stages.common.errors import StageError
from stages.common.tables.lexicon import TERMS, WORDS
from stages.common.text.english import common
from stages.common.text.lexicon import Lexicon


@pytest.fixture
def lexicon(tmp_path):
    rows = [
        ("necrosis", "G:1", "Finding", False, ""),
        ("coagulative necrosis", "G:2", "Finding", False, ""),
        ("cell", "G:3", "Cell", False, ""),
        ("h&e", "G:4", "Stain", False, ""),
        ("all", "G:5", "Neoplasm", True, ""),
        ("gbm", "G:6", "Neoplasm", True, ""),
        ("gbm", "G:7", "Anatomy", True, "kidney;glomerul"),
    ]
    columns = ["term", "id", "semantic_type", "abbreviation", "context"]
    TERMS.write(tmp_path / "terms.parquet", pd.DataFrame(rows, columns=columns).assign(source="glossary"))
    WORDS.write(tmp_path / "words.parquet", pd.DataFrame({"word": ["necrosis"], "concepts": [2]}))
    return Lexicon(tmp_path)


def test_an_abbreviation_of_two_meanings_has_the_one_that_the_text_speaks_of(lexicon):
    assert [e.id for e in lexicon.entities("GBM of the brain")] == ["G:6"]
    assert [e.id for e in lexicon.entities("GBM of the glomeruli")] == ["G:7"]


def test_the_longest_term_on_word_boundaries_is_found(lexicon):
    found = lexicon.entities("Coagulative necrosis; unicellular, one cell. H&E")
    assert [(e.term, e.id) for e in found] == [("Coagulative necrosis", "G:2"), ("cell", "G:3"), ("H&E", "G:4")]
    assert [e.id for e in lexicon.entities("all of it, ALL; Coagulative-necrosis")] == ["G:5", "G:2"]
    assert [e.id for e in lexicon.entities("(ALL), it's all; CELLS/ALL")] == ["G:5", "G:5"]
    assert [e.id for e in lexicon.entities("THIS IS ALL IN CAPITALS")] == []
    assert "necrosis" in lexicon
    assert "necros" not in lexicon


def test_a_missing_lexicon_says_what_to_run(tmp_path):
    with pytest.raises(StageError, match="dvc repro lexicon"):
        Lexicon(tmp_path)


def test_everyday_words_are_common_and_terms_are_not():
    assert common("welcome", 5000)
    assert common("slides", 30000)
    assert not common("karyorrhectic", 82000)
