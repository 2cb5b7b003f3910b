"""The table of protocols: what each asks, scored as by scikit-learn, and every prompt and image embedded once."""

import csv
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from PIL import Image
from scipy.stats import binomtest
from sklearn import metrics as reference

from stages.common.data.files import read_yaml
from stages.common.errors import StageError
from stages.common.evalsets.protocol import load_protocol
from stages.comparison.prompts import draw_prompts
from stages.comparison.protocols import (
    Embedded,
    all_images,
    all_prompts,
    asked_sets,
    load_protocols,
    measure,
)
from stages.comparison.scores import score

PROTOCOLS = read_yaml(ROOT / "params.yaml")["comparison"]["protocols"]
BASE = """
name: base
metric: accuracy
averaging: sets
transform: model
missing: skip
templates: ["a {c}", "the {c}", "{c}, H&E"]
evalsets:
  tissues:
    loader: table
    root: tissues
    sub_pathology: skin
    classes: {A: gland, B: stroma, C: mucin, D: bone}
  elsewhere: {loader: table, root: nowhere, sub_pathology: skin, classes: {A: gland, B: stroma}}
  pairs: {loader: arch, root: arch, sub_pathology: skin}
"""
OTHER = """
extends: base.yaml
name: other
metric: balanced_accuracy
prompts: sampled
draws: 9
templates: ["a {c}", "no {c}"]
evalsets:
  tissues: {left_out: [D], classes: {A: gland, B: stroma, C: mucin}, synonyms: {A: [crypt], C: [mucus]}}
"""
SQUASHED = """
extends: base.yaml
name: squashed
transform: squash
metric: macro_f1
evalsets: {tissues: {split: all}}
"""


@pytest.fixture
def folder(tmp_path):
    """Three protocols and one set of twelve images, with no image of class D on the test side."""
    for name, text in (("base", BASE), ("other", OTHER), ("squashed", SQUASHED)):
        (tmp_path / f"{name}.yaml").write_text(text)
    rows = [["image", "label", "split"]]
    for n in range(14):
        file = tmp_path / f"tissues/{n:02d}.png"
        file.parent.mkdir(exist_ok=True)
        Image.new("RGB", (4, 4), (n, 0, 0)).save(file)
        rows.append([file.name, "D" if n >= 12 else "ABC"[n % 3], "train" if n >= 9 else "test"])
    with (tmp_path / "tissues/evalset.csv").open("w", newline="") as out:
        csv.writer(out).writerows(rows)
    return tmp_path


def asked(folder, *names):
    protocols = load_protocols([str(folder / f"{name}.yaml") for name in names])
    return list(asked_sets(protocols, protocols[0], folder, 0))


def unit(vector):
    return vector / np.linalg.norm(vector)


def vectors_for(one, seed=0):
    rng = np.random.default_rng(seed)
    texts = {prompt: unit(rng.normal(size=8)) for prompt in all_prompts(one)}
    images = {False: {}, True: {}}
    for (_, squash), paths in all_images(one).items():
        images[squash] |= {path: unit(rng.normal(size=8)) for path in paths}
    return Embedded(texts, images, 10.0)


def test_each_prompt_and_each_image_under_each_transform_is_named_once(folder):
    one = asked(folder, "base", "other", "squashed")
    prompts, images = all_prompts(one), all_images(one)
    assert max(Counter(prompts).values()) == 1
    assert "a gland" in prompts
    assert "no crypt" in prompts, "every name in every template"
    assert set(images) == {("tissues", False), ("tissues", True)}
    assert [len(images["tissues", squash]) for squash in (False, True)] == [9, 14], "only what is measured"


def test_a_set_that_is_not_there_or_broken_is_a_row_and_the_others_are_measured(folder):
    (folder / "nowhere").mkdir()
    rows = measure(one := asked(folder, "base"), {"start": vectors_for(one)}, 50, 0)
    assert [row["set"] for row in rows] == ["tissues", "elsewhere", "mean"], "no pairs"
    assert rows[0]["status"] == rows[2]["status"] == "measured"
    assert "evalset.csv not found" in rows[1]["status"]
    (folder / "nowhere").rmdir()
    gone = asked(folder, "base")
    assert measure(gone, {"start": vectors_for(gone)}, 50, 0)[1]["status"] == "not there"


def test_scores_are_scikit_learns_over_all_prompts_and_over_drawn_ones(folder):
    one = asked(folder, "base", "other", "squashed")
    found = vectors_for(one)
    rows = {(row["protocol"], row["set"]): row for row in measure(one, {"m": found}, 200, 0)}
    truth = np.arange(9) % 3
    image = np.stack([found.images[False][str(folder / f"tissues/{n:02d}.png")] for n in range(9)])

    def predicted(prompts):
        return (image @ np.stack([unit(np.mean([found.texts[p] for p in own], 0)) for own in prompts]).T).argmax(1)

    everything = [
        [t.format(c=c) for t in ("a {c}", "the {c}", "{c}, H&E")] for c in ("gland", "stroma", "mucin", "bone")
    ]
    base = rows["base", "tissues"]
    assert base["score"] == pytest.approx(reference.accuracy_score(truth, predicted(everything)))
    assert (base["classes"], base["classes_there"], base["images"], base["prompts"]) == (4, 3, 9, 12)
    drawn = draw_prompts([["gland", "crypt"], ["stroma"], ["mucin", "mucus"]], ["a {c}", "no {c}"], 9, 0)
    scores = [reference.balanced_accuracy_score(truth, predicted(prompts)) for prompts in drawn]
    other = rows["other", "tissues"]
    assert other["score"] == other["prompt_median"] == pytest.approx(np.median(scores))
    assert (other["prompt_min"], other["prompt_max"]) == pytest.approx((min(scores), max(scores)))
    assert other["score_low"] <= other["score"] <= other["score_high"]
    assert rows["squashed", "tissues"]["images"] == 14
    assert rows["base", "mean"]["score"] == base["score"], "the mean is over what was measured"


