"""The field's own words: abbreviations, markers and their meanings; what is denied, private, wanted; and the field."""

import pandas as pd
import pytest
from conftest import ROOT

from stages.captions.negation import negated
from stages.captions.personal_data import personal_data
from stages.captions.sort import kind, sub_pathology
from stages.common.stage.params import load_params
from stages.common.text.lexicon import EntityMention
from stages.lexicon.forms import british, plural, written


def cases(name):
    """The cases that benchmarks/words.py measures, of one kind."""
    return pd.read_csv(ROOT / "benchmarks" / "words_cases" / f"{name}.csv", keep_default_na=False)


def mention(text, term):
    """The last mention of a term."""
    begin = text.lower().rindex(term.lower())
    return EntityMention(begin, begin + len(term), term, "X:1", "Finding")


def worst(found, gold):
    """The lower of precision and recall, of booleans."""
    right = sum(one and other for one, other in zip(found, gold, strict=True))
    return min(right / max(1, sum(found)), right / max(1, sum(gold)))


@pytest.mark.parametrize(
    ("said", "concept"),
    [
        ("PAS", "GLOSSARY:pas_stain"),
        ("PAS-D", "GLOSSARY:pas_stain_with_diastase"),
        ("ER", "MESH:D011960"),
        ("PR", "MESH:D011980"),
        ("HER2", "HGNC:3430"),
        ("her2", "HGNC:3430"),
        ("EMA", "HGNC:7508"),
        ("WT1", "HGNC:12796"),
        ("ATRX", "HGNC:886"),
        ("PSA", "HGNC:6364"),
        ("IBD", "MESH:D015212"),
        ("IBS", "MESH:D043183"),
        ("Ki-67", "HGNC:7107"),
        ("Ki 67", "HGNC:7107"),
        ("ki67", "HGNC:7107"),
        ("MIB-1", "HGNC:7107"),
        ("CD20", "HGNC:7315"),
        ("CD 20", "HGNC:7315"),
        ("CD138", "HGNC:10658"),
        ("CD117", "HGNC:6342"),
        ("p16", "HGNC:1787"),
        ("P53", "HGNC:11998"),
        ("TTF-1", "HGNC:11825"),
        ("NKX3.1", "HGNC:7838"),
        ("CK7", "HGNC:6445"),
        ("HMB 45", "HGNC:10880"),
        ("PTEN", "HGNC:9588"),
        ("DCIS", "GLOSSARY:ductal_carcinoma_in_situ"),
        ("hsil", "GLOSSARY:high_grade_squamous_intraepithelial_lesion"),
        ("SCC", "GLOSSARY:squamous_cell_carcinoma"),
        ("GISTs", "MESH:D046152"),
        ("H. pylori", "GLOSSARY:h_pylori"),
        ("S. aureus", "MESH:D013211"),
        ("tamoxifen", "MESH:D013629"),
    ],
)
def test_abbreviations_and_markers_have_their_meaning_in_pathology(lexicon, said, concept):
    assert [(one.term, one.id) for one in lexicon.entities(said)] == [(said, concept)]


def test_every_abbreviation_of_ours_is_linked_and_to_no_two_concepts_without_a_context(lexicon):
    table = pd.read_csv(ROOT / "stages" / "lexicon" / "abbreviations.csv", keep_default_na=False)
    assert [name for name in table.abbreviation if len(lexicon.entities(name)) != 1] == []
    usual = table[table.context == ""]
    assert usual.abbreviation[usual.abbreviation.duplicated()].tolist() == []
    assert set(table.abbreviation) == set(usual.abbreviation)


@pytest.mark.parametrize(
    "said", ["SLN", "DDD", "DIC", "AIP", "CIN3", "IDC-P", "Ber-EP4", "Hep-Par1", "TRPS1", "N/C ratio"]
)
def test_what_is_no_gene_or_chemical_in_pathology_is_linked_to_none(lexicon, said):
    (found,) = lexicon.entities(said)
    wrong = {"SLN": "HGNC:11089", "DDD": "MESH:D003632", "DIC": "MESH:D003606", "AIP": "HGNC:358"}
    assert found.term == said
    assert found.id != wrong.get(said)


def test_a_word_that_is_an_abbreviation_in_capitals_is_linked_in_small_letters_too(lexicon):
    found = lexicon.entities("A mass of the lip, and LIP of the lung.")
    assert [one.id for one in found][:2] == ["GLOSSARY:mass", "GLOSSARY:lip"]
    assert found[2].semantic_type == "Disease"


def test_the_plural_of_an_abbreviation_ends_with_a_small_letter(lexicon):
    assert [one.term for one in lexicon.entities("Two LEs, and the LES is open.")] == ["LEs"]


