"""A clone of the working tree at tiny size, run by DVC once for all the tests that look at it."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from stages.common.data.files import read_yaml


class Scratch:
    """A clone of the working tree at tiny size, with DVC run by this interpreter."""

    def __init__(self, folder):
        self.folder = folder
        self.said = ""
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
        self.edit("variations: 3 ", "variations: 1 ")
        self.edit("bootstrap: 1000 ", "bootstrap: 50 ")
        self.edit("gallery: 24 ", "gallery: 4 ")
        self.call("git", "init", "-q")
        self.call("git", "add", "-A")
        self.call("git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "scratch")

    def edit(self, old, new, file="params.yaml"):
        text = (self.folder / file).read_text()
        assert old in text, old
        (self.folder / file).write_text(text.replace(old, new))

    def call(self, *command, fails=False):
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
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

    def lock(self):
        return {
            name: stage
            for file in ("dvc.lock", "data/demo/dvc.lock")
            for name, stage in read_yaml(self.folder / file)["stages"].items()
        }


@pytest.fixture(scope="session")
def scratch(tmp_path_factory):
    """One full run at tiny size, shared by the tests below, which follow each other."""
    clone = Scratch(tmp_path_factory.mktemp("scratch"))
    ran, _ = clone.ran("dvc", "repro")
    assert len(ran) == 26, ran
    return clone
