"""What fuzzing and reading for threats have found, each with a small input that shows it."""

import gzip
import io
import json
import os
import tarfile
import time
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hostile import written
from PIL import Image

from stages.captions import replies
from stages.captions.endpoint import Endpoint
from stages.common.data.answers import read_filled_in
from stages.common.data.files import parse_json, read_yaml, safe_id
from stages.common.data.lookup import ImageFinder
from stages.common.data.pictures import read_picture
from stages.common.data.reading import Damage
from stages.common.data.references import ImageReader
from stages.common.data.rows import read_rows
from stages.common.data.sidecars import note_rows
from stages.common.data.tars import MOST_NOTES, shard_samples
from stages.common.errors import Failed, Rejected, StageError
from stages.common.evalsets.listing import images_below
from stages.common.evalsets.protocol import Evalset, read_evalset
from stages.common.frame_filter.faces import shows_face
from stages.common.frame_filter.quality import blur
from stages.common.incremental.manifest import Folder
from stages.common.models.backbone import load_matching
from stages.common.regions.panels import figure_panels
from stages.common.stage.params import load_all_params
from stages.common.tables.items import MANIFEST
from stages.dataset.crops import LocalFeatures
from stages.fingerprints.features import blobs, spots
from stages.sources.hydrate import _answered_rows
from stages.sources.pubmed.packages import PackageError, open_package
from stages.sources.pubmed.panels import split_caption
from stages.videos.catalog import _entry, read_catalog
from stages.videos.metadata import known
from stages.videos.names import video_id
from stages.videos.site import _warn_of_readers

CPU_S = 5.0  # some of these took minutes


@pytest.fixture
def quickly():
    began = time.process_time()
    yield
    assert time.process_time() - began < CPU_S


def test_offsets_of_an_arrow_file_that_lead_out_of_it_end_no_process(tmp_path):
    """pyarrow follows them, and the process was ended by a signal."""
    batch = pa.record_batch([["x" * 12345]], names=["text"])
    whole = written(lambda buffer: pa.ipc.new_stream(buffer, batch.schema).write_batch(batch))
    end, far = ((0).to_bytes(4, "little") + place.to_bytes(4, "little") for place in (12345, 1 << 30))
    path = tmp_path / "x.arrow"
    path.write_bytes(far.join(whole.rsplit(end, 1)))
    (damage,) = read_rows(path, lambda names: True)
    assert damage.reason == "broken_table"


@pytest.mark.parametrize("reply", ["[" * 50_000, "{" * 50_000, '{"a":' * 10_000])
def test_a_reply_of_nothing_but_brackets_is_no_answer(quickly, reply):
    with pytest.raises(ValueError, match="no JSON object"):
        replies.read(reply, replies.replacements)


@pytest.mark.parametrize("unit", ["; ", ". ", "(A) "])
def test_a_caption_of_nothing_but_signs_takes_no_minutes(quickly, unit):
    split_caption(("(A) x. " + unit * 5000)[:9990])


def test_json_that_is_too_deep_is_an_error_of_its_own():
    with pytest.raises(ValueError, match="nested too deep"):
        parse_json("[" * 100_000)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 2001-99-99", "is not valid YAML: month must be"),
        ("[" * 100_000, "nested too deep"),
        ("- " * 100_000, "nested too deep"),
        ("\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}' if n else '0'] * 9)}]" for n in range(9)), "has more than"),
    ],
)
def test_yaml_that_swells_or_means_nothing_is_one_line(quickly, tmp_path, text, message):
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(StageError, match=message):
        read_yaml(tmp_path / "x.yaml")


def test_notes_in_a_tar_are_not_read_whatever_their_length(tmp_path):
    """tarfile reads the notes of a member (PAX) into memory, of gigabytes that are kilobytes when compressed."""
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        info = tarfile.TarInfo("notes")
        info.type, info.size = tarfile.XHDTYPE, MOST_NOTES + 1
        tar.addfile(info, io.BytesIO(bytes(info.size)))
    with pytest.raises(PackageError, match=f"a header of {MOST_NOTES + 1} bytes"), open_package(path):
        pass


