"""The heart of the per-item stages: what is skipped, redone, kept, removed and recorded."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from stages.common import code
from stages.common.errors import Failed, Rejected, StageError
from stages.common.itemwise import Item, run
from stages.common.manifest import JOURNAL, MANIFEST, SCRATCH, counts, finished, read_manifest

FILES = ("{id}.txt", "sub/{id}.bin")


class Work:
    """Copies an item's digest into its two files, and remembers what it was asked for."""

    def __init__(self, how=None):
        self.asked = []
        self.how = how or {}

    def __call__(self, item, scratch):
        self.asked.append(item.id)
        if item.id in self.how:
            raise self.how[item.id]
        (scratch / f"{item.id}.txt").write_text(item.digest)
        (scratch / "sub" / f"{item.id}.bin").write_bytes(item.digest.encode() * 3)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of its own, so that its code can change."""
    root = tmp_path / "repository"
    folder = root / "stages" / "toy"
    folder.mkdir(parents=True)
    (folder / "work.py").write_text("def f():\n    return 1\n")
    monkeypatch.setattr(code, "ROOT", root)
    return folder


def items(*names, digest="d"):
    return [Item(name, f"{digest}-{name}") for name in names]


def go(tmp_path, base, todo, work, params=None, out="out", **more):
    return run(
        todo, work, package="stages.toy", out=tmp_path / out, files=FILES, params=params or {"a": 1}, base=base, **more
    )


def tree(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_first_run_makes_all_and_second_makes_none(tmp_path, base, package):
    work = Work()
    manifest, done = go(tmp_path, base, items("b", "a"), work)
    assert done == 2
    assert manifest.id.tolist() == ["a", "b"]
    assert set(manifest.status) == {"ok"}
    assert sorted(tree(tmp_path / "out")) == sorted([MANIFEST, "a.txt", "b.txt", "sub/a.bin", "sub/b.bin"])
    assert go(tmp_path, base, items("b", "a"), work)[1] == 0
    assert sorted(work.asked) == ["a", "b"]


@pytest.mark.parametrize("change", ["params", "revision", "code", "file gone"])
def test_what_the_files_depend_on_makes_them_anew(tmp_path, base, package, change):
    go(tmp_path, base, items("a", "b"), Work())
    more = {}
    if change == "params":
        more["params"] = {"a": 2}
    elif change == "revision":
        more["revision"] = "other model"
    elif change == "code":
        (package / "work.py").write_text("def f():\n    return 2\n")
    else:
        (tmp_path / "out" / "a.txt").unlink()
    assert go(tmp_path, base, items("a", "b"), Work(), **more)[1] == (1 if change == "file gone" else 2)


def test_comments_in_the_code_change_nothing(tmp_path, base, package):
    go(tmp_path, base, items("a"), Work())
    (package / "work.py").write_text("# why\ndef f():\n\n    return 1  # one\n")
    assert go(tmp_path, base, items("a"), Work())[1] == 0


def test_going_back_to_old_parameters_never_trusts_files_that_exist(tmp_path, base, package):
    go(tmp_path, base, items("a"), Work(), params={"a": 1})
    go(tmp_path, base, items("a", digest="new"), Work(), params={"a": 2})
    go(tmp_path, base, items("a"), Work(), params={"a": 1})
    assert (tmp_path / "out" / "a.txt").read_text() == "d-a"


def test_added_changed_and_removed_items_leave_the_bytes_of_a_run_from_scratch(tmp_path, base, package):
    go(tmp_path, base, items("a", "b", "c"), Work())
    after = [*items("b"), *items("c", digest="changed"), *items("d")]
    work = Work()
    assert go(tmp_path, base, after, work)[1] == 2
    assert sorted(work.asked) == ["c", "d"]
    go(tmp_path, base, after, Work(), out="scratch")
    assert tree(tmp_path / "out") == tree(tmp_path / "scratch")


def test_two_workers_leave_the_same_bytes_as_one(tmp_path, base):
    more = {"package": "stages.common", "files": ("{id}.txt",), "params": {}}
    one, _ = run(items("a", "b", "c"), copy, out=tmp_path / "one", base=base, **more)
    two, _ = run(items("a", "b", "c"), copy, out=tmp_path / "two", base=base.model_copy(update={"jobs": 2}), **more)
    pd.testing.assert_frame_equal(one, two)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def copy(item, scratch):
    (scratch / f"{item.id}.txt").write_text(item.digest)


def test_failed_items_are_rows_and_are_tried_again_rejected_ones_are_not(tmp_path, base, package):
    calm = base.model_copy(update={"max_failed": 0.5})
    work = Work({"a": Rejected("too_short"), "b": ValueError("bad\n  luck"), "c": Failed("http_429", "slow down")})
    manifest, _ = go(tmp_path, calm, items("a", "b", "c", "d"), work)
    rows = manifest.set_index("id")
    assert rows.loc["a", ["status", "reason"]].tolist() == ["rejected", "too_short"]
    assert rows.loc["b", ["status", "reason", "error"]].tolist() == ["failed", "ValueError", "bad luck"]
    assert rows.loc["c", ["reason", "error"]].tolist() == ["http_429", "slow down"]
    assert counts(manifest) == {
        "items": 4,
        "ok": 1,
        "rejected": 1,
        "failed": 2,
        "reasons": {"ValueError": 1, "http_429": 1, "too_short": 1},
    }
    again = Work()
    manifest, _ = go(tmp_path, calm, items("a", "b", "c", "d"), again)
    assert sorted(again.asked) == ["b", "c"]
    assert (manifest.status == "ok").sum() == 3


def test_changed_rules_look_at_rejected_items_and_leave_finished_ones(tmp_path, base, package):
    work = Work({"a": Rejected("too_short", "by\n far")})
    manifest, _ = go(tmp_path, base, items("a", "b"), work, rules={"min": 5})
    assert manifest.error.tolist() == ["by far", ""]
    same, looser = Work(), Work()
    go(tmp_path, base, items("a", "b"), same, rules={"min": 5})
    assert same.asked == []
    manifest, _ = go(tmp_path, base, items("a", "b"), looser, rules={"min": 1})
    assert looser.asked == ["a"]
    assert manifest.status.tolist() == ["ok", "ok"]


def test_a_version_stands_for_the_code(tmp_path, base, package):
    go(tmp_path, base, items("a"), Work(), version="1")
    (package / "work.py").write_text("def f():\n    return 2\n")
    same, raised = Work(), Work()
    go(tmp_path, base, items("a"), same, version="1")
    go(tmp_path, base, items("a"), raised, version="2")
    assert (same.asked, raised.asked) == ([], ["a"])


def test_an_item_that_turns_bad_loses_its_old_files(tmp_path, base, package):
    go(tmp_path, base, items("a", "b"), Work())
    go(tmp_path, base, [*items("a", digest="x"), *items("b")], Work({"a": Rejected("gone_bad")}))
    assert sorted(tree(tmp_path / "out")) == sorted([MANIFEST, "b.txt", "sub/b.bin"])


def test_too_many_failures_stop_the_stage_and_keep_what_is_done(tmp_path, base, package):
    work = Work({"a": ValueError("broken"), "b": ValueError("broken")})
    with pytest.raises(
        StageError, match=r"2 of 3 items failed, more than base.max_failed = 0.25; first: a: ValueError: broken"
    ):
        go(tmp_path, base, items("a", "b", "c"), work)
    assert finished(tmp_path / "out").id.tolist() == ["c"]
    again = Work()
    go(tmp_path, base, items("a", "b", "c"), again)
    assert sorted(again.asked) == ["a", "b"]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), StageError("no such model")])
def test_what_spoils_every_item_ends_the_run_and_keeps_finished_items(tmp_path, base, package, error):
    with pytest.raises(type(error)):
        go(tmp_path, base, items("a", "b", "c"), Work({"b": error}))
    again = Work()
    go(tmp_path, base, items("a", "b", "c"), again)
    assert again.asked == ["b", "c"]


def test_ids_must_differ_and_must_be_file_names(tmp_path, base, package):
    with pytest.raises(StageError, match="two items are called 'a'"):
        go(tmp_path, base, items("a", "a"), Work())
    with pytest.raises(StageError, match="cannot be an id"):
        go(tmp_path, base, items("../up"), Work())


def test_files_nobody_accounts_for_are_removed(tmp_path, base, package):
    go(tmp_path, base, items("a"), Work())
    (tmp_path / "out" / "stranger.txt").write_text("from an older layout")
    (tmp_path / "out" / "table.parquet").write_text("not an item's file")
    go(tmp_path, base, items("a"), Work())
    assert sorted(tree(tmp_path / "out")) == sorted([MANIFEST, "a.txt", "sub/a.bin", "table.parquet"])


def test_a_missing_manifest_says_what_to_run(tmp_path):
    with pytest.raises(StageError, match="run the stage that makes"):
        read_manifest(tmp_path)


def test_a_missing_cluster_package_is_named(tmp_path, base, package):
    with pytest.raises(StageError, match=r"base.backend is 'ray' but it is not installed"):
        go(tmp_path, base.model_copy(update={"backend": "ray"}), items("a"), Work())


SLOW = """
import sys, time
from pathlib import Path
from stages.common.itemwise import Item, run
from stages.common.params import Base