def test_the_interval_is_that_of_resampled_images():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 300)
    predicted = np.where(rng.random((1, 300)) < 0.7, truth, (truth + 1) % 3)
    found = score(truth, predicted, 3, "accuracy", 2000, 1)
    right = (predicted[0] == truth).mean()
    assert found.value == pytest.approx(right)
    assert found.rounds.std() == pytest.approx((right * (1 - right) / 300) ** 0.5, rel=0.05)
    low, high = binomtest(int((predicted[0] == truth).sum()), 300).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.005)
    twice = score(truth, np.vstack([predicted] * 5), 3, "accuracy", 2000, 1)
    assert np.array_equal(found.rounds, twice.rounds), "draws of prompts see the same images"


def test_images_of_a_patient_count_for_less():
    rng = np.random.default_rng(0)
    truth, patient = np.zeros(300, int), np.arange(300) // 10
    right = rng.random(30) < 0.7  # all images of a patient err together
    predicted = np.where(right[patient], 0, 1)[None]
    alone, together = (score(truth, predicted, 2, "accuracy", 1000, 1, group) for group in (None, patient))
    assert together.high - together.low > 2.5 * (alone.high - alone.low)


def test_draws_share_templates_and_take_one_name_for_each_class():
    names, templates = [["fat", "adipose"], ["gland"]], ["a {c}", "the {c}", "{c}!"]
    drawn = draw_prompts(names, templates, 200, 3)
    assert drawn == draw_prompts(names, templates, 200, 3) != draw_prompts(names, templates, 200, 4)
    for fat, gland in drawn:
        name = "fat" if "fat" in fat[0] else "adipose"
        assert [prompt.replace(name, "gland") for prompt in fat] == gland
        assert len(set(gland)) == len(gland)
    assert set(Counter(len(gland) for _, gland in drawn)) == {1, 2, 3}
    share = np.mean(["fat" in fat[0] for fat, _ in drawn])
    assert 0.4 < share < 0.6
    assert len(draw_prompts([["fat"], ["gland"]], ["a {c}"], 50, 0)) == 1, "nothing to draw from"


def test_sets_lie_where_the_pipelines_protocol_says(folder):
    (folder / "places.yaml").write_text(BASE.replace("root: tissues", "root: moved").replace("name: base", "name: p"))
    (folder / "tissues").rename(folder / "moved")
    protocols = load_protocols([str(folder / "base.yaml")])
    one = next(asked_sets(protocols, load_protocol(str(folder / "places.yaml")), folder, 0))
    assert (one.status, len(one.table)) == ("measured", 9)


def test_two_protocols_of_one_name_are_an_error(folder):
    (folder / "twin.yaml").write_text("extends: base.yaml\nname: base\n")
    with pytest.raises(StageError, match="base.yaml has the name of another protocol"):
        load_protocols([str(folder / "base.yaml"), str(folder / "twin.yaml")])


# --- the papers' protocols


@pytest.mark.parametrize("path", PROTOCOLS)
def test_a_papers_protocol_says_where_it_comes_from_and_what_is_not_stated(path):
    protocol = load_protocol(str(ROOT / path))
    assert protocol.source
    assert set(protocol.published) <= set(protocol.evalsets)
    if protocol.name != "plain":
        assert protocol.published
        assert protocol.unpublished
        assert "github.com" in protocol.source
    for name, evalset in protocol.evalsets.items():
        texts = [prompt for own in protocol.prompts_of(name) for prompt in own]
        assert len(set(texts)) == len(texts), f"{name}: a prompt twice"
        assert not evalset.classes or len(evalset.classes) >= 2


def test_there_are_seven_papers_protocols_and_all_differ():
    protocols = load_protocols([str(ROOT / path) for path in PROTOCOLS])
    assert {one.name for one in protocols} >= {"quilt", "plip", "conch", "musk", "pathgen", "keep", "plain"}
    assert len({one.digest for one in protocols}) == len(protocols)


def test_the_papers_prompts_are_those_of_their_repositories():
    """Spot checks against what each repository has in code."""
    plip, conch, musk, pathgen, keep = (
        load_protocol(str(ROOT / f"protocols/{name}.yaml")) for name in ("plip", "conch", "musk", "pathgen", "keep")
    )
    assert plip.prompts_of("nct_crc")[0] == ["An H&E image patch of adipose tissue."]
    counts = [len(own) for own in conch.prompts_of("nct_crc")]
    assert counts == [22 * names for names in (5, 4, 4, 5, 4, 5, 4, 5, 5)]
    assert "penmarking, H&E stain." in conch.prompts_of("nct_crc")[1]
    assert musk.prompts_of("skin_cancer")[0][0] == "a histopathology slide showing nontumor_skin_necrosis_necrosis"
    assert pathgen.prompts_of("nct_crc")[0] == ["An H&E patch of adipose"]
    assert pathgen.prompts_of("lc25000_lung")[2] == ["An image of lung squamous cell carcinomas"]
    assert pathgen.evalsets["nct_crc"].split == pathgen.evalsets["sicapv2"].split == "train"
    assert keep.prompts_of("bach")[1] == ["An H&E image of breast malignant in-situ carcinoma"]
    assert keep.metric == plip.metric == "weighted_f1"


def test_tables_read_back(folder):
    one = asked(folder, "base")
    rows = measure(one, {"m": vectors_for(one)}, 50, 0)
    assert pd.DataFrame(rows).set.tolist() == ["tissues", "elsewhere", "mean"]