@pytest.mark.parametrize("ending", ["tar", "tgz"])
def test_a_tar_that_leads_back_is_not_read_for_ever(quickly, tmp_path, ending):
    """A size below zero: the next header is one that was read before."""
    first, second = tarfile.TarInfo("a.jpg"), bytearray(tarfile.TarInfo("b.jpg").tobuf(tarfile.GNU_FORMAT))
    second[124:136] = tarfile.itn(-tarfile.BLOCKSIZE, 12, tarfile.GNU_FORMAT)
    second[148:156] = b" " * 8
    second[148:156] = b"%06o\0 " % sum(second)
    data = first.tobuf() + second + bytes(tarfile.RECORDSIZE)
    path = tmp_path / f"a.{ending}"
    path.write_bytes(gzip.compress(data) if ending == "tgz" else data)
    assert [row.reason for row in read_rows(path, lambda names: True) if isinstance(row, Damage)] == ["broken_table"]
    with pytest.raises(PackageError, match="a size of -512 bytes"), open_package(path):
        pass
    if ending == "tar":
        with pytest.raises(StageError, match=r"cut short after a\.jpg"):
            list(shard_samples(path, {"jpg"}, "get it again"))
        with pytest.raises(Rejected, match="missing_image"):
            ImageFinder(tmp_path).find("b.jpg")


def test_a_link_in_a_shard_is_no_file_of_it(tmp_path):
    """A KeyError of tarfile."""
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        info = tarfile.TarInfo("a.json")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(info)
    ((_, members),) = shard_samples(tmp_path / "a.tar", {"json"}, "get it again")
    assert members["json"].data == b""


@pytest.mark.parametrize("name", ["../precious", "\0", "x" * 5000])
def test_a_journal_removes_no_file_outside(tmp_path, name):
    """Whoever wrote to a shared disk could have files removed, or the stage ended."""
    (tmp_path / "precious.txt").write_text("x")
    (tmp_path / "out").mkdir()
    row = {"id": name, "status": "ok", "reason": "", "error": "", "key": "k", "digest": "d"}
    (tmp_path / "out/journal.jsonl").write_text(json.dumps(row))
    folder = Folder(tmp_path / "out", ("{id}.txt",), tmp_path / "keys.parquet")
    folder.prune(set(folder.recorded()))
    assert (tmp_path / "precious.txt").exists()


