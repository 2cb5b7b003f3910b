"""Images by reference."""

import tarfile
import time
from concurrent.futures import ThreadPoolExecutor

from stages.common.data.references import ImageReader
from stages.common.data.tars import write_tar


def test_threads_that_share_a_reader_find_what_is_there(tmp_path, monkeypatch):
    """One reads the index of a tar while others already ask for members."""
    opened = tarfile.open

    def slowly(path):
        time.sleep(0.05)
        return opened(path)

    members = {f"{number}.jpg": str(number).encode() for number in range(8)}
    write_tar(tmp_path / "a.tar", members)
    monkeypatch.setattr(tarfile, "open", slowly)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(ImageReader().read, [f"{tmp_path}/a.tar#{name}" for name in members]))
    assert found == list(members.values())
