"""Images are read by reference from many threads at once."""

import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor

from stages.common.data.references import ImageReader
from stages.common.data.tars import write_tar


def test_threads_that_come_while_a_tar_is_indexed_read_it_too(tmp_path, monkeypatch):
    write_tar(tar := tmp_path / "a.tar", {f"{number}.jpg": str(number).encode() for number in range(20)})
    waiting, opened = threading.Event(), tarfile.open

    def slow(*args, **named):
        waiting.set()
        found = opened(*args, **named)
        threading.Event().wait(0.05)
        return found

    monkeypatch.setattr(tarfile, "open", slow)
    reader = ImageReader()
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(reader.read, f"{tar}#0.jpg")
        waiting.wait()
        others = list(pool.map(lambda number: reader.read(f"{tar}#{number}.jpg"), range(1, 20)))
    assert [first.result(), *others] == [str(number).encode() for number in range(20)]
