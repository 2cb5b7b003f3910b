"""Threads that models and workers get."""

import cv2
import torch
from threadpoolctl import threadpool_info

from stages.common.models.device import one_thread


def threads():
    return torch.get_num_threads(), cv2.getNumThreads(), *(one["num_threads"] for one in threadpool_info())


def test_one_thread_inside_the_block_and_as_many_as_before_after_it():
    torch.set_num_threads(2)
    cv2.setNumThreads(2)
    before = threads()
    with one_thread():
        assert set(threads()) == {1}
    assert threads() == before
