"""A Ray cluster of two machines, which are two node processes on the loopback range, gives what one machine gives."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT

# A process of its own, whose workers get `stages` from Ray: it is not on their path.
SCRIPT = """
import ctypes, functools, os, sys, threading, time
from pathlib import Path

sys.path.insert(0, sys.argv[1])
from ray.cluster_utils import Cluster

from stages.common.incremental.dependencies import Dependencies
from stages.common.incremental.runner import Item, run_items
from stages.common.stage.params import load_params


def work(item, scratch, seen, poison):
    import stages

    with open(seen, "a") as file:
        file.write(f"{item.id} {os.getppid()} {os.environ.get('CUDA_VISIBLE_DEVICES')} {stages.__path__[0]}\\n")
    if item.id == poison:
        ctypes.string_at(0)
    time.sleep(0.3)
    (scratch / f"{item.id}.txt").write_text(item.digest)


address = {"node_ip_address": "127.0.0.2"}
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False, **address})
second = cluster.add_node(num_cpus=2, num_gpus=1, **address)
base = load_params("base", Path(sys.argv[1], "params.yaml"))[1].model_copy(update={"jobs": 2, "max_failed": 0.5})
ray = base.model_copy(update={"backend": "ray", "ray_address": cluster.address, "ray_cpus": 2.0, "workers_per_gpu": 2})
items = [Item(f"i{number:02d}", f"digest {number}") for number in range(24)]


def go(name, base, device="cpu", poison="i03"):
    do = functools.partial(work, seen=str(Path(name).resolve()) + ".seen", poison=poison)
    more = {"keys": Path(f"{name}.parquet"), "needs": Dependencies(), "base": base, "device": device}
    run_items(items, do, name=name, out=Path(name), files=("{id}.txt",), **more)


go("loky", base)
go("ray", ray.model_copy(update={"jobs": -1}))
go("gpu", ray.model_copy(update={"ray_cpus": 0.5, "jobs": -1}), "cuda", "")
threading.Timer(3.0, cluster.remove_node, (second,), {"allow_graceful": False}).start()
go("lost", ray)
"""


def test_two_machines_give_the_bytes_of_one_also_when_one_is_lost(tmp_path):
    pytest.importorskip("ray", reason="ray is not installed: pip install 'ray>=2.30'")
    (tmp_path / "script.py").write_text(SCRIPT)
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    env |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    done = subprocess.run(
        [sys.executable, "script.py", str(ROOT)], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]

    def files(name):
        return {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}

    def seen(name):
        return [line.split() for line in (tmp_path / f"{name}.seen").read_text().splitlines()]

    assert len(files("loky")) == 24
    assert files("ray") == files("lost") == files("loky"), "the manifest too, with the item that crashes"
    assert len(files("gpu")) == 24 + 1
    assert len({actor for _, actor, *_ in seen("ray")[:24]}) == 2, "one worker for each machine, until the retry"
    assert {(gpu, len({actor for _, actor, *_ in seen("gpu")})) for _, _, gpu, _ in seen("gpu")} == {("0", 2)}
    assert all("py_modules" in path for *_, path in seen("ray")), "code comes from Ray"
