"""An item that crashes, hangs or takes all memory is a failed row, and stops no other."""

import ctypes
import functools
import os
import signal
import threading
import time

import pytest

from stages.common.errors import Failed, Rejected
from stages.common.incremental.dependencies import Dependencies
from stages.common.incremental.manifest import Folder
from stages.common.incremental.process import Call
from stages.common.incremental.runner import Item, run_items
from stages.common.incremental.workers import local_workers, run_calls, worker_count

WAYS = {
    "segfault": ("worker_died", "SIGSEGV"),
    "exit": ("worker_died", "exit code 3"),
    "killed": ("worker_died", "SIGKILL"),  # as by the kernel's out-of-memory killer
    "memory": ("memory", "more than 0.4 GB"),
    "hang": ("timeout", "more than 2 s"),
}
NAMES = [*WAYS, *(f"good{number}" for number in range(7))]
LIMITS = {"item_timeout_s": 1.5, "item_timeout_factor": 0.5, "item_memory_gb": 0.4, "max_failed": 0.5}


def work(item, scratch, begun, cured=()):
    with begun.open("a") as file:
        file.write(f"{item.id} {os.getpid()}\n")
    if item.id not in cured:
        if item.id == "segfault":
            ctypes.string_at(0)
        if item.id == "exit":
            os._exit(3)
        if item.id == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if item.id == "memory":
            held = bytearray(b"x") * (6 * 10**8)
            time.sleep(len(held))
        if item.id == "hang":
            time.sleep(10**6)
    (scratch / f"{item.id}.txt").write_text(item.digest)


@pytest.fixture
def go(tmp_path, base):
    """Run `work` for items under short limits; give the manifest, and each item with its process as they began."""

    def run(names, jobs, **more):
        processes = base.model_copy(update=LIMITS | ({"jobs": jobs, "backend": "loky"} if jobs else {}))
        begun, items = tmp_path / "begun", [Item(name, f"digest of {name}") for name in names]
        manifest, _ = run_items(
            items,
            functools.partial(work, begun=begun, **more),
            name="toy",
            out=tmp_path / "out",
            files=("{id}.txt",),
            keys=tmp_path / "keys.parquet",
            needs=Dependencies(),
            base=processes,
            media_s=dict.fromkeys(names, 1.0),
        )
        seen = [tuple(line.split()) for line in begun.read_text().splitlines()]
        begun.unlink()
        return manifest.set_index("id"), seen

    return run


def check(rows, names=NAMES):
    """Each bad item is a failed row that says why, and each other one is done."""
    for name in names:
        reason, said = WAYS.get(name, ("", ""))
        assert rows.loc[name, ["status", "reason"]].tolist() == ["failed" if reason else "ok", reason]
        assert said in rows.error[name]


def test_an_item_that_takes_its_worker_along_fails_alone(go, capsys):
    rows, begun = go(NAMES, 2)
    shown = capsys.readouterr().out
    check(rows)
    assert all(f"toy: {name} failed: {reason}" in shown for name, (reason, _) in WAYS.items())
    first, again = begun[: len(NAMES)], begun[len(NAMES) :]
    assert sorted(name for name, _ in again) == sorted(WAYS), "each is tried once more, when the others are done"
    assert len({process for _, process in again} - {process for _, process in first}) == len(WAYS), "in a fresh process"
    assert len({process for name, process in first if name.startswith("good")}) <= 2, "others keep their process"

    rows, begun = go([*NAMES, "new1", "new2"], 1)
    check(rows, [*NAMES, "new1", "new2"])
    assert [name for name, _ in begun[:2]] == ["new1", "new2"], "what took a worker along comes last"
    assert sorted(name for name, _ in begun[2:]) == sorted([*WAYS, *WAYS]), "what is done stays"

    rows, begun = go([*NAMES, "new1", "new2"], 1, cured=set(WAYS))
    assert set(rows.status) == {"ok"}
    assert len(begun) == len(WAYS)


def test_what_was_worked_on_when_the_stage_was_killed_comes_last(go, tmp_path):
    (tmp_path / "out").mkdir()
    folder = Folder(tmp_path / "out", ("{id}.txt",), tmp_path / "keys.parquet")
    folder.begin("a")
    assert [name for name, _ in go(["a", "b", "c"], 0)[1]] == ["b", "c", "a"]


class Wordless(Exception):
    def __str__(self):
        raise ValueError("nothing to say")


ERRORS = {
    "panic": BaseException("as Rust's panics are"),
    "interrupt": KeyboardInterrupt(),
    "wordless": Wordless(),
    "half": ValueError("caf\udce9.mp4"),
    "reason": Failed("\udce9", OSError("no text")),
    "unwanted": Rejected("dark", 3),
}


def raise_it(item, scratch):
    if item.id in ERRORS:
        raise ERRORS[item.id]
    (scratch / f"{item.id}.txt").write_text(item.digest)


@pytest.mark.parametrize("backend", ["sequential", "loky"])
def test_an_error_of_whatever_kind_is_a_row(tmp_path, base, backend):
    """Such errors ended the stage, at each run again."""
    names = [*ERRORS, "good"] if backend == "loky" else [*(ERRORS.keys() - {"interrupt"}), "good"]
    manifest, _ = run_items(
        [Item(name, "digest") for name in names],
        raise_it,
        name="toy",
        out=tmp_path / "out",
        files=("{id}.txt",),
        keys=tmp_path / "keys.parquet",
        needs=Dependencies(),
        base=base.model_copy(update={"backend": backend, "jobs": 1, "max_failed": 1.0}),
    )
    rows = manifest.set_index("id")
    assert rows.status["good"] == "ok"
    assert rows.status.drop(["good", "unwanted"]).eq("failed").all()
    assert rows.loc["unwanted", ["status", "reason", "error"]].tolist() == ["rejected", "dark", "3"]
    assert rows.loc["half", ["reason", "error"]].tolist() == ["ValueError", "caf\ufffd.mp4"]


def end_soon(begun):
    threading.Timer(0.3, os._exit, [3]).start()


def test_a_process_that_ends_between_two_calls_is_followed_by_another(base):
    def calls():
        yield Call("first", functools.partial(end_soon, 0), 60.0)
        time.sleep(1.0)
        yield Call("second", functools.partial(int, "2"), 60.0)

    processes = base.model_copy(update={"backend": "loky", "jobs": 1})
    assert dict(run_calls(calls(), processes)) == {"first": None, "second": 2}


HELD = []


def load(size):
    """Hold so many bytes, as a model does, for longer than loky goes without a look."""
    HELD.append(b"x" * size)
    time.sleep(1.2)
    return os.getpid()


def test_a_process_that_has_loaded_a_model_is_not_replaced(base):
    processes = base.model_copy(update={"backend": "loky", "jobs": 1})
    calls = [Call(name, functools.partial(load, size), 60.0) for name, size in (("first", 5 * 10**8), ("second", 0))]
    made_by = dict(run_calls(calls, processes))
    assert made_by["first"] == made_by["second"]


def test_workers_share_a_gpu_up_to_a_number(base, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    monkeypatch.setattr("stages.common.incremental.workers.cores", lambda: 32)
    many = base.model_copy(update={"backend": "loky", "jobs": -1, "workers_per_gpu": 3})
    assert (worker_count(many, "cpu"), worker_count(many, "cuda")) == (32, 6)
    assert worker_count(many.model_copy(update={"jobs": 2}), "cuda") == 2
    seen = [worker._environment["CUDA_VISIBLE_DEVICES"] for worker in local_workers(many, "cuda")]
    assert seen == ["3", "5"] * 3
