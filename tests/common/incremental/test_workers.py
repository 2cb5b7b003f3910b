"""An item that crashes, hangs or takes all memory is a failed row, and stops no other."""

import ctypes
import functools
import os
import signal
import time

import pytest

from stages.common.incremental.dependencies import Dependencies
from stages.common.incremental.runner import Item, run_items

WAYS = {
    "segfault": ("worker_died", "SIGSEGV"),
    "exit": ("worker_died", "exit code 3"),
    "killed": ("worker_died", "SIGKILL"),  # as the kernel's out-of-memory killer does
    "memory": ("memory", "more than 0.6 GB"),
    "hang": ("timeout", "more than 3 s"),
}
NAMES = [*WAYS, *(f"good{number}" for number in range(7))]


def work(item, scratch, asked, cured=()):
    with asked.open("a") as file:
        file.write(f"{item.id} {os.getpid()}\n")
    if item.id not in cured:
        if item.id == "segfault":
            ctypes.string_at(0)
        if item.id == "exit":
            os._exit(3)
        if item.id == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if item.id == "memory":
            held = bytearray(os.urandom(2**20) * 1000)
            time.sleep(len(held))
        if item.id == "hang":
            time.sleep(10**6)
    (scratch / f"{item.id}.txt").write_text(item.digest)


@pytest.fixture
def processes(base):
    """The parameters `base` for work in processes, under limits of a moment."""
    limits = {"item_timeout_s": 3.0, "item_memory_gb": 0.6, "max_failed": 0.5}
    return base.model_copy(update={"backend": "loky", **limits})


def go(tmp_path, base, work, names=NAMES, out="out"):
    items = [Item(name, f"digest of {name}") for name in names]
    more = {"files": ("{id}.txt",), "keys": tmp_path / f"{out}.parquet", "needs": Dependencies(), "base": base}
    return run_items(items, work, name="toy", out=tmp_path / out, **more)[0].set_index("id")


def asked_for(path):
    """Items in the order in which they were begun, each with its process."""
    found = [line.split() for line in path.read_text().splitlines()]
    path.unlink()
    return found


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_item_that_takes_its_worker_along_fails_alone(tmp_path, processes, jobs, capsys):
    base, asked = processes.model_copy(update={"jobs": jobs}), tmp_path / "asked"
    rows = go(tmp_path, base, functools.partial(work, asked=asked))
    for name in NAMES:
        reason, said = WAYS.get(name, ("", ""))
        assert rows.loc[name, ["status", "reason"]].tolist() == ["failed" if reason else "ok", reason]
        assert said in rows.error[name]
    begun = asked_for(asked)
    tail = [name for name, _ in begun[len(NAMES) :]]
    assert sorted(tail) == sorted(WAYS), "each is tried once more, when the others are done"
    assert len({process for _, process in begun[len(NAMES) :]}) == len(WAYS), "in a process of its own"
    assert len({process for name, process in begun if name.startswith("good")}) <= len(WAYS) + jobs

    new = [*NAMES, "new1", "new2"]
    rows = go(tmp_path, base, functools.partial(work, asked=asked, cured=("exit", "hang")), new)
    begun = [name for name, _ in asked_for(asked)]
    assert set(begun[:2]) == {"new1", "new2"}, "what took a worker along comes last"
    assert sorted(rows.index[rows.status == "failed"]) == ["killed", "memory", "segfault"]


def stop(item, scratch, asked):
    """Kills the stage while `b` is worked on."""
    with asked.open("a") as file:
        file.write(f"{item.id} {os.getpid()}\n")
    if item.id == "b":
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(20)
    (scratch / f"{item.id}.txt").write_text(item.digest)
