"""What was withdrawn after the outputs were made stops whatever would hand them out."""

import shutil

import pytest
from dvc.repo import Repo

from stages.common.errors import StageError
from stages.common.withdrawals import check_up_to_date

PIPELINE = """
stages:
  videos:
    cmd: cat catalog/* > videos.txt
    deps: [catalog, code/a.py, stages/b.py]
    outs: [videos.txt]
  dataset:
    cmd: cp videos.txt dataset.txt
    deps: [videos.txt]
    outs: [dataset.txt]
  model:
    cmd: cp dataset.txt model.txt
    deps: [dataset.txt]
    outs: [model.txt]
"""


@pytest.fixture
def pipeline(tmp_path, monkeypatch):
    """A small DVC repository that has run."""
    monkeypatch.chdir(tmp_path)
    for name in ("catalog/videos.txt", "catalog/withdrawn.txt", "code/a.py", "stages/b.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    with Repo.init(no_scm=True) as repo:
        repo.reproduce()
    return tmp_path


def test_a_withdrawal_stops_what_was_made_from_it_until_that_is_made_anew(pipeline):
    check_up_to_date()
    (pipeline / "stages/b.py").write_text("an edit of code changes no rights")
    check_up_to_date()
    (pipeline / "catalog/withdrawn.txt").write_text("https://videos.example/lecture")
    with pytest.raises(StageError, match="catalog has changed since videos ran: run `dvc repro dataset` first"):
        check_up_to_date("dataset")
    with Repo() as repo:
        repo.reproduce("dataset")
    check_up_to_date("dataset")
    with pytest.raises(StageError, match=r"dataset\.txt has changed since model ran: run `dvc repro` first"):
        check_up_to_date()


def test_who_has_only_the_dataset_may_hand_it_on(pipeline):
    shutil.rmtree(pipeline / "catalog")
    check_up_to_date()


def test_outside_of_a_dvc_repository_nothing_is_asked(exported):
    check_up_to_date()
