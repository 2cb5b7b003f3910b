"""Search in a million images: CPU time and memory beside one matrix product of vectors that are all in memory.

`python -m benchmarks.search` prints JSON objects. Vectors are random, 512 numbers each, in files of 1,000.
"""

import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks import report
from stages.search.index import nearest_rows, read_vectors, write_vectors

FILES, ROWS, DIMENSIONS, COUNT = 1000, 1000, 512, 20
MEGABYTE = 1 << 20


def peak() -> float:
    """Memory that this process has held at most, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Search files of vectors, and all of them at once."""
    rng = np.random.default_rng(0)
    question = rng.normal(size=DIMENSIONS).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.safetensors" for number in range(FILES)]
        for path in paths:
            write_vectors(path, rng.normal(size=(ROWS, DIMENSIONS)).astype(np.float32))
        before = peak()
        started = time.process_time()
        found = nearest_rows((read_vectors(path) for path in paths), question, COUNT)
        ours, grown = time.process_time() - started, peak() - before
        whole = np.concatenate([read_vectors(path) for path in paths])
        started = time.process_time()
        scores = whole @ question
        best = np.argsort(-scores, kind="stable")[:COUNT]
        theirs = time.process_time() - started
    assert [file * ROWS + row for file, row, _ in found] == best.tolist()
    size = f"{FILES * ROWS:,} vectors"
    report("search_seconds", ours, theirs, 10, f"{size} from files; theirs: one product in memory")
    report("search_memory", grown, whole.nbytes / MEGABYTE, 0.05, f"{size}; theirs: all in memory", unit="MiB")


if __name__ == "__main__":
    main()
