"""A set that cannot be read is a row in the results, and the others are measured."""

import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from test_embeddings import PROTOCOL, pictures, read, stage  # noqa: F401 - fixtures

from stages.common.data.files import read_json
from stages.common.errors import StageError
from stages.evaluation.__main__ import run as evaluate

OTHERS = """
  broken:
    {loader: table, root: broken, sub_pathology: skin, classes: {a: adipose tissue, b: a naevus}}
  captioned:
    {loader: arch, root: captioned, sub_pathology: mixed}
"""
SKIP = PROTOCOL.replace("missing: fail", "missing: skip") + OTHERS.lstrip("\n")


@pytest.fixture
def broken(tmp_path, pictures):  # noqa: F811
    """A set whose second image is listed and not there, beside a set of pairs without its table."""
    folder = tmp_path / "evalsets/broken"
    folder.mkdir()
    (tmp_path / "evalsets/captioned").mkdir()
    shutil.copy(pictures[0], folder / "1.png")
    pd.DataFrame({"image": ["1.png", "2.png"], "label": ["a", "b"]}).to_csv(folder / "evalset.csv", index=False)
    return folder


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "1 of 2 files that it lists are not there, the first is .*2.png"), (b"cut off", "2.png: unreadable image")],
)
def test_a_broken_set_is_a_row_and_the_rest_is_measured(stage, stage_params, base, broken, tmp_path, content, reason):  # noqa: F811
    if content:
        (broken / "2.png").write_bytes(content)
    found = stage(SKIP)
    assert found["failed"] == "broken, captioned"
    assert found["sets"] == 2, "mine and the held-out pairs"
    params = stage_params("evaluation", protocol="p.yaml", evalsets="evalsets", bootstrap=10)
    for task, name in (("zero_shot", "broken"), ("retrieval", "captioned")):
        evaluate(params, base, task)
        metrics = read_json(tmp_path / f"reports/metrics/{task}.json")
        assert list(metrics["failed"]) == [name]
        assert not {"broken", "captioned"} & set(metrics["tuned"])
        assert {"mine", "held_out"} & set(metrics["tuned"])
    assert pd.read_parquet(tmp_path / "data/embeddings/failed.parquet").evalset.tolist() == ["broken", "captioned"]
    assert "books_set" in metrics["failed"]["captioned"]
    with pytest.raises(StageError, match=reason):
        stage((PROTOCOL + OTHERS.lstrip("\n")).partition("  captioned:")[0])


def test_a_set_that_was_mended_is_measured_again(stage, broken, tmp_path):  # noqa: F811
    assert stage(SKIP)["failed"] == "broken, captioned"
    shutil.rmtree(tmp_path / "evalsets/captioned")
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(broken / "2.png")
    found = stage(SKIP)
    assert "failed" not in found
    assert found["sets"] == 3
    assert not (tmp_path / "data/embeddings/failed.parquet").exists()
    assert len(read(tmp_path / "data/embeddings/tuned/broken.images.safetensors"))
