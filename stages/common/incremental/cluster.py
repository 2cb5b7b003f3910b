"""Workers on the machines of a Ray cluster.

Each is an actor that minds a process on its machine, as a stage does on its own: so limits, reasons and what a crash
costs are the same, and a model is loaded once for each worker. Ray says which machine has room, ships the code, and
tells when a machine is gone. Files are read and written where the stage's own are: all machines see them under the
same path.
"""

import logging
import os
import socket
import time
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayActorError, RayTaskError

from stages.common.errors import StageError
from stages.common.incremental.process import GB, Call, Lost, ProcessWorker
from stages.common.incremental.workers import THREADS, Worker
from stages.common.stage.logs import VARIABLE
from stages.common.stage.params import STAGES, Base

AGAIN_S = 1.0  # until another actor is asked for where one was lost before it began
ANSWER_S = 5.0  # in which a cluster must answer
# What a stage tells its workers through the environment; which instructions to use they know by themselves.
HANDED_ON = (
    *("CUBLAS_WORKSPACE_CONFIG", "HF_HUB_OFFLINE", "NO_ALBUMENTATIONS_UPDATE", "NVIDIA_TF32_OVERRIDE"),
    *("TOKENIZERS_PARALLELISM", VARIABLE),
)


class NodeWorker(ProcessWorker):
    """What runs on a machine of the cluster."""

    def enter(self, folder: str) -> None:
        """Work in the stage's folder. Raises StageError where this machine does not see it."""
        try:
            os.chdir(folder)
        except OSError:
            raise StageError(
                f"a machine of the Ray cluster has no folder {folder}: all must see the repository under one path"
            ) from None


class ClusterWorker:
    """A worker on some machine of the cluster; where that machine is lost, on another one as soon as it has room."""

    def __init__(self, options: dict[str, Any], environment: dict[str, str], memory_gb: float) -> None:
        self._new = lambda: ray.remote(**options)(NodeWorker).remote(environment, memory_gb)
        self._closed = False
        self._actor: Any = None

    def wait_until_ready(self) -> None:
        """Wait until the cluster has room, for as long as it takes."""
        while not self._closed:
            self._actor = self._actor or self._new()
            try:
                self._get(self._actor.enter.remote(str(Path.cwd())))
                return
            except RayActorError:
                self._actor = None
                time.sleep(AGAIN_S)

    def run(self, call: Call) -> Any:
        """Make a call; the loss of its machine counts as the death of its process."""
        try:
            return self._get(self._actor.run.remote(call))
        except RayActorError:
            self._actor = None
            raise Lost("worker_died", "its machine or its Ray worker was lost") from None

    def renew(self) -> None:
        """Make the next call in a fresh process."""
        self._get(self._actor.renew.remote())

    def close(self) -> None:
        """End the actor and its process."""
        self._closed = True
        if self._actor:
            ray.kill(self._actor)

    @staticmethod
    def _get(result: Any) -> Any:
        try:
            return ray.get(result)
        except RayTaskError as error:
            raise error.cause from None


def cluster_workers(base: Base, device: str) -> list[Worker]:
    """As many workers as `base.jobs` says, or, for -1, as the cluster has room for now, on all machines alike."""
    _join(base.ray_address)
    options: dict[str, Any] = {"num_cpus": base.ray_cpus, "scheduling_strategy": "SPREAD"}
    if device == "cuda":
        options["num_gpus"] = 1 / base.workers_per_gpu
    if base.ray_memory_gb:
        options["memory"] = int(base.ray_memory_gb * GB)
    count = base.jobs if base.jobs > 0 else _room(options)
    threads = {name: str(max(1, int(base.ray_cpus))) for name in THREADS}
    return [ClusterWorker(options, threads, base.item_memory_gb) for _ in range(count)]


def _room(options: dict[str, Any]) -> int:
    """How many workers the cluster can hold. Raises StageError where it can hold none."""
    asked = {"CPU": options["num_cpus"], "GPU": options.get("num_gpus", 0), "memory": options.get("memory", 0)}
    there = ray.cluster_resources()
    # A millionth more, since 1 / (1 / 3) may be a little less than 3.
    room = min(int(there.get(name, 0) / each * (1 + 1e-6)) for name, each in asked.items() if each)
    if not room:
        wanted = ", ".join(f"{each:g} {name}" for name, each in asked.items() if each)
        raise StageError(f"the Ray cluster has no room for a worker ({wanted}): see base.ray_cpus and ray_memory_gb")
    return room


def _join(address: str) -> None:
    """Join the cluster at `address`, or RAY_ADDRESS, or start one on this machine; once for a stage. Raises StageError
    where no cluster answers."""
    if ray.is_initialized():
        return
    address = address or os.environ.get("RAY_ADDRESS", "")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    told = {name: os.environ[name] for name in HANDED_ON if name in os.environ}
    code = {"py_modules": [str(STAGES)], "excludes": ["**/__pycache__"], "env_vars": told}
    try:
        _reach(address)
        # "local" starts one: without it Ray takes the last one that ran here, also where that has died.
        ray.init(address or "local", runtime_env=code, log_to_driver=False, logging_level=logging.WARNING)
    except (OSError, RuntimeError) as error:  # RuntimeError: of another version
        where = f"at {address} (base.ray_address, or RAY_ADDRESS)" if address else "on this machine"
        raise StageError(f"cannot use a Ray cluster {where}: {' '.join(str(error).split())[:200]}") from None


def _reach(address: str) -> None:
    """Raise OSError where nothing listens at HOST:PORT: Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if port.isdigit():
        socket.create_connection((host, int(port)), timeout=ANSWER_S).close()
