"""Files are whole, safe and the same bytes each time."""

import subprocess
import sys
import tarfile

import pandas as pd
import pytest

from stages.common.data.files import digest, read_json, safe_id, sha256, write_json, write_table
from stages.common.data.references import read_images
from stages.common.data.tars import read_tar, write_tar
from stages.common.errors import StageError
from stages.common.models.weights import locate


@pytest.mark.parametrize("name", ["a", "dQw4w9WgXcQ", "_x-1"])
def test_good_ids(name):
    assert safe_id(name) == name


@pytest.mark.parametrize("name", ["", "-rf", "../x", "a/b", "a b", "x" * 129, "é", "a\n"])
def test_bad_ids(name):
    with pytest.raises(StageError, match="cannot be an id"):
        safe_id(name)


def test_tars_hold_no_time_or_owner_and_repeat(tmp_path):
    members = {"b.jpg": b"2", "a.json": b"{}"}
    write_tar(tmp_path / "1.tar", members)
    write_tar(tmp_path / "2.tar", members)
    assert sha256(tmp_path / "1.tar") == sha256(tmp_path / "2.tar")
    assert read_tar(tmp_path / "1.tar") == members
    with tarfile.open(tmp_path / "1.tar") as tar:
        assert {(info.mtime, info.uid, info.uname) for info in tar} == {(0, 0, "")}


def test_images_are_found_by_reference_and_a_missing_one_is_named(tmp_path):
    write_tar(tmp_path / "v.tar", {"1.jpg": b"one", "2.jpg": b"two"})
    tar = f"{tmp_path}/v.tar"
    assert read_images([f"{tar}#2.jpg"]) == {f"{tar}#2.jpg": b"two"}
    with pytest.raises(StageError, match=r"v.tar lacks 3.jpg"):
        read_images([f"{tar}#3.jpg"])


def test_json_and_tables_repeat_and_floats_are_short(tmp_path):
    write_json(tmp_path / "m.json", {"x": 1 / 3, "n": 3, "rows": [(1, 2.0)]})
    assert read_json(tmp_path / "m.json") == {"x": 0.333333, "n": 3, "rows": [[1, 2.0]]}
    table = pd.DataFrame({"id": ["b", "a"]})
    write_table(tmp_path / "1.parquet", table)
    write_table(tmp_path / "2.parquet", table)
    assert digest(tmp_path / "1.parquet") == digest(tmp_path / "2.parquet")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1.parquet", "2.parquet", "m.json"]


def test_weights_are_found_and_their_hash_is_checked(tmp_path):
    (tmp_path / "w.bin").write_bytes(b"weights")
    right = sha256(tmp_path / "w.bin")
    assert locate(str(tmp_path / "w.bin"), right) == tmp_path / "w.bin"
    with pytest.raises(StageError, match=r"sha256 is .* expected 0000.*fetch it again or change the expected hash"):
        locate(str(tmp_path / "w.bin"), "0" * 64)
    with pytest.raises(StageError, match="package 'no_such_thing' is not installed: run `make install`"):
        locate("package:no_such_thing/model.bin")
    with pytest.raises(StageError, match="no such file"):
        locate("package:numpy/no_such_file")


FULL_DISK = """
import errno
from stages.common.stage import cli
def run(params, base):
    raise OSError(errno.ENOSPC, "No space left on device", "data/x.tar")
cli.run_stage("pairs", run, "doc")
"""


def test_a_full_disk_is_one_line(tmp_path):
    from conftest import ROOT

    done = subprocess.run([sys.executable, "-c", FULL_DISK], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "the disk is full at data/x.tar: free some space" in done.stderr
    assert len(done.stderr.splitlines()) == 1
