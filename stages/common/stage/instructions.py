"""The same processor instructions on every machine, so that results are the same.

Numeric libraries choose instructions by processor, and rounding differs between them. AVX2 is what x86-64 processors of
the last ten years share. Where it is missing, or on another architecture, libraries choose for themselves. MKL, which
multiplies matrices in training and embeddings, is left alone: its reproducible mode is four times slower.
"""

import os
from pathlib import Path

AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",  # torch
    "ONEDNN_MAX_CPU_ISA": "AVX2",  # convolutions of torch
    "OPENBLAS_CORETYPE": "Haswell",  # numpy's and scipy's linear algebra
    "NPY_DISABLE_CPU_FEATURES": "X86_V4",  # numpy's functions in AVX-512
}


def share_instructions(cpuinfo: Path = Path("/proc/cpuinfo")) -> None:
    """Set the variables that are not set yet; libraries read them when they are first imported."""
    if cpuinfo.exists() and "avx2" in cpuinfo.read_text().split():
        for name, value in AVX2.items():
            os.environ.setdefault(name, value)
