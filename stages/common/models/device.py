"""What a model runs on: which device, and how many threads, so that workers do not crowd each other out."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from stages.common.errors import StageError


def pick_device(wish: str) -> str:
    """Return "cuda" or "cpu" for `base.device`; raises StageError when a GPU is asked for and there is none.

    From here on float32 is float32 on a GPU too, in worker processes as well: PyTorch's convolutions would otherwise
    round their inputs to TF32, which has 10 bits of mantissa, and a GPU would see other images than a CPU.
    """
    import torch

    os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")  # read when the first kernel runs
    if wish == "cuda" and not torch.cuda.is_available():
        raise StageError("base.device is cuda but no GPU is visible: set it to auto or cpu, or check the driver")
    return ("cuda" if torch.cuda.is_available() else "cpu") if wish == "auto" else wish


def cores() -> int:
    """Cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def limit_threads(jobs: int, at_once: int = 1) -> int:
    """Share the cores among `jobs` workers (-1: one per core), each running `at_once` computations in parallel.

    Sets torch's and OpenCV's threads and returns their number.
    """
    import cv2
    import torch

    count = max(1, cores() // (at_once * (cores() if jobs == -1 else max(1, jobs))))
    torch.set_num_threads(count)
    cv2.setNumThreads(count)
    return count


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread inside the `with` block: the last digits of a sum depend on how many share it."""
    import cv2
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads(), cv2.getNumThreads()
    with threadpool_limits(1):  # numpy's products
        try:
            torch.set_num_threads(1)
            cv2.setNumThreads(1)
            yield
        finally:
            torch.set_num_threads(before[0])
            cv2.setNumThreads(before[1])
