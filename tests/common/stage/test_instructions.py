"""All x86-64 processors with AVX2 are given the same instructions."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT

from stages.common.stage.instructions import AVX2, share_instructions


@pytest.fixture
def unset(monkeypatch):
    for name in AVX2:
        monkeypatch.setenv(name, "")  # restored afterwards
        monkeypatch.delenv(name)
    return monkeypatch


def variables():
    return {name: os.environ[name] for name in AVX2 if name in os.environ}


def test_a_processor_with_avx_512_works_with_avx2(unset, tmp_path):
    (tmp_path / "cpuinfo").write_text("flags\t\t: fpu avx avx2 avx512f\n")
    share_instructions(tmp_path / "cpuinfo")
    assert variables() == AVX2


@pytest.mark.parametrize("flags", ["fpu sse4_2 avx", None])
def test_others_choose_for_themselves(unset, tmp_path, flags):
    if flags:
        (tmp_path / "cpuinfo").write_text(f"flags\t\t: {flags}\n")
    share_instructions(tmp_path / "cpuinfo")
    assert variables() == {}


def test_what_a_person_set_stays(unset, tmp_path):
    (tmp_path / "cpuinfo").write_text("flags : avx2\n")
    unset.setenv("ONEDNN_MAX_CPU_ISA", "DEFAULT")
    share_instructions(tmp_path / "cpuinfo")
    assert variables() == AVX2 | {"ONEDNN_MAX_CPU_ISA": "DEFAULT"}


def test_the_variables_are_set_before_numpy_reads_them():
    code = "import sys, stages; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
