"""What is exported: pairs with a split, under the licenses asked for, and nothing that was withdrawn since."""

import os
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

from stages.common.errors import StageError
from stages.common.paths import DATASET_DIR
from stages.export.folder import new_folder
from stages.export.inputs import images, kept_pairs, shards


def test_pairs_that_were_dropped_are_left_out(exported):
    assert set(kept_pairs([]).pair_id) == set(exported.pair_id[exported.split != ""])
    found = [pair["pair_id"] for shard in shards() for image in images(shard, kept_pairs([])) for pair in image.pairs]
    assert sorted(found) == sorted(exported.pair_id[exported.split != ""])


def test_only_the_licenses_asked_for_are_exported(exported):
    assert set(kept_pairs(["CREATIVE commons"]).source) == {"quilt"}
    assert set(kept_pairs(["/by/4.0", "reuse allowed"]).source) == {"quilt", "pubmed"}
    assert "" not in set(kept_pairs(["/by/4.0", "reuse allowed"]).license)
    with pytest.raises(StageError, match="no pair has such a license; there are '', 'Creative"):
        kept_pairs(["Apache"])


def test_what_is_missing_is_named_with_what_to_run(exported):
    for path in DATASET_DIR.glob("*.tar"):
        path.unlink()
    with pytest.raises(StageError, match="data/dataset has no shards: run `dvc repro dataset`"):
        shards()
    (DATASET_DIR / "pairs.parquet").unlink()
    with pytest.raises(StageError, match=r"pairs\.parquet not found: run `dvc repro dataset`"):
        kept_pairs([])


def test_a_folder_is_there_as_a_whole_or_not_at_all(tmp_path):
    with pytest.raises(ZeroDivisionError), new_folder(tmp_path / "out") as folder:
        (folder / "half").touch()
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "out").mkdir()
    with new_folder(tmp_path / "out") as folder:
        (folder / "file").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "file"]


@pytest.mark.parametrize("there", ["folder", "file"])
def test_nothing_is_written_over_something_else(tmp_path, there):
    (tmp_path / "out/inner").mkdir(parents=True) if there == "folder" else (tmp_path / "out").touch()
    with pytest.raises(StageError, match="out: something is there already"), new_folder(tmp_path / "out"):
        pass


def export(*arguments):
    """Run the command as a user does, in the working directory."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "stages.export", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True)


def test_the_command_writes_a_form_and_counts(exported, tmp_path):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    done = export("datacomp", "--to", "out/pool", "--license", "by/4.0")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("export@datacomp: 1 items, 1 shards, 1 subsets")
    assert (tmp_path / "out/pool/note.txt").read_text() == "Of a test."
    again = export("datacomp", "--to", "out/pool")
    assert (again.returncode, again.stderr.count("\n")) == (1, 1)
    assert "something is there already" in again.stderr
