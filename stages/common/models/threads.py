"""How many threads a worker may use, so that workers do not crowd each other out."""

import os


def cores() -> int:
    """Cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def limit_threads(jobs: int, at_once: int = 1) -> int:
    """Share the cores among `jobs` workers (-1: one a core), each doing `at_once` things in parallel.

    Sets torch's and OpenCV's threads and returns their number.
    """
    import cv2
    import torch

    count = max(1, cores() // (at_once * (cores() if jobs == -1 else max(1, jobs))))
    torch.set_num_threads(count)
    cv2.setNumThreads(count)
    return count
