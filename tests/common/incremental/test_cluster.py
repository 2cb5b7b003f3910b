"""A Ray cluster of two machines, which are two node processes on the loopback range, gives what one machine gives."""

import inspect
import json
import os
import shutil
import subprocess
import sys
import tempfile

import pandas as pd
import pytest
from conftest import ROOT
from test_workers import LIMITS, NAMES, check, work

from stages.common.errors import StageError
from stages.common.incremental.cluster import cluster_workers

AGAIN = ["exit", "hang", "good0", "new"]  # with one worker: each start of a process in Ray takes seconds
# A process of its own, whose workers get `stages` from Ray: it is not on their path.
SCRIPT = """
import ctypes, functools, json, os, shutil, signal, sys, threading, time
from pathlib import Path

sys.path.insert(0, sys.argv[1])
from ray.cluster_utils import Cluster

from stages.common.incremental.dependencies import Dependencies
from stages.common.incremental.runner import Item, run_items
from stages.common.stage.params import load_params

bad, again, limits = json.loads(sys.argv[2])
good = [f"i{number:02d}" for number in range(16)]


def slow(item, scratch, begun):
    import stages

    with begun.open("a") as file:
        file.write(f"{item.id} {os.getppid()} {os.environ.get('CUDA_VISIBLE_DEVICES')} {stages.__path__[0]}\\n")
    time.sleep(0.3)
    (scratch / f"{item.id}.txt").write_text(item.digest)


def go(folder, base, names=good, work=slow, device="cpu"):
    items, do = [Item(name, f"digest of {name}") for name in names], functools.partial(work, begun=begun(folder))
    more = {"keys": Path(f"{folder}.parquet"), "needs": Dependencies(), "base": base, "device": device}
    more["media_s"] = dict.fromkeys(names, 1.0)
    run_items(items, do, name=folder, out=Path(folder), files=("{id}.txt",), **more)


def begun(folder):
    return Path(f"{folder}.begun").resolve()


def lose(node):
    while not begun("lost").exists() or len(begun("lost").read_text().splitlines()) < 6:
        time.sleep(0.05)
    cluster.remove_node(node, allow_graceful=False)


address = {"node_ip_address": "127.0.0.2"}
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False, **address})
second = cluster.add_node(num_cpus=2, num_gpus=1, **address)
base = load_params("base", Path(sys.argv[1], "params.yaml"))[1].model_copy(update={"jobs": 2})
ray = base.model_copy(update={"backend": "ray", "ray_address": cluster.address, "ray_cpus": 2.0, "workers_per_gpu": 2})
go("loky", base)
go("ray", ray.model_copy(update={"jobs": -1}))
go("gpu", ray.model_copy(update={"ray_cpus": 0.5, "jobs": -1}), device="cuda")
go("bad", ray.model_copy(update=limits), bad, work)
shutil.copytree("bad", "bad2")
go("bad", ray.model_copy(update=limits | {"jobs": 1}), again, work)
threading.Thread(target=lose, args=(second,), daemon=True).start()
go("lost", ray)
"""


@pytest.fixture
def session():
    """Where Ray keeps what it notes; the paths of its sockets have to be short."""
    folder = tempfile.mkdtemp(prefix="ray")
    yield {"RAY_TMPDIR": folder, "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.skipif(
    (os.cpu_count() or 1) < 4 and "RAY_TEST" not in os.environ,
    reason="two nodes of two workers want four cores, and take minutes on fewer: RAY_TEST=1",
)
def test_two_machines_give_the_bytes_of_one_also_when_one_is_lost(tmp_path, session):
    (tmp_path / "script.py").write_text(SCRIPT.replace("\n\ndef go", f"\n\n{inspect.getsource(work)}\n\ndef go", 1))
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | session
    command = [sys.executable, "script.py", str(ROOT), json.dumps([NAMES, AGAIN, LIMITS])]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=540)
    assert done.returncode == 0, done.stderr[-3000:]

    def files(name):
        return {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}

    def seen(name):
        return [line.split() for line in (tmp_path / f"{name}.begun").read_text().splitlines()]

    assert len(files("loky")) == 16 + 1
    assert files("ray") == files("gpu") == files("lost") == files("loky"), "the manifest too"
    assert len({actor for _, actor, *_ in seen("ray")}) == 2, "one worker for each machine"
    assert {(gpu, len({actor for _, actor, *_ in seen("gpu")})) for _, _, gpu, _ in seen("gpu")} == {("0", 2)}
    assert all("py_modules" in path for *_, path in seen("ray")), "code comes from Ray"
    check(pd.read_parquet(tmp_path / "bad2/manifest.parquet").set_index("id"))
    check(pd.read_parquet(tmp_path / "bad/manifest.parquet").set_index("id"), AGAIN)
    assert "py_modules" in seen("lost")[0][-1]


def test_a_wrong_address_is_one_line_at_once(base, monkeypatch):
    monkeypatch.setattr("ray.init", lambda *_, **__: pytest.fail("Ray itself would try for minutes"))
    for address in ("127.0.0.1:1", "ray://127.0.0.1:1", "nowhere.invalid:6379"):
        with pytest.raises(StageError, match=rf"Ray cluster at {address} \(base.ray_address, or RAY_ADDRESS\): "):
            cluster_workers(base.model_copy(update={"backend": "ray", "ray_address": address}), "cpu")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(StageError, match=r"at 127.0.0.1:1 .*[Rr]efused"):
        cluster_workers(base.model_copy(update={"backend": "ray"}), "cpu")