@pytest.mark.parametrize(
    ("text", "concept"),
    [
        ("The GBM has pseudopalisading necrosis.", "GLOSSARY:glioblastoma"),
        ("The GBM of this glomerulus is thick.", "MESH:D050533"),
        ("MM with lytic lesions of the skull.", "MESH:D009101"),
        ("MM of the skin, Breslow 2 millimeters.", "MESH:D008545"),
    ],
)
def test_an_abbreviation_of_two_meanings_has_the_one_of_its_context(lexicon, text, concept):
    assert concept in [one.id for one in lexicon.entities(text)]


@pytest.mark.parametrize(
    "text",
    [
        "it's 100 times better",
        "all of er, pr and ar",
        "the tumble of the map 2 and part 1",
        "Oct 4 was a Monday",
        "an array of CDs, a PDF file of 3 MB",
        "gold, water and coffee",
    ],
)
def test_what_only_looks_like_a_term_is_none(lexicon, text):
    assert [one.term for one in lexicon.entities(text) if one.term != "PDF"] == []


@pytest.mark.parametrize(
    ("term", "semantic_type"),
    [
        ("neurons", "Cell"),
        ("erythrocytes", "Cell"),
        ("platelets", "Cell"),
        ("tumor", "Neoplasm"),
        ("renal cell carcinoma", "Neoplasm"),
        ("invasive ductal carcinoma", "Neoplasm"),
        ("leukemia", "Neoplasm"),
        ("spindle shaped", "Finding"),
        ("high grade", "Finding"),
        ("hepatitis", "Disease"),
        ("aspergillus", "Organism"),
        ("oesophagus", "Anatomy"),
        ("calretinin", "Protein"),
        ("biopsies", "Procedure"),
    ],
)
def test_semantic_types(lexicon, term, semantic_type):
    assert [one.semantic_type for one in lexicon.entities(term)] == [semantic_type]


def test_no_plural_is_made_up(lexicon):
    wrong = "acinis villis septas nucleis scleraes ciliateds dermals ovarians hyperchromatics papillaes lobulars"
    terms = set(lexicon.terms.term)
    assert not terms & set(wrong.split())
    assert {"granulomas", "koilocytes", "biopsies", "tumor cells", "alveolar septa", "schwannomas"} <= terms


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("granuloma", "granulomas"),
        ("biopsy", "biopsies"),
        ("dermal", "dermal"),
        ("acini", "acini"),
        ("villus", "villus"),
    ],
)
def test_plurals(one, many):
    assert plural(one, frozenset()) == many


def test_codes_and_british_spelling():
    assert written("ki 67") == ["ki 67", "ki67"]
    assert written("cd20") == ["cd20", "cd 20"]
    assert written("necrosis") == ["necrosis"]
    assert british("esophageal hemorrhage with leukemia") == "oesophageal haemorrhage with leukaemia"
    assert british("hemisphere of a systemic tumor") == "hemisphere of a systemic tumour"


def test_negations_are_told_from_what_only_looks_like_one():
    table = cases("negation")
    found = [negated(row.sentence, mention(row.sentence, row.term)) for row in table.itertuples()]
    assert worst(found, table.negated == 1) >= 0.95, table[pd.Series(found) != (table.negated == 1)]


@pytest.mark.parametrize(
    ("text", "denied"),
    [
        ("CD20 is positive and CD3 is negative.", ["CD3"]),
        ("p63 and CK5 are negative.", ["p63", "CK5"]),
        ("The margin is negative.", []),
        ("Negative for S100.", ["S100"]),
    ],
)
def test_markers_are_denied_where_they_are_negative(lexicon, text, denied):
    assert [one.term for one in lexicon.entities(text) if negated(text, one)] == denied


def test_personal_data_of_many_kinds(lexicon):
    table = cases("personal_data")
    found = [bool(personal_data(text, lexicon)) for text in table.sentence]
    assert worst(found, table.personal == 1) >= 0.95, table[pd.Series(found) != (table.personal == 1)]


def test_sentences_are_sorted(lexicon):
    cues = tuple(load_params("captions", ROOT / "params.yaml")[0].cues)
    table = cases("kinds")
    found = [kind(text, lexicon.entities(text), cues) for text in table.sentence]
    wrong = table.assign(found=found)[found != table.kind]
    wanted = table.kind != "other"
    assert (wrong.found == "other").sum() <= 0.04 * wanted.sum(), wrong
    assert (wrong.kind == "other").sum() <= 0.1 * (~wanted).sum(), wrong
    assert len(wrong) <= 0.1 * len(table), wrong


def test_titles_name_the_field_or_none():
    table = cases("titles")
    found = pd.Series([sub_pathology(title, "")[0]["field"] for title in table.title])
    right = found == table.field.where(table.field != "", "unknown")
    assert right.mean() >= 0.9, table.assign(found=found)[~right]


@pytest.mark.parametrize("text", ["", "penicillin for the colonel", "connective optical lenses"])
def test_nothing_said_is_no_field(text):
    assert [one["field"] for one in sub_pathology("", text)] == ["unknown"]
