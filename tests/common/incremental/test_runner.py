"""The heart of the per-item stages: what is skipped, redone, kept, removed and recorded."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
from conftest import ROOT

from stages.common.errors import Failed, Rejected, StageError
from stages.common.incremental.dependencies import Dependencies
from stages.common.incremental.manifest import JOURNAL, MANIFEST_FILE, SCRATCH, WRITTEN, counts, finished, read_manifest
from stages.common.incremental.runner import Item, run_items

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


def items(*names, digest="d"):
    return [Item(name, f"{digest}-{name}") for name in names]


def go(tmp_path, base, todo, work, params=None, out="out", **more):
    more = {"needs": Dependencies(params=params or {"a": 1}), "keys": tmp_path / "keys" / f"{out}.parquet"} | more
    return run_items(todo, work, name="toy", out=tmp_path / out, files=FILES, base=base, **more)


def tree(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_first_run_makes_all_and_second_makes_none(tmp_path, base):
    work = Work()
    manifest, done = go(tmp_path, base, items("b", "a"), work)
    assert done == 2
    assert manifest.id.tolist() == ["a", "b"]
    assert set(manifest.status) == {"ok"}
    assert sorted(tree(tmp_path / "out")) == sorted([MANIFEST_FILE, "a.txt", "b.txt", "sub/a.bin", "sub/b.bin"])
    assert go(tmp_path, base, items("b", "a"), work)[1] == 0
    assert sorted(work.asked) == ["a", "b"]


@pytest.mark.parametrize(
    "needs",
    [
        Dependencies(params={"a": 2}),
        Dependencies(params={"a": 1}, models={"filter": "other"}),
        Dependencies(params={"a": 1}, libraries=("pytest",)),
        Dependencies(params={"a": 1}, code=(read_manifest,)),
    ],
    ids=["params", "models", "libraries", "code"],
)
def test_what_the_files_depend_on_makes_them_anew(tmp_path, base, needs):
    go(tmp_path, base, items("a", "b"), Work())
    assert go(tmp_path, base, items("a", "b"), Work(), needs=needs)[1] == 2


@pytest.mark.parametrize("how", ["gone", "edited", "cut short", "edited to the same size at the same time"])
def test_a_file_that_is_not_the_one_that_was_written_is_made_anew(tmp_path, base, how, capsys):
    go(tmp_path, base, items("a", "b"), Work())
    before = tree(tmp_path / "out")
    path = tmp_path / "out" / "a.txt"
    stat = path.stat()
    if how == "gone":
        path.unlink()
    else:
        path.write_text({"edited": "nobody said this", "cut short": "d"}.get(how, "D-A"))
    if how.endswith("time"):
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert go(tmp_path, base, items("a", "b"), Work())[1] == 0, "nothing shows it without reading"
    work = Work()
    go(tmp_path, base, items("a", "b"), work, recheck=how.endswith("time"))
    assert work.asked == ["a"]
    assert tree(tmp_path / "out") == before
    assert "a: its files are gone or were changed" in "".join(capsys.readouterr())


def test_files_that_were_only_touched_or_fetched_stay(tmp_path, base):
    go(tmp_path, base, items("a", "b"), Work())
    os.utime(tmp_path / "out" / "a.txt", (1, 1))
    shutil.rmtree(tmp_path / "keys" / WRITTEN)  # as on a machine that pulled the data
    assert go(tmp_path, base, items("a", "b"), Work())[1] == 0


def test_force_makes_every_item_anew(tmp_path, base):
    go(tmp_path, base, items("a", "b"), Work())
    before = tree(tmp_path)
    assert go(tmp_path, base, items("a", "b"), Work(), force=True)[1] == 2
    assert tree(tmp_path / "out") == {k.removeprefix("out/"): v for k, v in before.items() if k.startswith("out/")}


def test_another_key_leaves_the_bytes_of_the_folder_as_they_are(tmp_path, base):
    """What stands downstream must not run because a key changed and no byte did."""
    go(tmp_path, base, items("a", "b"), Work())
    before, keys = tree(tmp_path / "out"), tree(tmp_path / "keys")
    assert go(tmp_path, base, items("a", "b"), Work(), params={"a": 2})[1] == 2
    assert tree(tmp_path / "out") == before
    assert tree(tmp_path / "keys") != keys


def test_keys_travel_with_the_data_and_are_good_for_no_other(tmp_path, base):
    go(tmp_path, base, items("a", "b"), Work())
    shutil.copytree(tmp_path / "out", tmp_path / "elsewhere")
    shutil.copy(tmp_path / "keys" / "out.parquet", tmp_path / "keys" / "elsewhere.parquet")
    assert go(tmp_path, base, items("a", "b"), Work(), out="elsewhere")[1] == 0
    go(tmp_path, base, items("a", digest="other"), Work(), out="third")
    shutil.copy(tmp_path / "keys" / "out.parquet", tmp_path / "keys" / "third.parquet")
    assert go(tmp_path, base, items("a"), Work(), out="third")[1] == 1
    (tmp_path / "keys" / "third.parquet").unlink()
    assert go(tmp_path, base, items("a"), Work(), out="third")[1] == 1


def test_going_back_to_old_parameters_never_trusts_files_that_exist(tmp_path, base):
    go(tmp_path, base, items("a"), Work(), params={"a": 1})
    go(tmp_path, base, items("a", digest="new"), Work(), params={"a": 2})
    go(tmp_path, base, items("a"), Work(), params={"a": 1})
    assert (tmp_path / "out" / "a.txt").read_text() == "d-a"


def test_added_changed_and_removed_items_leave_the_bytes_of_a_run_from_scratch(tmp_path, base):
    go(tmp_path, base, items("a", "b", "c"), Work())
    after = [*items("b"), *items("c", digest="changed"), *items("d")]
    work = Work()
    assert go(tmp_path, base, after, work)[1] == 2
    assert sorted(work.asked) == ["c", "d"]
    go(tmp_path, base, after, Work(), out="scratch")
    assert tree(tmp_path / "out") == tree(tmp_path / "scratch")


def test_two_workers_leave_the_same_bytes_as_one(tmp_path, base):
    more = {"name": "toy", "files": ("{id}.txt",), "needs": Dependencies()}
    two_jobs = base.model_copy(update={"jobs": 2, "backend": "loky"})
    one, _ = run_items(items("a", "b", "c"), copy, out=tmp_path / "one", keys=tmp_path / "1.parquet", base=base, **more)
    two, _ = run_items(
        items("a", "b", "c"), copy, out=tmp_path / "two", keys=tmp_path / "2.parquet", base=two_jobs, **more
    )
    pd.testing.assert_frame_equal(one, two)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def copy(item, scratch):
    (scratch / f"{item.id}.txt").write_text(item.digest)


def test_failed_items_are_rows_and_are_tried_again_rejected_ones_are_not(tmp_path, base):
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


@pytest.mark.parametrize("jobs", [1, 2])
def test_code_that_calls_sys_exit_fails_its_item_and_not_the_stage(tmp_path, base, jobs):
    calm = base.model_copy(update={"max_failed": 0.5, "jobs": jobs, "backend": "loky"})
    manifest, _ = go(tmp_path, calm, items("a", "b", "c"), Work({"b": SystemExit("enough")}))
    assert manifest.status.tolist() == ["ok", "failed", "ok"]
    assert manifest.loc[1, ["reason", "error"]].tolist() == ["SystemExit", "enough"]


def test_changed_rules_look_at_rejected_items_and_leave_finished_ones(tmp_path, base):
    work = Work({"a": Rejected("too_short", "by\n far")})
    manifest, _ = go(tmp_path, base, items("a", "b"), work, rules={"min": 5})
    assert manifest.error.tolist() == ["by far", ""]
    same, looser = Work(), Work()
    go(tmp_path, base, items("a", "b"), same, rules={"min": 5})
    assert same.asked == []
    manifest, _ = go(tmp_path, base, items("a", "b"), looser, rules={"min": 1})
    assert looser.asked == ["a"]
    assert manifest.status.tolist() == ["ok", "ok"]


def test_an_item_that_turns_bad_loses_its_old_files(tmp_path, base):
    go(tmp_path, base, items("a", "b"), Work())
    go(tmp_path, base, [*items("a", digest="x"), *items("b")], Work({"a": Rejected("gone_bad")}))
    assert sorted(tree(tmp_path / "out")) == sorted([MANIFEST_FILE, "b.txt", "sub/b.bin"])


def test_too_many_failures_stop_the_stage_and_keep_what_is_done(tmp_path, base):
    work = Work({"a": ValueError("broken"), "b": ValueError("broken")})
    with pytest.raises(
        StageError, match=r"2 of 3 items failed, more than base.max_failed = 0.25; first: a: ValueError: broken"
    ):
        go(tmp_path, base, items("a", "b", "c"), work)
    assert finished(tmp_path / "out").id.tolist() == ["c"]
    again = Work()
    go(tmp_path, base, items("a", "b", "c"), again)
    assert sorted(again.asked) == ["a", "b"]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left"),
        OSError(errno.EROFS, "Read-only"),
        StageError("no such model"),
    ],
)
def test_what_spoils_every_item_ends_the_run_and_keeps_finished_items(tmp_path, base, error):
    with pytest.raises(type(error)) as raised:
        go(tmp_path, base, items("a", "b", "c"), Work({"b": error}))
    assert getattr(raised.value, "filename", str(tmp_path / "out")) == str(tmp_path / "out")
    again = Work()
    go(tmp_path, base, items("a", "b", "c"), again)
    assert again.asked == ["b", "c"]


@pytest.mark.parametrize("book", ["keys/out.parquet", "keys/.written/out.json", "out/journal.jsonl"])
@pytest.mark.parametrize("content", [b"", b"12", b"\xff\x00 no book", b'{"id": "a"}'])
def test_damaged_notes_make_items_anew_and_break_nothing(tmp_path, base, book, content):
    go(tmp_path, base, items("a", "b"), Work())
    before = tree(tmp_path / "out")
    (tmp_path / book).write_bytes(content)
    assert go(tmp_path, base, items("a", "b"), Work())[1] == (2 if book.startswith("keys/out") else 0)
    assert tree(tmp_path / "out") == before


@pytest.mark.parametrize("content", [b"", b"PAR1, cut short"])
def test_a_damaged_manifest_costs_no_finished_item(tmp_path, base, content):
    calm = base.model_copy(update={"max_failed": 0.5})
    go(tmp_path, calm, items("a", "b", "c"), Work({"c": Rejected("too_short")}))
    before = tree(tmp_path / "out")
    (tmp_path / "out" / MANIFEST_FILE).write_bytes(content)
    (tmp_path / "out" / "a.txt").write_text("edited")
    work = Work({"c": Rejected("too_short")})
    go(tmp_path, calm, items("a", "b", "c"), work)
    assert sorted(work.asked) == ["a", "c"]
    assert tree(tmp_path / "out") == before


@pytest.mark.parametrize("kept", [1, 20, -1])
def test_a_line_of_the_journal_that_was_cut_short_hides_no_other(tmp_path, base, kept):
    """Killed while a line was written, and again later: the third run knows all that the first two finished."""
    names = [f"i{n:02d}" for n in range(20)]
    with pytest.raises(StageError):
        go(tmp_path, base, items(*names), Work({"i05": StageError("stands in for a kill")}))
    journal = tmp_path / "out" / JOURNAL
    whole = journal.read_text().rstrip("\n").rpartition("\n")
    journal.write_text(whole[0] + "\n" + whole[2][:kept])
    second = Work({"i15": StageError("stands in for a kill")})
    with pytest.raises(StageError):
        go(tmp_path, base, items(*names), second)
    assert len(second.asked) <= 12
    third = Work()
    go(tmp_path, base, items(*names), third)
    assert third.asked == names[15:]


@pytest.mark.parametrize("kept", [1, 20, -1])
def test_a_cut_journal_never_vouches_for_files_made_under_other_parameters(tmp_path, base, kept):
    class Marked(Work):
        def __call__(self, item, scratch):
            super().__call__(item, scratch)
            (scratch / f"{item.id}.txt").write_text("made under a = 2")

    names = [f"i{n:02d}" for n in range(20)]
    go(tmp_path, base, items(*names), Work(), params={"a": 1})
    for stop in ("i03", "i10"):
        with pytest.raises(StageError):
            go(tmp_path, base, items(*names), Marked({stop: StageError("kill")}), params={"a": 2})
        journal = tmp_path / "out" / JOURNAL
        whole = journal.read_text().rstrip("\n").rpartition("\n")
        journal.write_text(whole[0] + "\n" + whole[2][:kept])
    go(tmp_path, base, items(*names), Work(), params={"a": 1})
    assert [p.name for p in (tmp_path / "out").glob("*.txt") if "a = 2" in p.read_text()] == []


def test_ids_must_differ_and_must_be_file_names(tmp_path, base):
    with pytest.raises(StageError, match="two items are called 'a'"):
        go(tmp_path, base, items("a", "a"), Work())
    with pytest.raises(StageError, match="cannot be an id"):
        go(tmp_path, base, items("../up"), Work())


def test_files_nobody_accounts_for_are_removed(tmp_path, base):
    go(tmp_path, base, items("a"), Work())
    (tmp_path / "out" / "stranger.txt").write_text("from an older layout")
    (tmp_path / "out" / "table.parquet").write_text("not an item's file")
    go(tmp_path, base, items("a"), Work())
    assert sorted(tree(tmp_path / "out")) == sorted([MANIFEST_FILE, "a.txt", "sub/a.bin", "table.parquet"])


def test_a_missing_manifest_says_what_to_run(tmp_path):
    with pytest.raises(StageError, match="run the stage that makes"):
        read_manifest(tmp_path)


def test_a_missing_cluster_package_is_named(tmp_path, base, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "stages.common.incremental.cluster", raising=False)
    with pytest.raises(StageError, match=r"base.backend is 'ray' but it is not installed"):
        go(tmp_path, base.model_copy(update={"backend": "ray"}), items("a"), Work())


SLOW = """
import sys, time
from pathlib import Path
from stages.common.incremental.dependencies import Dependencies
from stages.common.incremental.runner import Item, run_items
from stages.common.stage.params import load_params

