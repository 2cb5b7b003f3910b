"""An item may decide how one of its files is called."""

import functools

import pandas as pd
import pytest

from stages.common.incremental.dependencies import Dependencies
from stages.common.incremental.runner import Item, run_items

FILES = (("{id}.mp4", "{id}.webm"), "{id}.json")


def work(item, scratch):
    (scratch / f"{item.id}.{item.data['ending']}").write_text(item.digest)
    (scratch / f"{item.id}.json").write_text("{}")


@pytest.fixture
def run(tmp_path, base):
    def go(**endings):
        items = [Item(name, ending, {"ending": ending}) for name, ending in endings.items()]
        make = functools.partial(
            run_items, items, work, name="t", out=tmp_path / "out", files=FILES, keys=tmp_path / "keys.parquet"
        )
        _, done = make(needs=Dependencies(), base=base)
        return done, sorted(path.name for path in (tmp_path / "out").iterdir() if path.name != "manifest.parquet")

    return go


def test_the_file_that_was_written_is_the_item_s(run, tmp_path):
    assert run(a="mp4", b="webm") == (2, ["a.json", "a.mp4", "b.json", "b.webm"])
    assert run(a="mp4", b="webm")[0] == 0
    (tmp_path / "out/b.webm").write_text("by hand")
    assert run(a="mp4", b="webm")[0] == 1
    before = pd.read_parquet(tmp_path / "out/manifest.parquet")
    assert run(a="mp4", b="mp4") == (1, ["a.json", "a.mp4", "b.json", "b.mp4"]), "no file of the earlier choice stays"
    assert run(a="mp4", b="webm")[0] == 1
    assert pd.read_parquet(tmp_path / "out/manifest.parquet").equals(before)
    assert run(a="mp4") == (0, ["a.json", "a.mp4"])


def test_a_choice_that_is_missing_is_made_anew(run, tmp_path):
    run(a="webm")
    (tmp_path / "out/a.webm").unlink()
    assert run(a="webm") == (1, ["a.json", "a.webm"])
