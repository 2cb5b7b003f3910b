"""The card of an export says by which digest dvc.lock has what was exported."""

from pathlib import Path

import pytest
from dvc.repo import Repo

from stages.common.data.files import read_yaml
from stages.common.errors import StageError
from stages.export.run import run_line


def test_the_line_has_the_digest_of_what_is_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_line(Path("out")) == ""
    Path("dvc.yaml").write_text("stages: {one: {cmd: mkdir out && echo made > out/file, outs: [out]}}")
    with Repo.init(no_scm=True) as repo:
        repo.reproduce()
    (recorded,) = read_yaml(Path("dvc.lock"))["stages"]["one"]["outs"]
    assert f"`out` as `{recorded['md5']}`" in run_line(Path("out"))
    Path("out/file").write_text("edited")
    with pytest.raises(StageError, match="out is not what dvc.lock says"):
        run_line(Path("out"))
