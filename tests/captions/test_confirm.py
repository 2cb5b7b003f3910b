"""What a language model proposes is made only where it sounds like what was heard and says nothing else."""

import pytest
from conftest import ROOT

from stages.captions.candidates import similarity
from stages.captions.confirm import Confirmer
from stages.captions.numbers import digits, spoken
from stages.common.stage.params import load_params


@pytest.fixture(scope="module")
def confirmer(lexicon):
    return Confirmer(lexicon, load_params("captions", ROOT / "params.yaml")[0].nltk_data)


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("fiber in deposition", "fibrin deposition"),
        ("karyorectic", "karyorrhectic"),
        ("mass and trichrome", "masson trichrome"),
        ("base of phylic", "basophilic"),
        ("hyper granulosis", "hypergranulosis"),
        ("a trophic glands", "atrophic glands"),
        ("layamyasarcoma", "leiomyosarcoma"),
        ("Desmond", "desmin"),
        ("crib reform growth", "cribriform growth"),  # no term as a whole: each word is known
        ("foamy history sites", "foamy histiocytes"),
        ("glandular a tipia", "glandular atypia"),
        ("flask shape dulcer", "flask shaped ulcer"),
        ("CD one thirty eight", "CD138"),
        ("her two", "HER2"),
        ("key 67", "Ki-67"),
        ("p sixteen", "p16"),
        ("P10", "PTEN"),
        ("this trauma", "the stroma"),
        ("interphase dermatitis", "interface dermatitis"),
        ("there's your ethylium", "there is urothelium"),
    ],
)
def test_repairs_of_what_was_misheard_are_made(confirmer, heard, meant):
    score = confirmer.score(heard, meant)
    assert score is not None
    assert 0.65 <= score <= 1


@pytest.mark.parametrize(
    ("heard", "meant", "why"),
    [
        ("hypochromatic nuclei", "hyperchromatic nuclei", "the opposite"),
        ("hypertrophic", "hypotrophic", "the opposite"),
        ("nonspecific", "specific", "the opposite"),
        ("uninvolved stroma", "involved stroma", "the opposite"),
        ("avascular", "vascular", "the opposite"),
        ("intraductal", "interductal", "the opposite"),
        ("colorless", "colored", "the opposite"),
        ("a typical cell", "atypical cell", "the opposite"),
        ("no nodules", "nodules", "a negation is lost"),
        ("dysplasia", "no dysplasia", "a negation is new"),
        ("isn't necrossis", "is necrosis", "a negation is lost"),
        ("the necrossis", "not necrosis", "a negation is new"),
        ("a", "a.", "no change"),
        ("seminoma", "carcinoma", "another tumour"),
        ("adenoma", "lipoma", "another tumour"),
        ("osteoblasts", "fibroblasts", "another cell"),
        ("prolymphocytes", "lymphocytes", "another cell"),
        ("hepatitis", "nephritis", "another disease"),
        ("osteoblasts", "osteoclasts", "a term that was heard stays"),
        ("fibroblast", "myofibroblast", "a term that was heard stays"),
        ("mesothelium", "mesothelioma", "a term that was heard stays"),
        ("portal tract", "portal triad", "a term that was heard stays"),
        ("hemorrhage", "haemorrhage", "a term that was heard stays"),
        ("benign", "malignant", "sounds like nothing that was said"),
        ("asinear", "asymmetric", "sounds like nothing that was said"),
        ("fibrosis", "fibrotic", "another form"),
        ("glands", "gland", "another form"),
        ("the patient's", "the patent", "a possessive"),
        ("CD20", "CD30", "another number"),
        ("two mitoses", "ten mitoses", "another number"),
        ("10 mitoses", "100 mitoses", "another number"),
        ("CD 20", "CD30", "another number"),
        ("welcome back", "welcome bank", "nothing medical"),
        ("a large carcinoma", "a barge carcinoma", "nothing medical is new"),
        ("fiber in deposition", "fibrinoxyl deposition", "an unknown word"),
        ("fiber in deposition", "deposition", "words are lost"),
        ("deposition", "fibrin deposition", "words are new"),
        ("basiloid", "basaloid cell", "words are new"),
        ("cribroform", "invasive cribriform", "words are new"),
        ("fiber in deposition", "fiber in deposition", "no change"),
        ("fiber in deposition", "leiomyosarcoma with necrosis, as the patient said", "was not said"),
        ("fiber in deposition", "fibrin <b>deposition</b>", "no plain words"),
        ("fiber in deposition", "", "nothing"),
        ("fiber in deposition", "fibrin deposition " * 9, "too long"),
        ("", "fibrin", "nothing was heard"),
    ],
)
def test_what_says_something_else_is_refused(confirmer, heard, meant, why):
    assert confirmer.score(heard, meant) is None, why


def test_no_term_of_the_glossary_becomes_the_one_most_like_it(confirmer):
    terms = confirmer.lexicon.terms
    own = terms.term[terms.source == "glossary"].sample(150, random_state=0).tolist()
    nearest = {}
    for term in own:
        nearest[term] = max((one for one in own if one != term), key=lambda one: similarity(term, one).score)
    assert [pair for pair in nearest.items() if confirmer.score(*pair) is not None] == []


@pytest.mark.parametrize(
    ("text", "found", "aloud"),
    [
        ("CD138", "138", "CD one thirty eight"),
        ("CD one thirty eight", "138", "CD one thirty eight"),
        ("p16", "16", "p sixteen"),
        ("Ki-67", "67", "Ki- sixty seven"),
        ("twenty mitoses in ten fields", "2010", "twenty mitoses in ten fields"),
        ("CK20 and S100", "20100", "CK twenty and S one zero zero"),
        ("none", "", "none"),
        ("thirty zero", "300", "thirty zero"),
    ],
)
def test_numbers_are_the_same_in_digits_and_in_words(text, found, aloud):
    assert digits(text) == found
    assert " ".join(spoken(text).split()) == aloud