def test_a_zip_whose_member_is_not_where_it_says_costs_one_image(tmp_path):
    """A struct.error, which nobody expected."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.jpg", b"x" * 100)
    data = path.read_bytes()
    begin = data.index(b"PK\x01\x02")
    path.write_bytes(data[: begin + 42] + (len(data) - 4).to_bytes(4, "little") + data[begin + 46 :])
    with pytest.raises(Rejected, match="unreadable_image"):
        ImageReader().bounded(f"{path}#a.jpg", 1000)


def test_a_labelled_frame_is_refused_by_its_header(tmp_path):
    """OpenCV decodes what a table names, or raises an error of its own."""
    from stages.common.data import pictures

    Image.new("1", (9000, 9000)).save(tmp_path / "a.png")
    assert pictures.MAX_PIXELS < 9000 * 9000
    for name in ("a.png", "none.png", "\0"):
        with pytest.raises(Rejected, match="unreadable_image"):
            read_picture(tmp_path / name)


def test_a_test_set_leads_to_no_file_outside(tmp_path):
    (tmp_path / "secret.png").write_bytes(b"x")
    (tmp_path / "sets/own").mkdir(parents=True)
    (tmp_path / "sets/own/evalset.csv").write_text("image,label\n../../secret.png,a\n")
    evalset = Evalset(loader="table", root="own", sub_pathology="Renal", classes={"a": "A"}, split="all")
    with pytest.raises(StageError, match=r"secret.png leads out of .*: correct the table"):
        read_evalset(tmp_path / "sets", "own", evalset)


def test_links_in_a_test_set_that_lead_back_are_not_followed(quickly, tmp_path):
    for name in ("A", "B"):
        (tmp_path / "own" / name).mkdir(parents=True)
        Image.new("RGB", (3, 3)).save(tmp_path / "own" / name / "a.png")
        for link in ("up", "again"):
            (tmp_path / "own" / name / link).symlink_to("..")
        (tmp_path / "own" / name / "other").symlink_to(f"../{'B' if name == 'A' else 'A'}")
    assert len(list(images_below(tmp_path / "own"))) == 4


def test_arrays_of_hdf5_that_are_other_files_are_no_images(tmp_path):
    """The bytes of any file that the process can read became pixels."""
    (tmp_path / "secret").write_bytes(bytes(range(192)))
    with h5py.File(tmp_path / "raw.h5", "w") as file:
        file.create_dataset("x", (1, 8, 8, 3), "u1", external=[(str(tmp_path / "secret"), 0, 192)])
    with h5py.File(tmp_path / "own.h5", "w") as file:
        file["x"] = np.zeros((1, 8, 8, 3), np.uint8)
    with h5py.File(tmp_path / "link.h5", "w") as file:
        file["x"] = h5py.ExternalLink(str(tmp_path / "own.h5"), "x")
    with h5py.File(tmp_path / "bomb.h5", "w") as file:
        file.create_dataset("x", (1, 50000, 50000, 3), "u1", chunks=(1, 1000, 1000, 3))
    with h5py.File(tmp_path / "none.h5", "w") as file:
        file["y"] = [1]
    for reference in ("raw.h5#0", "link.h5#0", "bomb.h5#0", "none.h5#0", "own.h5#1"):
        with pytest.raises(Rejected, match="unreadable_image"):
            ImageReader().bounded(f"{tmp_path}/{reference}", 10**6)
    assert ImageReader().bounded(f"{tmp_path}/own.h5#0", 10**6)


@pytest.mark.parametrize("place", ["film", "sidecar", "list"])
def test_a_device_or_a_pipe_in_a_catalog_is_not_read(tmp_path, stage_params, place):
    """A pipe was waited for, and the digest of a device taken, for ever."""
    (tmp_path / "films").mkdir()
    (tmp_path / "films/b.mp4").write_bytes(b"x")
    if place == "list":
        os.mkfifo(tmp_path / "channels.txt")
    else:
        (tmp_path / "films" / ("a.mp4" if place == "film" else "b.info.json")).symlink_to("/dev/zero")
    (tmp_path / "videos.txt").write_text("films\n")
    if place == "list":
        with pytest.raises(StageError, match=r"channels.txt is not a file"):
            read_catalog(tmp_path, stage_params("videos"), {})
    else:
        first = read_catalog(tmp_path, stage_params("videos"), {})[0]
        assert isinstance(first.data["problem"], Failed)


def test_a_pipe_beside_an_image_is_no_text(tmp_path):
    os.mkfifo(tmp_path / "a.txt")
    assert [row.detail for row in note_rows([tmp_path / "a.jpg"], [tmp_path / "a.txt"], tmp_path)] == [
        "a.txt: not a file"
    ]


def test_an_id_that_the_api_of_tweets_makes_up_names_no_file(tmp_path, stage_params):
    answer = {"data": [{"id": "../../../x", "text": "a"}, {"id": "12", "text": "b"}]}
    rows = list(_answered_rows(answer, tmp_path, None, stage_params("sources")))
    assert [row["tweet_id"] for row in rows] == ["12"]


def test_what_a_site_says_in_another_form_counts_as_lacking():
    said = {
        "id": 7,
        "duration": "long",
        "channel_id": ["x"],
        "channel_follower_count": "many",
        "title": "\ud800",
        "view": 1,
    }
    assert known(said) == {"id": "7", "title": "\ufffd"}
    assert _entry(known(said), "http://x/")["duration"] is None


def test_notes_of_pandas_that_are_damaged_name_file_and_stage(tmp_path):
    """A KeyError of pandas."""
    table = pa.Table.from_pandas(MANIFEST.frame([dict.fromkeys(MANIFEST.names, "a")]), preserve_index=False)
    notes = table.schema.metadata[b"pandas"].replace(b"pandas_type", b"Xandas_type")
    pq.write_table(table.replace_schema_metadata({b"pandas": notes}), tmp_path / "x.parquet")
    with pytest.raises(StageError, match=r"x.parquet is damaged \('pandas_type'\): run the stage"):
        MANIFEST.read(tmp_path / "x.parquet")


def test_an_id_that_begins_with_a_hyphen_is_none():
    """It would be an option of a program."""
    assert video_id("-rf") != "-rf"
    with pytest.raises(StageError, match="cannot be an id"):
        safe_id("-rf")


def test_a_name_of_half_a_character_has_an_id():
    assert safe_id(video_id("\ud800")) != video_id("\udc80")


def test_a_number_in_place_of_a_stage_is_one_line(tmp_path):
    (tmp_path / "params.yaml").write_text("-1: {}\n")
    with pytest.raises(StageError, match=r"no stage is called '-1'"):
        load_all_params(tmp_path / "params.yaml")


def test_a_line_of_thousands_of_letters_is_quoted_in_part(tmp_path):
    error = StageError(f"{tmp_path} line 1: {'1' * 9000} does not exist: correct the path")
    assert len(str(error)) < 5000
    assert str(error).startswith(f"{tmp_path} line 1: 111")
    assert str(error).endswith("111 does not exist: correct the path")


def test_a_negative_count_of_tokens_gives_no_money_back(stage_params):
    paid = stage_params("captions").llm.model_copy(update={"url": "https://example.org/v1", "price": [1.0, 2.0]})
    answer = {
        "choices": [{"message": {"content": "a"}}],
        "usage": {"prompt_tokens": -1000, "completion_tokens": -1000},
    }
    assert Endpoint(paid)._answer(json.dumps(answer)).cost == 0


def test_weights_of_a_backbone_run_no_code(tmp_path):
    class Payload:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"a": Payload()}, tmp_path / "x.pt")
    with pytest.raises(StageError, match=r"x.pt' are no tensors alone"):
        load_matching(torch.nn.Linear(1, 1), str(tmp_path / "x.pt"))
    assert not (tmp_path / "ran").exists()


def test_images_of_one_sample_do_not_fill_the_memory(tmp_path, monkeypatch):
    """Each was below the limit, in a compressed shard of kilobytes."""
    monkeypatch.setattr("stages.common.data.shards.LARGEST", 100)
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as tar:
        for number in range(3):
            info = tarfile.TarInfo(f"a.{number}.jpg")
            info.size = 60
            tar.addfile(info, io.BytesIO(bytes(60)))
    found = list(read_rows(tmp_path / "a.tgz", lambda names: True))
    assert [one.reason for one in found if isinstance(one, Damage)] == ["image_too_large"] * 2


def test_a_comment_that_is_too_long_is_one_line(tmp_path):
    """An error of the library's own."""
    (tmp_path / "a.csv").write_text(f"item,comment\n1,{'x' * 2_000_000}\n")
    with pytest.raises(StageError, match="a.csv is no CSV"):
        read_filled_in(tmp_path / "a.csv", "item")


