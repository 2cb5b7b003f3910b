"""Which device a model runs on, in which numbers, and with how many threads."""

import os

import cv2
import pytest
import torch
from threadpoolctl import threadpool_info

from stages.common.errors import StageError
from stages.common.models.device import one_thread, pick_device


def threads():
    return torch.get_num_threads(), cv2.getNumThreads(), *(one["num_threads"] for one in threadpool_info())


def test_one_thread_inside_the_block_and_as_many_as_before_after_it():
    torch.set_num_threads(2)
    cv2.setNumThreads(2)
    before = threads()
    with one_thread():
        assert set(threads()) == {1}
    assert threads() == before


@pytest.mark.parametrize(("chosen", "expected"), [({}, "0"), ({"NVIDIA_TF32_OVERRIDE": "1"}, "1")])
def test_a_gpu_and_the_workers_after_it_compute_in_float32_unless_told_otherwise(monkeypatch, chosen, expected):
    monkeypatch.setattr(os, "environ", chosen)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert pick_device("auto") == "cuda"
    assert os.environ["NVIDIA_TF32_OVERRIDE"] == expected


def test_a_cpu_is_taken_where_there_is_no_gpu_unless_a_gpu_is_asked_for(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto") == pick_device("cpu") == "cpu"
    with pytest.raises(StageError, match=r"base.device is cuda but no GPU is visible"):
        pick_device("cuda")
