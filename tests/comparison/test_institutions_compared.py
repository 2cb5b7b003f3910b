"""Models with and without an institution's pairs: the same queries, a real experiment, and refusals."""

import shlex

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT
from dvc.utils.hydra import apply_overrides
from PIL import Image
from repository import Repository
from sklearn.metrics import balanced_accuracy_score

from stages.common.data.files import read_yaml
from stages.common.errors import StageError
from stages.common.models.clip import build, save
from stages.common.tables.dataset import DATASET_TABLE
from stages.common.tables.embeddings import EVALSET
from stages.comparison.__main__ import run
from stages.comparison.institutions import classified, command, recalled, revisions_of, slug
from stages.demo.tissue import paint

PROTOCOL = """
name: one
metric: balanced_accuracy
averaging: sets
transform: model
missing: fail
templates: ["{c}"]
evalsets:
  mine: {loader: table, root: mine, sub_pathology: skin, classes: {a: fat, b: a naevus}}
"""
QUERY = "source == \"pubmed\" and text != 'none'"


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_recall_of_an_institution_is_that_of_its_queries_among_all_candidates():
    rng = np.random.default_rng(0)
    pairs = pd.DataFrame({"path": [f"{n % 30:02d}" for n in range(40)], "text": [f"t{n:02d}" for n in range(40)]})
    place = np.where(pairs.path.astype(int) < 12, "here", "there")
    pairs = pairs.assign(institution=place, group="").sort_values("path")
    image, text = unit(rng.normal(size=(30, 6))), unit(rng.normal(size=(40, 6)))
    close = unit(image[np.arange(40) % 30] + 0.4 * rng.normal(size=(40, 6)))
    rows = list(recalled([(image, close), (image, text)], pairs, "here", [1, 5], 50, 0))
    assert [(row["setting"], row["metric"]) for row in rows] == [
        (way, k) for way in ("image_to_text", "text_to_image") for k in ("r1", "r5")
    ]
    for row in rows:
        for name, candidates in (("trained_with", close), ("trained_without", text)):
            k, scores = int(row["metric"][1:]), image @ candidates.T
            if row["setting"] == "image_to_text":
                best = np.argsort(-scores[:12], axis=1)[:, :k]
                hits = [bool({n, n + 30} & set(found)) for n, found in enumerate(best.tolist())]
            else:
                asked = [n for n in range(40) if n % 30 < 12]
                best = np.argsort(-scores.T[asked], axis=1)[:, :k]
                hits = [n % 30 in found for n, found in zip(asked, best.tolist(), strict=True)]
            assert row[name] == pytest.approx(np.mean(hits))
            assert row["tested_on"] == len(hits)
            assert row[f"{name}_low"] - 1e-9 <= row[name] <= row[f"{name}_high"] + 1e-9
        assert row["difference"] == pytest.approx(row["trained_with"] - row["trained_without"])


def test_zero_shot_scores_are_scikit_learns_and_differences_are_paired():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 3, 200)
    with_it = np.where(rng.random(200) < 0.8, truth, 0)
    without = np.where(rng.random(200) < 0.9, with_it, 1)
    found = classified([with_it, without], pd.DataFrame({"label": truth, "group": ""}), 3, "balanced_accuracy", 300, 0)
    assert found["trained_with"] == pytest.approx(balanced_accuracy_score(truth, with_it))
    assert found["trained_without"] == pytest.approx(balanced_accuracy_score(truth, without))
    width = found["difference_high"] - found["difference_low"]
    own = [found[f"{name}_high"] - found[f"{name}_low"] for name in ("trained_with", "trained_without")]
    assert width < np.hypot(*own)


