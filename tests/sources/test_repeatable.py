"""A source that is read again gives the same bytes, and one that is killed goes on where it was."""

import io
import json
import os
import shutil
import struct
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from articles import encoded, tile
from PIL import Image

from stages.common.errors import StageError
from stages.common.paths import UNFINISHED_DIR
from stages.sources import batches, collect, table
from stages.sources.candidate import Candidate

OUT = Path("data/sources/x")


class Filter:
    """Takes everything for histology, and counts it."""

    def __init__(self):
        self.seen = 0

    def predict(self, pictures, flags):
        self.seen += len(pictures)
        return SimpleNamespace(histology=np.ones(len(pictures)))

    def is_histology(self, probability):
        return True


@pytest.fixture
def seen(tmp_path, monkeypatch):
    found = Filter()
    monkeypatch.setattr(batches, "load_filter", lambda model, device: found)
    monkeypatch.setattr(collect, "filter_digest", lambda model: "")
    monkeypatch.chdir(tmp_path)
    return found


@pytest.fixture
def collected(seen, stage_params, base):
    """Collect candidates; return the bytes of every file that is written."""

    def run(candidates, jobs=1):
        shutil.rmtree(OUT, ignore_errors=True)  # as DVC does
        workers = base.model_copy(update={"jobs": jobs, "backend": "loky"}) if jobs > 1 else base
        collect.collect(candidates, "x", OUT, Path("m.json"), Path("model"), stage_params("sources"), workers)
        return {path.name: path.read_bytes() for path in (*sorted(OUT.iterdir()), Path("m.json"))}

    return run


def candidates(count, image=encoded(tile(1))):
    return [Candidate(f"{n:05d}", f"g{n}", image, f"text number {n} of many", f"place {n}") for n in range(count)]


def test_a_source_that_was_killed_goes_on_where_it_was(collected, seen, monkeypatch):
    monkeypatch.setattr(batches, "IMAGES", 10)
    rows = candidates(95)

    def killed():
        yield from rows[:60]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collected(killed())
    assert seen.seen == 60
    finished = sorted((UNFINISHED_DIR / "x").glob("*.json"))
    assert len(finished) == 6
    finished[0].with_suffix(".tar").unlink()  # was being written
    again = collected(iter(rows))
    assert seen.seen == 95 + 10
    assert not (UNFINISHED_DIR / "x").exists()
    assert again == collected(iter(rows))
    assert len(again) == 10 + 3


@pytest.mark.parametrize("change", ["", "text", "file"])
def test_only_what_has_changed_since_the_kill_is_filtered_again(collected, seen, tmp_path, monkeypatch, change):
    monkeypatch.setattr(batches, "IMAGES", 1)
    picture = tmp_path / "a.jpg"
    picture.write_bytes(encoded(tile(1)))

    def killed(text):
        yield Candidate("a", "g", str(picture), text, "place")
        yield Candidate("b", "g", encoded(tile(2)), "three words here", "place")
        raise KeyboardInterrupt

    for text in ("three words here", "four words are here" if change == "text" else "three words here"):
        with pytest.raises(KeyboardInterrupt):
            collected(killed(text))
        if change == "file":
            picture.write_bytes(encoded(tile(3)))
            os.utime(picture, ns=(1, 1))
    assert seen.seen == 2 + bool(change)


def test_workers_write_the_same_bytes_as_one(collected, monkeypatch):
    monkeypatch.setattr(batches, "IMAGES", 3)
    rows = [*candidates(10), *(Candidate(f"z{n}", "g", b"no image", "three words here", "p") for n in range(4))]
    monkeypatch.setattr(collect, "filter_batch", filter_in_a_worker)
    assert collected(iter(rows)) == collected(iter(rows), jobs=2)


def filter_in_a_worker(batch, done, model, device, params):
    batches.load_filter = lambda model, device: Filter()
    batches.filter_batch(batch, done, model, device, params)


