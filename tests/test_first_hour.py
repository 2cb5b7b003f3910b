"""A fresh machine: what it lacks is said in one line each, before anything is downloaded."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ("sh", "awk", "df", "git", "mkdir", "python3.11")


@pytest.fixture
def machine(tmp_path):
    """Run the check on a clone in a folder with a space in its name, with these programs alone."""
    folder, programs = tmp_path / "my clones" / "quilt", tmp_path / "programs"
    for made in (folder, programs):
        made.mkdir(parents=True)
    for name in TOOLS:
        if found := shutil.which(name):
            (programs / name).symlink_to(found)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)

    def check(python="python3.11", **env):
        env = {"PATH": str(programs), "HOME": str(tmp_path), "GIT_CEILING_DIRECTORIES": str(tmp_path), **env}
        done = subprocess.run([ROOT / ".ci/machine", python], cwd=folder, env=env, capture_output=True, text=True)
        assert bool(done.stderr) == bool(done.returncode)
        return done.stderr

    check.folder, check.programs = folder, programs
    return check


def test_a_machine_that_has_all_is_told_nothing(machine):
    assert machine() == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda m: m("python3.99"), "python3.99 was not found: install Python 3.11"),
        (lambda m: m(str(other_python(m.programs))), "is Python 3.14, the lock files are for 3.11"),
        (lambda m: ((m.programs / "git").unlink(), m())[1], "git was not found"),
        (lambda m: (of_somebody_else(m.programs), m())[1], "another user, .* safe.directory '.*/my clones/quilt'"),
        (lambda m: (shutil.rmtree(m.folder / ".git"), m())[1], "no Git repository .* git init"),
        (lambda m: m(UV_CACHE_DIR="/proc/none"), "/proc/none cannot be written"),
        (lambda m: (full_disk(m.programs), m())[1], "has 2 GB free, .* need 12"),
    ],
)
def test_what_is_lacking_is_named_with_what_to_do(machine, change, said):
    [line] = change(machine).splitlines()
    assert re.search(f"^make: .*{said}", line), line


def other_python(folder):
    return program(folder / "python3.14", "echo 3.14")


def of_somebody_else(folder):
    (folder / "git").unlink()
    program(folder / "git", "echo \"fatal: detected dubious ownership in repository at '$PWD'\" >&2; exit 128")


def full_disk(folder):
    (folder / "df").unlink()
    program(folder / "df", "echo heading; echo /dev/x 9 9 2200000 9% /")


def program(path, body):
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def test_make_works_below_a_folder_with_a_space(machine):
    for name in ("Makefile", "requirements.lock", "requirements-data.lock"):
        shutil.copy(ROOT / name, machine.folder)
    (machine.folder / ".ci").symlink_to(ROOT / ".ci")
    (machine.folder / "reports").mkdir()
    (machine.folder / "reports/summary.txt").write_text("numbers\n")
    bin_folder = machine.folder / ".venv/bin"
    bin_folder.mkdir(parents=True)
    program(bin_folder / "python", 'echo "python $*"')
    program(bin_folder / "uv", 'echo "uv $*"')
    program(bin_folder / "dvc", 'echo "dvc $* as $GIT_AUTHOR_NAME"')
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    for name in ("GIT_AUTHOR_NAME", "EMAIL"):
        env.pop(name, None)
    out = subprocess.run(["make", "mine"], cwd=machine.folder, env=env, capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    assert "uv pip install" in out.stdout
    assert "as quilt-1m-pipeline" in out.stdout
    assert "numbers" in out.stdout


REPRO = """\
stages:
  one: {desc: Makes one. From nothing., cmd: echo 1 > one, outs: [one]}
  two: {desc: Copies it., cmd: "sleep 0.1 && test -e go && cp one two", deps: [one], outs: [two]}
"""


def test_make_demo_says_which_stage_of_how_many_and_what_it_does(tmp_path):
    def call(command, **kwargs):
        return subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, **kwargs)

    repro = f"{sys.executable} {ROOT / '.ci/repro.py'}"
    env = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    (tmp_path / "dvc.yaml").write_text(REPRO)
    call(f"git init -q && {sys.executable} -m dvc init -q", check=True)
    failed = call(repro, env=env)
    assert re.search(r"(?m)^== one \(1 of 2, 0:0\d so far\): Makes one$", failed.stdout), failed
    assert failed.returncode == 255  # as DVC has it
    assert failed.stdout.splitlines()[-1].startswith("== Stopped. What stages and their items have finished is kept")
    (tmp_path / "go").touch()
    in_terminal = call(f'script --quiet --return --command "{repro}" /dev/null', env=env)
    assert in_terminal.returncode == 0, in_terminal
    assert re.search(r"(?m)^== two \(2 of 2, 0:0\d so far\): Copies it\.$", in_terminal.stdout), in_terminal
    assert (tmp_path / "two").read_text() == "1\n"
