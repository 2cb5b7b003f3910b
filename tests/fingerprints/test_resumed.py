"""A run that was broken off goes on where it stopped; what has not changed is not computed again."""

import signal
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from stages.common.data.files import jpeg
from stages.common.data.tars import write_tar
from stages.common.errors import StageError
from stages.common.incremental.process import Lost
from stages.fingerprints import work


@pytest.fixture
def world(tmp_path, monkeypatch, base):
    """Two tars with an image each, a file, and the sides of the images that a stand-in for the filter has seen."""
    seen = []

    class Filter:
        def predict(self, pictures, flags=True):
            seen.extend(len(picture) for picture in pictures)
            means = np.array([picture.mean((0, 1)) for picture in pictures], np.float32)
            return SimpleNamespace(features=means, histology=means[:, 0] / 255, flags={})

    monkeypatch.setattr(work, "load_filter", lambda model, device: Filter())
    monkeypatch.setattr(work, "filter_digest", lambda model: "")
    noise = np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype=np.uint8)
    for side in (40, 50):
        write_tar(tmp_path / f"{side}.tar", {"a.jpg": jpeg(Image.fromarray(noise[:side, :side]))})
    (tmp_path / "b.jpg").write_bytes(jpeg(Image.fromarray(noise)))
    references = [f"{tmp_path}/50.tar#a.jpg", f"{tmp_path}/b.jpg", f"{tmp_path}/40.tar#a.jpg"]

    def run():
        seen.clear()
        return work.fingerprints(references, tmp_path, 8, base, "cpu", tmp_path / "state").table(references), sorted(
            seen
        )

    return tmp_path, references, run


def test_only_what_changed_is_computed_again(world):
    folder, references, run = world
    table, seen = run()
    assert seen == [40, 50, 60]
    assert table.image.tolist() == references
    again, seen = run()
    assert seen == []
    assert again.equals(table)
    write_tar(folder / "40.tar", {"a.jpg": (folder / "b.jpg").read_bytes()})
    changed, seen = run()
    assert seen == [60]
    assert changed.sha256[2] == changed.sha256[1]


def test_a_broken_off_run_keeps_what_was_done(world, monkeypatch):
    _, _, run = world
    part = work._part
    done = []

    def stopped(references, *how):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(references)
        return part(references, *how)

    monkeypatch.setattr(work, "_part", stopped)
    heard = signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests run in the background
    with pytest.raises(KeyboardInterrupt):
        run()
    signal.signal(signal.SIGINT, heard)
    monkeypatch.setattr(work, "_part", part)
    assert len(run()[1]) == 1


def test_a_part_that_fails_is_no_silence(world, monkeypatch):
    _, _, run = world

    def broken(references, *how):
        raise MemoryError("no room")

    monkeypatch.setattr(work, "_part", broken)
    with pytest.raises(StageError, match="MemoryError"):
        run()


@pytest.fixture
def deadly(world, monkeypatch):
    """The second image, with which every worker is lost."""
    image = world[1][1]

    def calls(todo, base, device, begin, lost):
        for call in todo:
            item = call.do.args[0]
            died = image in set(item.data["images"]) - set(item.data.get("errors", {}))
            yield call.name, Lost("worker_died", "its process was ended by SIGSEGV") if died else call.do()

    monkeypatch.setattr("stages.common.incremental.runner.run_calls", calls)
    return image


def test_an_image_that_takes_its_worker_along_is_a_row_with_the_reason(world, deadly, tmp_path, base):
    _, references, _ = world
    (tmp_path / "a.jpg").write_bytes((tmp_path / "b.jpg").read_bytes())  # beside it, in the same part
    references = [*references, f"{tmp_path}/a.jpg"]
    tolerant = base.model_copy(update={"max_failed": 0.3})
    for _ in range(2):
        rows = work.fingerprints(references, tmp_path, 8, tolerant, "cpu", tmp_path / "state")
        assert rows.table(references).error.tolist() == ["", "worker_died", "", ""]


def test_too_many_such_images_end_the_stage_and_name_the_part(world, deadly):
    _, _, run = world
    with pytest.raises(StageError, match=f"of 1 parts failed; first: {deadly} to {deadly}: worker_died: its process"):
        run()
