"""Replacements that would turn a meaning round, or change the form of a word, are refused."""

import pytest

from stages.captions.meaning import keeps_meaning, opposite, same_word


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("hypothyroid", "hyperthyroid"),
        ("hypochromic", "hyperchromic"),
        ("avascular", "vascular"),
        ("nonspecific", "specific"),
        ("unencapsulated", "encapsulated"),
        ("decalcified", "calcified"),
        ("intracellular", "intercellular"),
        ("acromatic", "hyperchromatic"),
        ("ectocervical", "endocervical"),
        ("dysplasia", "aplasia"),
        ("isochromatic", "anisochromatic"),
        ("hypochromasia", "hyperchromasia"),
        ("mesometrium", "myometrium"),
        ("nephroblast", "neuroblast"),
    ],
)
def test_words_that_differ_by_their_prefixes_are_opposites(heard, meant):
    assert opposite(heard, meant)
    assert opposite(meant, heard)
    assert not keeps_meaning(heard, meant)


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("hypercaratosis", "hyperkeratosis"),
        ("anoplastic", "anaplastic"),
        ("coriocarcinoma", "choriocarcinoma"),
        ("histocytes", "histiocytes"),
        ("nerofibroma", "neurofibroma"),
    ],
)
def test_a_misspelt_word_with_the_same_prefix_is_no_opposite(heard, meant):
    assert not opposite(heard, meant)
    assert keeps_meaning(heard, meant)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("granulomas", "granuloma"),
        ("tumour", "tumor"),
        ("calcified", "calcify"),
        ("villus", "villi"),
        ("colour's", "color"),
        ("foam", "foamy"),
    ],
)
def test_forms_of_a_word_are_the_same_word(one, other):
    assert same_word(one, other)
    assert not keeps_meaning(one, other)


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("reactively", "reactive"),  # another part of speech
        ("squamose cells", "squamous cell"),  # another number
        ("fibroma", "fibrosis"),
        ("phaeomelanin", "melanin"),  # a word with the other at its end
        ("foam cells", "foam cells"),
        ("post-mortem", "postmortem"),
        ("spotty necrosis", "necrosis"),
    ],
)
def test_other_kinds_of_words_and_mere_hyphens_are_refused(heard, meant):
    assert not keeps_meaning(heard, meant)


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("femoma bodies", "psammoma bodies"),
        ("base of phylic", "basophilic"),
        ("condor site", "chondrocyte"),
        ("hyper granulosis", "hypergranulosis"),
        ("varucus", "verrucous"),
    ],
)
def test_what_sounds_like_the_term_may_be_replaced(heard, meant):
    assert keeps_meaning(heard, meant)
