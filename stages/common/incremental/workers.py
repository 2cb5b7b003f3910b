"""Processes that work on one call at a time, and whose end is not the end of the stage.

A call may crash its process (a fault in a decoder, the kernel's out-of-memory killer), never return, or take more
memory than there is. Each worker is an executor of a single process, so it is known which call did that: the call is
tried once more, alone, in a fresh process, when all others are done. Otherwise a process keeps the models that it has
loaded.
"""

import faulthandler
import functools
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import wait
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Protocol

from joblib.externals.loky import BrokenProcessPool, ProcessPoolExecutor
from joblib.externals.loky.backend.context import get_context

from stages.common.errors import StageError
from stages.common.models.device import cores
from stages.common.stage.logs import log_file
from stages.common.stage.params import Base

POLL_S = 0.2  # how often the time and the memory of a call are looked at
START_S = 600.0  # in which a process must have begun
GB = 10**9
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
_STARTING = threading.Lock()  # one process is started at a time


class Lost(Exception):
    """A call took its process along, or was ended: `reason` is worker_died, timeout or memory."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message


LOST_REASONS = ("worker_died", "timeout", "memory")


@dataclass(frozen=True)
class Call:
    """What a worker does in one go: `do()`, in at most `seconds`."""

    name: str
    do: Callable[[], Any]
    seconds: float


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


class ProcessWorker:
    """A worker on this machine. Its process begins with the first call."""

    def __init__(self, environment: dict[str, str], memory_gb: float) -> None:
        self._environment = environment
        self._memory_gb = memory_gb
        self._executor: Any = None
        self._closed = False

    def wait_until_ready(self) -> None:
        """Nothing to wait for."""

    def run(self, call: Call) -> Any:
        """Make a call, and end its process where it takes too long or too much memory. The time in which a new process
        imports what the call needs does not count."""
        if self._executor is None:
            self._watched(functools.partial(_import, call.do), START_S)
        return self._watched(call.do, call.seconds)

    def _watched(self, do: Callable[[], Any], seconds: float) -> Any:
        future, executor = self._submit(do)
        processes = dict(executor._processes)  # one; others after it where loky replaces one that has grown
        deadline = time.monotonic() + seconds
        while not wait([future], timeout=POLL_S).done:
            if time.monotonic() > deadline:
                self.renew()
                raise Lost("timeout", f"took more than {seconds:g} s")
            processes |= executor._processes
            if self._memory_gb and _memory(processes) > self._memory_gb * GB:
                self.renew()
                raise Lost("memory", f"took more than {self._memory_gb:g} GB of memory")
        try:
            return future.result()
        except BrokenProcessPool as error:
            self.renew()
            raise Lost("worker_died", _how_it_ended(processes) or str(error).splitlines()[0]) from None

    def _submit(self, do: Callable[[], Any]) -> tuple[Any, Any]:
        """The future of a call, and its executor."""
        with _STARTING:
            if self._closed:
                raise Lost("worker_died", "the stage was stopped")
            if self._executor is None:
                self._executor = ProcessPoolExecutor(
                    1, context=get_context("loky"), env=self._environment, initializer=_begin, initargs=(os.getpid(),)
                )
            return self._executor.submit(do), self._executor

    def renew(self) -> None:
        """End the process."""
        with _STARTING:
            executor, self._executor = self._executor, None
        if executor:
            executor.shutdown(wait=True, kill_workers=True)

    def close(self) -> None:
        """End the process and start no other."""
        self._closed = True
        self.renew()


def _import(do: Callable[[], Any]) -> None:
    """Nothing: that `do` has come here is what imports its module."""


def _begin(parent: int) -> None:
    """Prepare a worker's process: after Ctrl-C it is ended by `parent`, it does not outlive that, and where it crashed
    is said in the log of the run, if there is one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if log := log_file():
        faulthandler.enable(log.open("a"))
    threading.Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(POLL_S)
    os._exit(1)


def _memory(processes: dict[int, Any]) -> int:
    """Bytes that processes hold in memory."""
    import psutil

    held = 0
    for pid in processes:
        try:
            held += psutil.Process(pid).memory_info().rss
        except psutil.Error:  # it has just ended
            continue
    return held


def _how_it_ended(processes: dict[int, Any]) -> str:
    """How the first process that did not end by itself ended, in a few words."""
    for code in (process.exitcode for process in processes.values()):
        if code and code < 0:
            return f"its process was ended by {signal.Signals(-code).name}"
        if code:
            return f"its process ended with exit code {code}"
    return ""


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
