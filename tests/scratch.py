"""Clones of the working tree at tiny size, one of them run by DVC once for all the tests that look at it."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from filelock import FileLock
from warm import warm

from stages.common.data.files import read_yaml


class Scratch:
    """A clone of the working tree at tiny size, with DVC run by this interpreter."""

    def __init__(self, folder):
        self.folder = folder
        self.said = ""

    @classmethod
    def clone(cls, folder):
        """A clone in which nothing has run."""
        self = cls(folder)
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        for name in listed.stdout.splitlines():
            if (ROOT / name).is_file() and not name.endswith("dvc.lock"):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name, follow_symlinks=False)
        self.edit("size: small ", "size: tiny ")
        self.edit("epochs: 10", "epochs: 1")
        self.edit("variations: 2 ", "variations: 1 ")
        self.edit("views: 24 ", "views: 6 ")
        self.edit("bootstrap: 1000 ", "bootstrap: 50 ")
        self.edit("gallery: 24 ", "gallery: 4 ")
        self.edit("min_duration_s: 30.0 ", "min_duration_s: 20.0 ")
        self.edit("jobs: -1 ", "jobs: 1 ")  # other tests use the other cores
        self.edit("backend: loky ", "backend: sequential ")  # a process of its own would import all libraries again
        self.call("git", "init", "-q")
        self.call("git", "add", "-A")
        self.call("git", "commit", "-qm", "scratch")
        return self

    def edit(self, old, new, file="params.yaml"):
        text = (self.folder / file).read_text()
        assert old in text, old
        (self.folder / file).write_text(text.replace(old, new))

    def call(self, *command, fails=False):
        # Stages look at the processes above them for --force, and a fork of the warm Python has none of DVC.
        first = [] if {"-f", "--force"} & set(command) else [warm().folder]
        path = os.pathsep.join(map(str, [*first, Path(sys.executable).parent, os.environ["PATH"]]))
        env = {
            **os.environ,
            "PATH": path,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "t",
            "GIT_AUTHOR_EMAIL": "t@example.org",
            "GIT_COMMITTER_NAME": "t",
            "GIT_COMMITTER_EMAIL": "t@example.org",
        }
        done = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True)
        assert bool(done.returncode) == fails, done.stdout[-3000:] + done.stderr[-3000:]
        self.said = done.stdout + done.stderr
        return done.stdout

    def ran(self, *command):
        """Stages that a dvc command ran, in order, and its output."""
        out = self.call(*command)
        return [name.split(":")[-1] for name in re.findall(r"Running stage '([^']+)'", out)], out

    def items(self, out):
        """How many items each stage says it worked on."""
        counts = re.findall(r"^([\w@]+): ([\d,]+) items", out, re.M)
        return {name: int(count.replace(",", "")) for name, count in counts}

    def metrics(self, name):
        return json.loads((self.folder / "reports" / "metrics" / f"{name}.json").read_text())

    def link(self, kind):
        """Make all outputs links to the cache, `hardlink` or `symlink`."""
        self.call("dvc", "config", "--local", "cache.type", kind)
        self.call("dvc", "checkout", "--relink")

    def damaged_objects(self):
        """The objects of the cache whose bytes are not those that they are named after."""
        cache = self.folder / ".dvc/cache/files/md5"
        objects = {path: path.parent.name + path.stem for path in cache.rglob("*") if path.is_file()}
        assert len(objects) > 100
        return [path for path, digest in objects.items() if hashlib.md5(path.read_bytes()).hexdigest() != digest]

    def lock(self):
        return {
            name: stage
            for file in ("dvc.lock", "data/demo/dvc.lock")
            for name, stage in read_yaml(self.folder / file)["stages"].items()
        }


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The folder of a clone after one full run, made by the first process of tests that asks and left as it is."""
    home = tmp_path_factory.getbasetemp()
    home = home.parent if "PYTEST_XDIST_WORKER" in os.environ else home
    folder, made = home / "finished", home / "finished.ok"
    with FileLock(home / "finished.lock"):
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            ran, _ = Scratch.clone(folder).ran("dvc", "repro")
            assert len(ran) == 30, ran
            made.touch()
    return folder


@pytest.fixture(scope="module")
def scratch(finished, tmp_path_factory):
    """A copy of the finished clone for the tests of a file, which follow each other."""
    folder = tmp_path_factory.mktemp("copy") / "scratch"
    shutil.copytree(finished, folder, symlinks=True)
    return Scratch(folder)
