"""A source that is read again gives the same bytes, and one that is killed goes on where it was."""

import io
import json
import os
import re
import shutil
import struct
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from articles import article, encoded, tar_of, tile, zip_of
from PIL import Image

from stages.common.errors import StageError
from stages.common.paths import DOWNLOADS_DIR, UNFINISHED_DIR
from stages.sources import batches, collect, laion, openpath, pubmed, table
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
    finished[1].write_bytes(b"")  # as after a loss of power
    tar = finished[2].with_suffix(".tar")
    tar.write_bytes(tar.read_bytes()[:2000])
    again = collected(iter(rows))
    assert seen.seen == 95 + 30
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
        names = ["missing.jpg", "https://x.org/a.jpg", "https://[x/a.jpg", "locked.zip/inside.jpg", "sparse.tif"]
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


def bad_articles(folder):
    """Articles and archives of which nothing, or not all, can be used."""
    figures = [(f"F{n}", "<p>Glands with necrosis.</p>", name) for n, name in enumerate([*bad_images(), "gone.jpg"])]
    good = {"a.nxml": article(*figures), **bad_images()}
    zip_of(folder / "PMC1.zip", good)
    tar_of(folder / "PMC2.tar.gz", good)
    tar_of(folder / "PMC3.tar.gz", good)
    zip_of(folder / "PMC4.zip", {"a.nxml": article(("F1", "<p>x</p>", "f1"))[:300], "f1.jpg": b""})
    zip_of(folder / "PMC5.zip", {"a.nxml": b"<html/>", "b.txt": b""})
    (folder / "PMC3.tar.gz").write_bytes((folder / "PMC3.tar.gz").read_bytes()[:-200])
    (folder / "PMC6.zip").write_bytes(b"PK junk")
    (folder / "PMC7.tar.gz").write_bytes(b"")


def bad_tweets(folder):
    """Tweets of which nothing can be used but the first."""
    rows = ["1,u,glands with necrosis,small.jpg,en", "1.5E+18,u,t,a,en", "x,u,t,a,en", "2,u,a,b,c,d,e,f", "3,u"]
    rows += [f"{n},u,glands with necrosis,{name},en" for n, name in enumerate([*bad_images(), "gone", "../x"], 4)]
    rows += ['90,u,"open,small.jpg,en', "91,u,two words here,small.jpg,fr", "", "\0\0"]
    (folder / "tweets.csv").write_text("# of May\ntweet_id,user,text,image,lang\n" + "\n".join(rows))
    for name, data in bad_images().items():
        (folder / name).write_bytes(data)


def bad_addresses(folder):
    """Addresses of images that cannot be had or used."""
    names = [*bad_images(), "gone.jpg"]
    for name, data in bad_images().items():
        put = folder / "mirror/images.example.org" / name
        put.parent.mkdir(parents=True, exist_ok=True)
        put.write_bytes(data)
    urls = [f"https://images.example.org/{name}" for name in names]
    more = [urls[0], "", "no address", "ftp://x.example.org/a", "https://[bad/", "https://other.example.org/a.jpg"]
    rows = pd.DataFrame({"url": [*urls, *more], "text": "glands with necrosis", "similarity": "0.4"})
    rows.loc[3, "similarity"] = "high"
    rows.to_csv(folder / "a.csv", index=False)
    rows.to_parquet(folder / "cut.parquet")
    (folder / "cut.parquet").write_bytes((folder / "cut.parquet").read_bytes()[:-30])
    (folder / "e.csv").write_bytes(b"")
    (folder / "e.pkl").write_bytes(b"")
    (folder / "e.csv.gz").write_bytes(b"junk")


@pytest.mark.parametrize(("source", "spoil"), [(pubmed, bad_articles), (openpath, bad_tweets), (laion, bad_addresses)])
def test_every_source_gives_the_same_bytes_for_bad_input_in_any_folder(
    tmp_path, collected, stage_params, source, spoil
):
    written = []
    name = source.__name__.rpartition(".")[2]
    for place in ("one", "another/place"):
        folder = tmp_path / place
        folder.mkdir(parents=True)
        spoil(folder)
        params = stage_params("sources")
        own = getattr(params, name).model_copy(
            update={"folder": str(folder)} | ({"retries": 0} if name == "laion" else {})
        )
        written.append(collected(source.candidates(params.model_copy(update={name: own}))))
        shutil.rmtree(DOWNLOADS_DIR, ignore_errors=True)
    assert written[0] == written[1]
    dropped = pd.read_parquet(OUT / "dropped.parquet")
    assert len(dropped) > 15
    told = dropped.astype(str).to_csv()
    assert not re.search(r"0x[0-9a-f]{6}|127\.0\.0\.1|localhost", told)
    assert str(tmp_path) not in told


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