@pytest.fixture
def world(tiny, tmp_path, monkeypatch):
    """A repository with a model, a set of two institutions and the dataset's held-out pairs."""
    rng = np.random.default_rng(0)
    lines = [f"{n}.png,{'ab'[n % 2]},{('pubmed', 'other')[n // 4]}" for n in range(8)]
    (tmp_path / "sets/mine").mkdir(parents=True)
    (tmp_path / "sets/mine/evalset.csv").write_text("\n".join(["image,label,institution", *lines]) + "\n")
    for n in range(8):
        Image.fromarray(paint("adipose", 60, 60, rng)).save(tmp_path / f"sets/mine/{n}.png")
    repository = Repository(tmp_path)
    monkeypatch.chdir(tmp_path)
    save(build(str(tiny), "none", 1), tmp_path / "models/quiltnet")
    sources = ["pubmed", "pubmed", "laion", "laion"]
    rows = [{"pair_id": str(n), "source": one, "text": "w", "split": "train"} for n, one in enumerate(sources)]
    DATASET_TABLE.write(DATASET_TABLE.at(), DATASET_TABLE.frame(rows))
    held_out = [(f"sets/mine/{n}.png", -1, "test", ("pubmed", "laion")[n % 2], f"text {n}", "") for n in range(6)]
    EVALSET.write(EVALSET.at(name="held_out"), EVALSET.frame(held_out))
    (tmp_path / "one.yaml").write_text(PROTOCOL)
    tree = read_yaml(ROOT / "params.yaml")
    tree["quiltnet"] |= {"model": str(tiny), "start": "none"}
    tree["evaluation"] |= {"protocol": "one.yaml", "evalsets": "sets", "bootstrap": 50, "recall_at": [1, 2]}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tree))
    repository.call("dvc add -q models/quiltnet && git add -A && git commit -qm model")
    return repository


@pytest.mark.slow
def test_an_experiment_without_an_institution_is_compared_on_it(world, stage_params, base, caplog):
    params = stage_params("comparison", institutions={"pubmed": QUERY, "laion": 'source == "laion"'})
    with pytest.raises(StageError, match="no model was trained without one: dvc exp run --temp -n without-pubmed"):
        run(params, base, "institutions")
    train = command("without-pubmed", QUERY, "")
    world.call(train.replace("--temp ", "") + " && git checkout -q .")
    found = run(params, base, "institutions")
    assert found == {"items": 5, "institutions": 1, "missing": 1}
    assert "without-laion" in caplog.text
    table = pd.read_csv(world.folder / "reports/comparison/institutions.csv")
    assert table.groupby("task").tested_on.first().to_dict() == {"retrieval": 3, "zero_shot": 4}
    assert set(table.pairs_left_out) == {2}
    assert table.difference.abs().max() == 0, "the same model, as nothing was trained"
    world.call("git tag without-laion")
    with pytest.raises(StageError, match="without-laion: the model has learned from 2 pairs of 'source == \"laion\"'"):
        run(params, base, "institutions")
    tree = read_yaml(world.folder / "params.yaml")
    tree["quiltnet"] |= {"epochs": 99, "subset": f"not ({QUERY})"}
    (world.folder / "params.yaml").write_text(yaml.safe_dump(tree))
    world.call("git commit -qam longer && git tag without-few && git reset -q --hard HEAD~1")
    params = stage_params("comparison", institutions={"few": QUERY})
    with pytest.raises(StageError, match="without-few: its model was tuned by another quiltnet.epochs: 99, here 10"):
        run(params, base, "institutions")
    params = stage_params("comparison", institutions={"here": 'source == "nowhere"'})
    with pytest.raises(StageError, match="has learned from no pair of 'source == \"nowhere\"'"):
        run(params, base, "institutions")
    params = stage_params("comparison", institutions={"here": "sauce == 1"})
    with pytest.raises(StageError, match=r"comparison.institutions.here: 'sauce == 1': name 'sauce' is not defined"):
        run(params, base, "institutions")


def test_names_are_made_fit_for_experiments_and_subsets_add_up():
    assert slug("UT Southwestern, Dallas") == "ut-southwestern-dallas"
    made = command("without-a", "source == 'a'", "confidence > 0.9")
    assert "(confidence > 0.9) and not (source ==" in made


@pytest.mark.parametrize(
    "query", ["source == 'a'", r"source == 'O\'Hara'", r"text.str.contains('a\.b\\')", r'text.str.contains("\d+")']
)
def test_the_command_means_the_query_whatever_it_quotes(tmp_path, query):
    (tmp_path / "params.yaml").write_text("quiltnet: {subset: ''}")
    words = shlex.split(command("without-a", query, ""))
    apply_overrides(tmp_path / "params.yaml", [words[words.index("-S") + 1]])
    assert read_yaml(tmp_path / "params.yaml")["quiltnet"]["subset"] == f"not ({query})"


def test_institutions_have_an_experiment_each():
    assert revisions_of(["A b", "c"]) == {"A b": "without-a-b", "c": "without-c"}
    for names in (["A b", "a-b"], ["本"]):
        with pytest.raises(StageError, match=f"comparison.institutions.{names[-1]}: no experiment can be called"):
            revisions_of(names)