def test_an_error_is_one_line_whatever_it_quotes():
    assert str(StageError("usable is '\na\u2028b'")) == "usable is ' a b'"


def test_a_name_that_no_file_can_have_is_a_missing_one(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own/evalset.csv").write_text(f"image,label\n{'1' * 5000},a\n")
    evalset = Evalset(loader="table", root="own", sub_pathology="Renal", classes={"a": "A"}, split="all")
    with pytest.raises(StageError, match="1 of 1 files that it lists are not there"):
        read_evalset(tmp_path, "own", evalset)


def test_cookies_that_others_can_read_are_told_of(tmp_path, caplog):
    jar = tmp_path / "cookies.txt"
    jar.write_text("x")
    for mode, told in ((0o644, True), (0o600, False)):
        caplog.clear()
        jar.chmod(mode)
        _warn_of_readers.cache_clear()
        _warn_of_readers(str(jar))
        assert ("chmod 600" in caplog.text) == told


@pytest.mark.parametrize("shape", [(1, 1), (1, 1920), (1920, 1), (3, 5000)])
def test_a_picture_of_a_row_or_two_ends_no_process(shape):
    """OpenCV shrank it to nothing, and its detectors of features crashed."""
    picture = np.random.default_rng(0).integers(0, 255, (*shape, 3), dtype=np.uint8)
    assert [panel.area for panel in figure_panels(picture)] == [shape[0] * shape[1]]
    assert blobs(picture) == spots(picture) == b""
    assert not len(LocalFeatures.of(picture).points)
    assert blur(picture) == 1
    assert not shows_face(picture)
