"""Smaller shared pieces: terms in text, evalsets, intervals, common words."""

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from stages.common.english import common
from stages.common.errors import StageError
from stages.common.evalsets import Evalset, load_protocol, read_evalset
from stages.common.files import write_table
from stages.common.lexicon import Lexicon
from stages.common.stats import bootstrap


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
    write_table(tmp_path / "terms.parquet", pd.DataFrame(rows, columns=columns))
    write_table(tmp_path / "words.parquet", pd.DataFrame({"word": ["necrosis"], "concepts": [2]}))
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


def test_bootstrap_covers_the_mean_as_the_textbook_says():
    values = np.random.default_rng(1).normal(10, 2, 400)
    low, high = bootstrap(lambda i: float(values[i].mean()), 400, rounds=2000, seed=0)
    half = 1.96 * values.std() / 20
    assert low == pytest.approx(values.mean() - half, abs=0.03)
    assert high == pytest.approx(values.mean() + half, abs=0.03)


def test_bootstrap_by_group_is_wider_when_groups_agree_within():
    groups = np.repeat(np.arange(8), 50)
    values = np.repeat(np.arange(8.0), 50)
    mean = lambda i: float(values[i].mean())  # noqa: E731
    narrow = bootstrap(mean, 400, rounds=500, seed=0)
    wide = bootstrap(mean, 400, rounds=500, seed=0, groups=groups)
    assert wide[1] - wide[0] > 3 * (narrow[1] - narrow[0])


@pytest.mark.parametrize("name", ["demo", "quilt"])
def test_protocols_have_loaders_templates_and_distinct_prompts(name):
    from stages.common.evalsets import LOADERS

    protocol = load_protocol(str(ROOT / "protocols" / f"{name}.yaml"))
    assert len(protocol.templates) == 4
    for one in protocol.evalsets.values():
        assert one.loader in LOADERS
        assert len(set(one.classes.values())) == len(one.classes)


def test_a_protocol_that_is_wrong_names_the_key(tmp_path):
    (tmp_path / "p.yaml").write_text(
        "name: x\ntemplates: [a]\nevalsets:\n  s: {loader: image_folder, root: r, organ: o}\n"
    )
    with pytest.raises(StageError, match="evalsets.s.classes: Field required"):
        load_protocol(str(tmp_path / "p.yaml"))
    with pytest.raises(StageError, match="see protocols/"):
        load_protocol(str(tmp_path / "none.yaml"))


def test_loaders_read_the_official_forms(tmp_path):
    for path in ("CRC-VAL-HE-7K/ADI/a.tif", "CRC-VAL-HE-7K/BACK/b.tif", "NCT-CRC-HE-100K/LYM/c.tif"):
        (tmp_path / "nct" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "nct" / path).write_bytes(b"")
    nct = Evalset(loader="nct_crc", root="nct", organ="", classes={"ADI": "adipose", "LYM": "lymphocytes"})
    table = read_evalset(tmp_path, "nct", nct)
    assert table[["label", "split"]].to_numpy().tolist() == [[0, "test"], [1, "train"]], "background is left out"
    (tmp_path / "sicap/partition/Test").mkdir(parents=True)
    for split, row in (("Train", ["a.jpg", 1, 0, 0, 0, 0]), ("Test", ["b.jpg", 0, 0, 1, 0, 1])):
        columns = ["image_name", "NC", "G3", "G4", "G5", "G4C"]
        pd.DataFrame([row], columns=columns).to_excel(tmp_path / f"sicap/partition/Test/{split}.xlsx", index=False)
    sicap = Evalset(loader="sicapv2", root="sicap", organ="", classes={"NC": "a", "G3": "b", "G4": "c", "G5": "d"})
    assert read_evalset(tmp_path, "sicap", sicap)[["label", "split"]].to_numpy().tolist() == [[0, "train"], [2, "test"]]
    (tmp_path / "skin").mkdir()
    rows = [["x.jpg", "tumor", "bcc", "Validation"], ["y.jpg", "tumor", "other", "Test"]]
    pd.DataFrame(rows, columns=["file", "malignicy", "class", "set"]).to_csv(tmp_path / "skin/tiles-v2.csv")
    skin = Evalset(loader="skin_cancer", root="skin", organ="", classes={"bcc": "basal"})
    assert read_evalset(tmp_path, "skin", skin)[["label", "split"]].to_numpy().tolist() == [[0, "validation"]]


def test_a_missing_evalset_says_where_it_should_be(tmp_path):
    gone = Evalset(loader="image_folder", root="gone", organ="", classes={"a": "a"})
    with pytest.raises(StageError, match="evalset lung: .*gone not found: put its official files there"):
        read_evalset(tmp_path, "lung", gone)
    with pytest.raises(StageError, match="no loader 'zip'"):
        read_evalset(tmp_path, "lung", gone.model_copy(update={"loader": "zip"}))