def work(item, scratch):
    (scratch / f"{item.id}.txt").write_text("first half, ")
    time.sleep(0.15)
    with (scratch / f"{item.id}.txt").open("a") as file:
        file.write(item.digest)

if __name__ == "__main__":
    base = Base(seed=0, device="cpu", jobs=int(sys.argv[2]), backend="loky", max_failed=0.0, offline=True)
    things = [Item(f"i{n:02d}", f"digest{n}") for n in range(12)]
    out = Path(sys.argv[1])
    _, done = run(things, work, package="stages.common", out=out, files=("{id}.txt",), params={}, base=base)
    print("processed", done)
"""


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_kill_at_any_instant_loses_only_items_in_flight(tmp_path, jobs):
    script = tmp_path / "slow.py"
    script.write_text(SLOW)
    command = [sys.executable, str(script), str(tmp_path / "out"), str(jobs)]
    more = {"env": {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}, "text": True}
    for finished_by_then in (3, 7):
        process = subprocess.Popen(
            command, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more
        )
        journal = tmp_path / "out" / JOURNAL
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            if journal.exists() and journal.read_text().count('"ok"') >= finished_by_then:
                break
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert not (tmp_path / "out" / MANIFEST).exists()
    last = subprocess.run(command, capture_output=True, check=True, **more)
    assert 0 < int(last.stdout.split()[-1]) <= 12 - 7
    command[2] = str(tmp_path / "scratch")
    subprocess.run(command, capture_output=True, check=True, **more)
    assert tree(tmp_path / "out") == tree(tmp_path / "scratch")
    assert not (tmp_path / "out" / SCRATCH).exists()