def bmp_of(width, height):
    return (
        b"BM"
        + struct.pack("<IHHI", 60, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    )


def bad_images():
    """Every kind of image that cannot be used."""
    whole = encoded(tile(3))
    heif = b"\x00\x00\x00\x18ftypheic" + bytes(100)
    tiff = io.BytesIO()
    Image.fromarray(np.zeros((200, 200), np.float32)).save(tiff, "TIFF")
    return {
        "empty.jpg": b"",
        "html.jpg": b"<html><body>404</body></html>",
        "svg.png": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "pdf.jpg": b"%PDF-1.4 junk",
        "heic.jpg": heif,
        "cut.jpg": whole[: len(whole) // 2],
        "cut.png": encoded(tile(3), "PNG")[:400],
        "cut.tif": tiff.getvalue()[:300],
        "cut.webp": encoded(tile(3), "WEBP")[:100],
        "cut.avif": encoded(tile(3), "AVIF")[:200],
        "cut.jp2": encoded(tile(3), "JPEG2000")[:200],
        "junk.gif": b"GIF89a" + bytes(40),
        "large.bmp": bmp_of(60_000, 60_000),
        "small.jpg": encoded(tile(3, 60)),
    }


def test_every_kind_of_bad_row_is_the_same_bytes_in_any_folder(tmp_path, collected, stage_params):
    written = []
    for place in ("one", "another/place"):
        folder = tmp_path / place
        folder.mkdir(parents=True)
        names = ["missing.jpg", "https://x.org/a.jpg", "locked.zip/inside.jpg", "sparse.tif"]
        for name, data in bad_images().items():
            (folder / name).write_bytes(data)
            names.append(name)
        with (folder / "sparse.tif").open("wb") as file:
            file.truncate(3_000_000_000)  # refused before it is read
        with zipfile.ZipFile(folder / "pack.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("packed.jpg", encoded(tile(4)))
        packed = bytearray((folder / "pack.zip").read_bytes())
        packed[60:90] = b"\xff" * 30
        (folder / "pack.zip").write_bytes(packed)
        rows = pd.DataFrame({"image": [*names, "packed.jpg"], "text": "some three words"})
        rows.to_csv(folder / "a.csv", index=False)
        with (folder / "a.csv").open("a") as file:
            file.write('x.jpg,one,two\n"open\n')
        rows.to_parquet(folder / "cut.parquet")
        (folder / "cut.parquet").write_bytes((folder / "cut.parquet").read_bytes()[:-30])
        for name in ("e.csv", "e.json", "e.xlsx", "e.tar", "e.feather", "e.pkl"):
            (folder / name).write_bytes(b"" if name == "e.csv" else b"junk")
        (folder / "e.jsonl").write_text(json.dumps({"image": "small.jpg", "text": "t"}) + "\nbad\n")
        params = stage_params("sources")
        own = params.table.model_copy(update={"folder": str(folder)})
        written.append(collected(table.candidates(params.model_copy(update={"table": own}))))
    assert written[0] == written[1]
    dropped = pd.read_parquet(OUT / "dropped.parquet")
    assert len(dropped) > 25
    told = dropped.detail.str.cat(sep=" ") + dropped.provenance.str.cat(sep=" ")
    assert "0x" not in told
    assert str(tmp_path) not in told
    assert "3000000000 bytes" in told
    assert (dropped.reason == "image_too_large").sum() == 2
    assert {path.partition(" ")[0] for path in dropped.provenance} >= {
        "a.csv",
        "cut.parquet",
        "e.csv",
        "e.tar",
        "e.pkl",
    }


@pytest.mark.parametrize(("missing", "stops"), [(10, True), (9, False)])
def test_a_source_whose_images_are_nearly_all_missing_stops(collected, missing, stops):
    rows = candidates(10 - missing) + [
        Candidate(f"m{n}", "g", b"", "text of this one", f"t.csv {n}", drop="missing_image", detail=f"{n}.jpg")
        for n in range(missing)
    ]
    if stops:
        said = (
            r"^sources.x: 10 of 10 images are not there; first: missing_image 0.jpg \(t.csv 0\): put the images below"
        )
        with pytest.raises(StageError, match=said):
            collected(iter(rows))
    else:
        collected(iter(rows))


def test_batches_are_bounded_by_bytes_and_pictures_by_pixels(seen, stage_params, tmp_path, monkeypatch):
    monkeypatch.setattr(batches, "BATCH_BYTES", 1000)
    rows = [Candidate(str(n), "g", bytes(400), "t", "p") for n in range(7)]
    assert [len(batch) for batch in batches.batched(rows)] == [3, 3, 1]
    monkeypatch.setattr(batches, "HELD_BYTES", 3 * (tile(1).nbytes + len(encoded(tile(1)))))
    given = []
    monkeypatch.setattr(Filter, "predict", lambda self, pictures, flags: given.append(len(pictures)) or Found(pictures))
    done = batches.Done(tmp_path / "a.json", tmp_path / "a.tar")
    batches.filter_batch(candidates(10), done, Path("model"), "cpu", stage_params("sources"))
    assert given == [4, 4, 2]


class Found:
    def __init__(self, pictures):
        self.histology = np.ones(len(pictures))
