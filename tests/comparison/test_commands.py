"""The three commands on a small model: each writes its table, and vectors are made once."""

import json

import numpy as np
import pandas as pd
import pytest
import tifffile
from conftest import ROOT
from PIL import Image

from stages.common.data.files import read_yaml
from stages.common.errors import StageError
from stages.common.models import embed
from stages.common.models.clip import build, save
from stages.comparison.__main__ import run
from stages.demo.tissue import paint

ONE = """
name: one
metric: accuracy
averaging: sets
transform: model
missing: skip
templates: ["{c}", "a slide of {c}"]
evalsets:
  mine: {loader: table, root: mine, sub_pathology: skin, classes: {a: fat, b: a naevus}}
  other: {loader: table, root: other, sub_pathology: skin, classes: {a: fat, b: a naevus}}
"""
TWO = 'extends: one.yaml\nname: two\nprompts: sampled\ndraws: 4\ntemplates: ["{c}", "no {c}"]\n'
SLIDES = """
extends: one.yaml
name: slides
evalsets: {mine: null, other: null, slides: {loader: table, root: slides, sub_pathology: skin, classes: {a: fat}}}
"""


@pytest.fixture
def compare(tiny, tmp_path, monkeypatch, stage_params, base):
    """Run a comparison in a folder of its own, of a set of six images and a slide."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    save(build(str(tiny), "none", 1), tmp_path / "models/quiltnet")
    for folder, lines in (("mine", [f"{n}.png,{'ab'[n % 2]}" for n in range(6)]), ("slides", ["s.svs,a"])):
        (tmp_path / "sets" / folder).mkdir(parents=True)
        (tmp_path / "sets" / folder / "evalset.csv").write_text("\n".join(["image,label", *lines]) + "\n")
    for n in range(6):
        Image.fromarray(paint("adipose", 60, 60, rng)).save(tmp_path / f"sets/mine/{n}.png")
    pixels = np.asarray(paint("stroma", 256, 256, rng))
    tifffile.imwrite(
        tmp_path / "sets/slides/s.svs",
        pixels,
        tile=(64, 64),
        photometric="rgb",
        description="Aperio Image Library\n256x256 |AppMag = 20|MPP = 0.5",
        metadata=None,
    )
    for name, text in (("one", ONE), ("two", TWO), ("slides", SLIDES)):
        (tmp_path / f"{name}.yaml").write_text(text)
    tree = read_yaml(ROOT / "params.yaml")
    tree["quiltnet"] |= {"model": str(tiny), "start": "none"}
    tree["evaluation"] |= {"protocol": "one.yaml", "evalsets": "sets", "bootstrap": 50}
    (tmp_path / "params.yaml").write_text(json.dumps(tree))

    def run_it(what, **changes):
        found = run(stage_params("comparison", **{"protocols": ["one.yaml", "two.yaml"]} | changes), base, what)
        return found, pd.read_csv(tmp_path / f"reports/comparison/{what}.csv")

    return run_it


def test_protocols_share_vectors_and_a_second_run_makes_none(compare, monkeypatch):
    texts, images = [], []
    for name, seen in (("embed_texts", texts), ("embed_images", images)):
        whole = getattr(embed, name)

        def spy(clip, what, *more, _whole=whole, _seen=seen, **options):
            _seen.append(list(what))
            return _whole(clip, what, *more, **options)

        monkeypatch.setattr(f"stages.comparison.compare.{name}", spy)
    found, table = compare("protocols")
    assert found == {"items": 4, "protocols": 2, "models": 2, "prompts": 6}
    assert [len(one) for one in texts] == [6, 6], "fat and naevus: bare, `a slide of` and `no`, once for each model"
    assert [len(one) for one in images] == [6, 6]
    assert table.groupby("status").size().to_dict() == {"measured": 8, "not there": 4}
    again, same = compare("protocols")
    assert (len(texts), len(images)) == (2, 2)
    assert again == found
    assert same.equals(table)
    page = open("reports/comparison/protocols.md").read()  # noqa: PTH123, SIM115
    assert "## tuned" in page
    assert "| two | accuracy |" in page


def test_a_damaged_image_is_the_status_of_its_sets_and_a_shared_image_is_embedded_once(compare, tmp_path, monkeypatch):
    part = "part: {loader: table, root: mine, sub_pathology: skin, classes: {a: fat, b: a naevus}}"
    whole = (tmp_path / "one.yaml").read_text()
    (tmp_path / "one.yaml").write_text(f"{whole}  {part}\n  {part.replace('part', 'sound').replace('mine', 'sound')}\n")
    (tmp_path / "sets/sound").mkdir()
    for name in ("evalset.csv", *(f"{n}.png" for n in range(6))):
        (tmp_path / "sets/sound" / name).write_bytes((tmp_path / "sets/mine" / name).read_bytes())
    seen = []
    monkeypatch.setattr(
        "stages.comparison.compare.embed_images",
        lambda clip, paths, *more, **options: seen.append(paths) or embed.embed_images(clip, paths, *more, **options),
    )
    table = compare("protocols", protocols=["one.yaml"])[1]
    assert set(table[table.status == "measured"].set) == {"mine", "part", "sound", "mean"}
    assert [len(paths) for paths in seen] == [6, 6, 6, 6], "two models, two folders"
    (tmp_path / "sets/mine/3.png").write_bytes(b"no picture")
    table = compare("protocols", protocols=["one.yaml"])[1]
    assert set(table[table.status == "measured"].set) == {"sound", "mean"}
    assert table[table.set == "part"].status.str.contains("mine/3.png: unreadable image").all()


def test_no_set_at_all_is_one_line(compare, tmp_path):
    (tmp_path / "sets/mine").rename(tmp_path / "sets/away")
    with pytest.raises(StageError, match="no set of comparison.protocols can be read below sets"):
        compare("protocols")


def test_robustness_has_a_row_for_each_change(compare):
    found, table = compare("robustness")
    assert found["items"] == len(table) == 2 * 5
    none = table[table.change == "none"]
    assert none.similarity.tolist() == pytest.approx([1, 1], abs=1e-3)
    assert set(none["drop"]) == {0}
    assert table.similarity.max() <= 1.001


def test_slides_are_pooled_over_their_tiles(compare):
    found, table = compare("slides", slides="slides.yaml", tile=64, tile_mpp=0.5, top_k=[1, 100])
    assert 12 <= found["tiles"] == table.tiles.max() <= 16, "a tile of little stain may be glass"
    assert table.score.tolist() == [1.0] * 4, "one class"
    with pytest.raises(StageError, match="comparison.slides: name a protocol"):
        compare("slides", slides="")