def work(item, scratch):
    (scratch / f"{item.id}.txt").write_text("first half, ")
    time.sleep(0.15)
    with (scratch / f"{item.id}.txt").open("a") as file:
        file.write(item.digest)

if __name__ == "__main__":
    base = load_params("base", Path(sys.argv[3]))[1].model_copy(update={"jobs": int(sys.argv[2])})
    things = [Item(f"i{n:02d}", f"digest{n}") for n in range(12)]
    out = Path(sys.argv[1])
    keys = out.with_suffix(".parquet")
    _, done = run_items(things, work, name="slow", out=out, files=("{id}.txt",), keys=keys,
                        needs=Dependencies(), base=base)
    print("processed", done)
"""


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_kill_at_any_instant_loses_only_items_in_flight(tmp_path, jobs):
    script = tmp_path / "slow.py"
    script.write_text(SLOW)
    command = [sys.executable, str(script), str(tmp_path / "out"), str(jobs), str(ROOT / "params.yaml")]
    more = {"env": {**os.environ, "PYTHONPATH": str(ROOT)}, "text": True}
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
        assert not (tmp_path / "out" / MANIFEST_FILE).exists()
    last = subprocess.run(command, capture_output=True, check=True, **more)
    assert 0 < int(last.stdout.split()[-1]) <= 12 - 7
    command[2] = str(tmp_path / "scratch")
    subprocess.run(command, capture_output=True, check=True, **more)
    assert tree(tmp_path / "out") == tree(tmp_path / "scratch")
    assert not (tmp_path / "out" / SCRATCH).exists()
