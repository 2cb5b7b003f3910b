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
        ("necrosis", "G:1", "Finding", False),
        ("coagulative necrosis", "G:2", "Finding", False),
        ("cell", "G:3", "Cell", False),
        ("h&e", "G:4", "Stain", False),
        ("all", "G:5", "Neoplasm", True),
    ]
    columns = ["term", "id", "semantic_type", "abbreviation"]
    TERMS.write(tmp_path / "terms.parquet", pd.DataFrame(rows, columns=columns).assign(source="glossary"))
    WORDS.write(tmp_path / "words.parquet", pd.DataFrame({"word": ["necrosis"], "concepts": [2]}))
    return Lexicon(tmp_path)


def test_the_longest_term_on_word_boundaries_is_found(lexicon):
    found = lexicon.entities("Coagulative necrosis; unicellular, one cell. H&E")
    assert [(e.term, e.id) for e in found] == [("Coagulative necrosis", "G:2"), ("cell", "G:3"), ("H&E", "G:4")]
    assert [e.id for e in lexicon.entities("all of it, ALL; Coagulative-necrosis")] == ["G:5", "G:2"]
    assert "necrosis" in lexicon
    assert "necros" not in lexicon


def test_a_missing_lexicon_says_what_to_run(tmp_path):
    with pytest.raises(StageError, match="dvc repro lexicon"):
        Lexicon(tmp_path)


def test_everyday_words_are_common_and_terms_are_not():
    assert common("welcome", 5000)
    assert common("slides", 30000)
    assert not common("karyorrhectic", 82000)
