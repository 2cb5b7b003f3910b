"""A clone works wherever it is made, and after DVC was killed."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from dvc.lock import make_lock

unlock = runpy.run_path(str(ROOT / ".ci/unlock.py"))["unlock"]
GIT = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]


def call(*command, cwd, check=True):
    return subprocess.run(command, cwd=cwd, check=check, capture_output=True, text=True)


def test_a_clone_that_converts_line_ends_has_the_same_bytes(tmp_path):
    """With core.autocrlf, as Git for Windows has it: DVC would take every other byte for an edit."""
    listed = call("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT).stdout.splitlines()
    files = {name: (ROOT / name).read_bytes() for name in listed if (ROOT / name).is_file()}
    for name, data in files.items():
        (tmp_path / "origin" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "origin" / name).write_bytes(data)
    call("git", "init", "-q", cwd=tmp_path / "origin")
    call("git", "add", "-A", cwd=tmp_path / "origin")
    call(*GIT, "commit", "-qm", "all", cwd=tmp_path / "origin")
    call("git", "clone", "-q", "-c", "core.autocrlf=true", "origin", "clone", cwd=tmp_path)
    assert call("git", "status", "--porcelain", cwd=tmp_path / "clone").stdout == ""
    assert [name for name, data in files.items() if (tmp_path / "clone" / name).read_bytes() != data] == []
    assert not any(b"\r" in data for name, data in files.items() if name.startswith("profiles/"))


@pytest.mark.parametrize("left", ["", '{"read": {"da'])
def test_an_unreadable_lock_goes_and_dvc_runs_again(tmp_path, left):
    def dvc(check):
        return call(sys.executable, "-m", "dvc", "repro", cwd=tmp_path, check=check)

    call("git", "init", "-q", cwd=tmp_path)
    call(sys.executable, "-m", "dvc", "init", "-q", cwd=tmp_path)
    (tmp_path / "dvc.yaml").write_text("stages: {one: {cmd: echo made > out, outs: [out]}}")
    lock = tmp_path / ".dvc/tmp/rwlock"
    lock.write_text(left)
    assert dvc(check=False).returncode != 0
    done = call(sys.executable, str(ROOT / ".ci/unlock.py"), cwd=tmp_path)
    assert "rwlock" in done.stdout
    dvc(check=True)
    assert (tmp_path / "out").exists()
    assert not unlock(lock.parent), "what DVC can read stays"
    assert lock.exists()


def test_a_lock_that_is_being_written_stays(tmp_path: Path):
    (tmp_path / "rwlock").touch()
    with make_lock(str(tmp_path / "rwlock.lock")):
        assert not unlock(tmp_path)
    assert unlock(tmp_path)


def test_make_repairs_before_it_runs_dvc():
    for target in ("demo", "tiny"):
        steps = call("make", "-n", target, cwd=ROOT).stdout
        assert steps.index(".ci/unlock.py") < steps.index("== Pipeline")
