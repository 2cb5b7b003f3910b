"""Workers, each with a process of its own: a call that is lost with its process is tried once more, alone, in a fresh
process, when all others are done. Otherwise a process keeps the models that it has loaded."""

import os
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from queue import SimpleQueue
from typing import Any, Protocol

from stages.common.errors import StageError
from stages.common.incremental.process import Call, Lost, ProcessWorker
from stages.common.models.device import cores
from stages.common.stage.params import Base

# Numeric libraries take as many threads as there are cores, in each worker, unless told otherwise.
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


class Worker(Protocol):
    """Where calls are made, one at a time; it begins with the first. All but `close` are used by one thread."""

    def wait_until_ready(self) -> None:
        """Return when there is a process to work in, or at least one can be started."""

    def run(self, call: Call) -> Any:
        """Return what the call returns, raise what it raises, or raise Lost."""

    def renew(self) -> None:
        """Make the next call in a fresh process."""

    def close(self) -> None:
        """End the process and what it is doing, for good."""


def worker_count(base: Base, device: str = "cpu") -> int:
    """How many calls are made at once on this machine: `base.jobs`, -1 for one per core; where the work is done on
    GPUs, at most `base.workers_per_gpu` for each of them. On a cluster -1, which gives each worker one thread."""
    if base.backend != "loky":
        return 1 if base.backend == "sequential" else -1
    wanted = cores() if base.jobs < 0 else max(1, base.jobs)
    return min(wanted, len(_gpus()) * base.workers_per_gpu) if device == "cuda" else wanted


def _gpus() -> list[str]:
    """The GPUs that may be used, as CUDA_VISIBLE_DEVICES names them."""
    import torch

    if named := os.environ.get("CUDA_VISIBLE_DEVICES"):
        return named.split(",")
    return [str(number) for number in range(max(1, torch.cuda.device_count()))]


def local_workers(base: Base, device: str) -> list[Worker]:
    """Workers on this machine, which share its cores and take turns with its GPUs."""
    count = worker_count(base, device)
    threads = {name: os.environ.get(name, str(max(1, cores() // count))) for name in THREADS}
    gpus = [{"CUDA_VISIBLE_DEVICES": name} for name in _gpus()] if device == "cuda" else [{}]
    return [ProcessWorker(threads | gpus[number % len(gpus)], base.item_memory_gb) for number in range(count)]


def run_calls(
    calls: Iterable[Call],
    base: Base,
    device: str = "cpu",
    started: Callable[[str], None] = lambda name: None,
    lost: Callable[[str, Lost], None] = lambda name, why: None,
) -> Generator[tuple[str, Any], None, None]:
    """Make all calls; yield the name and the result of each as it ends, the result being a Lost for one that was lost
    twice.

    Args:
        calls: functions that can be pickled, as can what they return; each is taken when a worker is free.
        base: backend (`sequential`: in this process, under no limits), jobs, and the limits.
        device: "cuda" for calls that work on a GPU.
        started: is told the name of each call that begins, by several threads.
        lost: is told the name of each call that will be tried again, and why.

    An error that a call raises ends them all.
    """
    if base.backend == "sequential":
        yield from ((call.name, call.do()) for call in calls)
        return
    open_workers = local_workers if base.backend == "loky" else _cluster_workers
    workers = open_workers(base, device)
    try:
        again = []
        for call, result in _serve(workers, calls, started):
            if isinstance(result, Lost):
                lost(call.name, result)
                again.append(call)
            else:
                yield call.name, result
        if again:
            for idle in workers:
                idle.close()  # the models that they hold take memory
            workers = open_workers(base, device)[:1]
            for call, result in _serve(workers, again, started, fresh=True):
                yield call.name, result
    finally:
        for worker in workers:
            worker.close()


def _cluster_workers(base: Base, device: str) -> list[Worker]:
    try:
        from stages.common.incremental.cluster import cluster_workers
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise StageError("base.backend is 'ray' but it is not installed: pip install 'ray>=2.30'") from None
    return cluster_workers(base, device)


def _serve(
    workers: Sequence[Worker], calls: Iterable[Call], started: Callable[[str], None], fresh: bool = False
) -> Iterator[tuple[Call, Any]]:
    """Give calls to whichever worker is free; yield each with its result or its Lost. With `fresh`, each has a process
    of its own."""
    todo = _Todo(calls)
    done: SimpleQueue[tuple[Call | None, Any]] = SimpleQueue()

    def serve(worker: Worker) -> None:
        try:
            worker.wait_until_ready()
            while call := todo.take():
                if fresh:
                    worker.renew()
                started(call.name)
                try:
                    done.put((call, worker.run(call)))
                except Lost as lost:
                    done.put((call, lost))
                worker.wait_until_ready()
            done.put((None, None))
        except BaseException as error:  # which ends the stage
            done.put((None, error))

    for worker in workers:
        threading.Thread(target=serve, args=(worker,), daemon=True).start()
    finished = 0
    while not (todo.is_empty and finished == todo.taken):
        call, result = done.get()
        if call:
            finished += 1
            yield call, result
        elif result:
            raise result
    if todo.error:
        raise todo.error


class _Todo:
    """Calls that several threads take from an iterable, which is read by one at a time."""

    def __init__(self, calls: Iterable[Call]) -> None:
        self._calls = iter(calls)
        self._lock = threading.Lock()
        self.taken = 0
        self.is_empty = False
        self.error: BaseException | None = None  # that reading the calls met

    def take(self) -> Call | None:
        """The next call, None after the last one."""
        with self._lock:
            try:
                call = next(self._calls, None)
            except BaseException as error:
                self.error, call = error, None
            self.taken += call is not None
            self.is_empty = call is None
            return call
