"""The version stands in one place."""

import re
import subprocess
import sys

from conftest import ROOT


def test_the_version_printed_is_that_of_pyproject(tmp_path):
    """From any folder, and without the libraries that stages work with."""
    command = [sys.executable, "-m", "stages", "--version"]
    done = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    stated = re.search(r'^version = "([^"]+)"$', (ROOT / "pyproject.toml").read_text(), re.M)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{stated[1]}\n"


def test_no_other_file_repeats_it():
    """CITATION.cff would be a second place."""
    assert not re.search(r"^version:", (ROOT / "CITATION.cff").read_text(), re.M)
