"""Tables as public data sets have them, each rebuilt small: read with the right pairs, or said in one line."""

import bz2
import gzip
import io
import json
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from articles import encoded, tile

from stages.common.data.references import ImageReader
from stages.common.data.tars import write_tar
from stages.common.errors import StageError
from stages.sources import table

IMAGES = {name: encoded(tile(number)) for number, name in enumerate(("a.jpg", "b.jpg"))}
TEXTS = ["glands with necrosis", "stroma, with oedema"]
RECORDS = [{"image": name, "text": text} for name, text in zip(IMAGES, TEXTS, strict=True)]
FRAME = pd.DataFrame(RECORDS)


@pytest.fixture
def folder(tmp_path):
    """A folder with both images below it."""
    for name, data in IMAGES.items():
        put(tmp_path / "in/images" / name, data)
    return tmp_path / "in"


@pytest.fixture
def read(tmp_path, stage_params):
    def candidates(**changes):
        params = stage_params("sources")
        own = params.table.model_copy(update={"folder": str(tmp_path / "in"), **changes})
        return list(table.candidates(params.model_copy(update={"table": own})))

    return candidates


def put(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())


def pairs(found):
    """(bytes, text) of candidates, none of which may be dropped."""
    assert [one.drop for one in found] == [""] * len(found), found
    reader = ImageReader()
    return [(one.image if isinstance(one.image, bytes) else reader.read(one.image), one.text) for one in found]


WHOLE_NAMES = list(zip(IMAGES, TEXTS, strict=True))
WHOLE = list(zip(IMAGES.values(), TEXTS, strict=True))


def as_csv(**more):
    return FRAME.to_csv(index=False, **more).encode()


def as_lines(records):
    return "\n".join(map(json.dumps, records))


def as_xlsx(*titles):
    book = openpyxl.Workbook()
    for row in (*titles, ["image", "text", "group"], *([*one.values(), 7] for one in RECORDS)):
        book.active.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def as_feather():
    buffer = io.BytesIO()
    FRAME.to_feather(buffer)
    return buffer.getvalue()


def zipped(name, data):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, data)
    return buffer.getvalue()


FILES = {
    "T.CSV": as_csv(),
    "t.csv.gz": gzip.compress(as_csv(), mtime=0),
    "t.csv.zip": zipped("t.csv", as_csv()),
    "t.tsv.bz2": bz2.compress(as_csv(sep="\t")),
    "semicolons.csv": as_csv(sep=";"),
    "excel.csv": b"sep=;\r\n" + as_csv(sep=";", lineterminator="\r\n"),
    "bars.csv": as_csv(sep="|"),
    "utf16.csv": as_csv().decode().encode("utf-16"),
    "marked.csv": b"\xef\xbb\xbf" + as_csv(),
    "old_mac.csv": as_csv(lineterminator="\r"),
    "deep/er/t.tsv": as_csv(sep="\t"),
    "t.xlsx": as_xlsx(),
    "t.feather": as_feather(),
    "captions.txt": "".join(f"{one['image'][0]}\t{one['text']}\n" for one in RECORDS),
    "flickr.token.txt": "".join(f"{one['image']}#0\t{one['text']}\n" for one in RECORDS),
    "metadata.jsonl": as_lines([{"file_name": one["image"], "caption": one["text"]} for one in RECORDS]),
    "data.ndjson": as_lines(RECORDS),
    "list.json": json.dumps(RECORDS, indent=1),
    "one_line_each.json": as_lines(RECORDS),
    "arch.json": json.dumps({str(n): {"caption": t, "uuid": i[0]} for n, (i, t) in enumerate(WHOLE_NAMES)}),
    "by_image.json": json.dumps(dict(zip(IMAGES, TEXTS, strict=True))),
    "below.json": json.dumps({"version": "1.0", "data": RECORDS}),
    "splits.json": json.dumps({name: [one] for name, one in zip(("train", "val"), RECORDS, strict=True)}),
    "llava.json": json.dumps(
        [
            {"image": name, "conversations": [{"from": "human", "value": "What?"}, {"from": "gpt", "value": text}]}
            for name, text in WHOLE_NAMES
        ]
    ),
    "chats.json": json.dumps(
        [
            {"images": [name], "messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": text}]}
            for name, text in WHOLE_NAMES
        ]
    ),
    "about_first.json": json.dumps({"licenses": [{"id": 1, "name": "x"}], "data": RECORDS}),
    "open_clip.csv": pd.DataFrame({"filepath": list(IMAGES), "title": TEXTS}).to_csv(index=False, sep="\t"),
    "roco.csv": pd.DataFrame({"ID": ["a", "b"], "Caption": TEXTS}).to_csv(index=False),
    "coco.json": json.dumps(
        {
            "info": {"description": "x"},
            "images": [{"id": n, "file_name": name} for n, name in enumerate(IMAGES)],
            "annotations": [{"id": 9 + n, "image_id": n, "caption": text} for n, text in enumerate(TEXTS)],
        }
    ),
}


FILES |= {
    f"pandas_{orient}.json": FRAME.to_json(orient=orient) for orient in ("columns", "index", "split", "table", "values")
}
FILES |= {
    "lists.json": json.dumps(FRAME.to_dict(orient="list"), indent=1),
    "below_below.json": json.dumps({"name": "x", "splits": {"train": RECORDS[:1], "val": RECORDS[1:]}}),
    "by_split.json": json.dumps({"train": {"a.jpg": TEXTS[0]}, "val": {"b.jpg": {"caption": TEXTS[1]}}}),
    "marked.jsonl": b"\xef\xbb\xbf" + as_lines(RECORDS).encode(),
    "utf16.json": json.dumps(RECORDS).encode("utf-16"),
    "a_list.jsonl": json.dumps(RECORDS, indent=1),
    "coco_texts.json": json.dumps(
        {
            "images": [{"id": str(n), "file_name": name} for n, name in enumerate(IMAGES)],
            "annotations": [{"image_id": n, "caption": text} for n, text in enumerate(TEXTS)],
        }
    ),
    "lines.txt": as_lines(RECORDS),
    "remarks.csv": b"# of May\n#,,\n\n" + as_csv() + b"\n\0\0\0",
    "remarked.tsv": b"# " + as_csv(sep="\t"),
    "capitals.csv": as_csv(header=["Image Path", "Full Caption".replace("Full ", "")]),
    "put_together.csv": as_csv().replace(b"b.jpg", b"image,text\nb.jpg"),
    "turned_round.csv": FRAME[:1].to_csv(index=False) + FRAME[1:].to_csv(index=False, columns=["text", "image"]),
    "without_mark.csv": as_csv().decode().encode("utf-16-le"),
    "spaces.csv": as_csv().replace(b",", b", ").replace(b"stroma, ", b"stroma,"),
    "typeset.csv": as_csv().decode().replace('"stroma', "\u201cstroma").replace('oedema"', "oedema\u201d"),
    "single.csv": as_csv(quotechar="'"),
    "tabs.csv": as_csv(sep="\t"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_this_kind_is_read_whole(folder, read, name):
    put(folder / name, FILES[name])
    assert pairs(read()) == WHOLE


def test_folders_that_datasets_saved_are_read(folder, read):
    datasets = pytest.importorskip("datasets")
    cells = [{"bytes": data, "path": None} for data in IMAGES.values()]
    features = datasets.Features({"image": datasets.Image(), "text": datasets.Value("string")})
    made = datasets.Dataset.from_dict({"image": cells, "text": TEXTS}, features=features)
    made.save_to_disk(str(folder / "saved"))
    datasets.DatasetDict({"train": made, "test": made.select([1])}).save_to_disk(str(folder / "splits"))
    assert pairs(read()) == [*WHOLE, WHOLE[1], *WHOLE]  # saved; splits/test; splits/train


def test_parquet_that_holds_paths_of_another_machine_is_read_by_file_name(folder, read):
    cells = [{"bytes": None, "path": f"/home/someone/data/{name}"} for name in IMAGES]
    pq.write_table(pa.table({"image": cells, "text": TEXTS}), folder / "train-00000-of-00001.parquet")
    assert pairs(read()) == WHOLE


def test_shards_and_what_img2dataset_writes_are_read_once(folder, read):
    members = {}
    for number, record in enumerate(RECORDS):
        notes = {"url": f"http://x/{number}", "caption": record["text"], "key": f"{number:09d}", "status": "success"}
        members |= {f"{number:09d}.jpg": IMAGES[record["image"]], f"{number:09d}.txt": record["text"].encode()}
        members |= {f"{number:09d}.json": json.dumps(notes).encode()}
    write_tar(folder / "00000.tar", members)
    pd.DataFrame({"url": ["u", "v"], "key": ["000000000", "000000001"], "caption": TEXTS}).to_parquet(
        folder / "00000.parquet"
    )
    put(folder / "00000_stats.json", "{}")
    assert pairs(read()) == WHOLE


def test_img2dataset_files_are_found_by_their_keys(folder, read):
    for number, record in enumerate(RECORDS):
        put(folder / f"00000/{number:09d}.jpg", IMAGES[record["image"]])
        put(folder / f"00000/{number:09d}.txt", record["text"])
        put(folder / f"00000/{number:09d}.json", "{}")
    rows = {"url": ["u", "v"], "key": ["000000000", "000000001"], "caption": TEXTS, "status": "success"}
    pd.DataFrame(rows).to_parquet(folder / "00000.parquet")
    assert pairs(read()) == WHOLE


def test_texts_beside_images_are_read_where_there_is_no_table(folder, read):
    for record in RECORDS:
        put(folder / "images" / f"{record['image'][0]}.txt", record["text"])
    assert pairs(read()) == WHOLE


def beside(image, text):
    """Names of text files for an image of two, each layout with what it holds."""
    stem = image[0]
    return {
        "caption": {f"images/{stem}.caption": text},
        "whole_name": {f"images/{image}.txt": text},
        "json": {f"images/{stem}.json": json.dumps({"caption": text, "case_id": "c"})},
        "json_text": {f"images/{stem}.json": json.dumps(text)},
        "json_beside_text": {f"images/{stem}.json": '{"caption": "other"}', f"images/{stem}.txt": text},
        "folder": {f"captions/{stem}.txt": text, "classes.csv": "name,class\n1,2\n"},
    }


@pytest.mark.parametrize("layout", beside("a.jpg", ""))
def test_texts_in_files_of_their_own_are_read(folder, read, layout):
    for record in RECORDS:
        for name, data in beside(record["image"], record["text"])[layout].items():
            put(folder / name, data)
    found = [one for one in read() if one.drop != "no_columns"]
    assert pairs(found) == WHOLE
    assert {one.group for one in found} == ({"c"} if layout == "json" else {f"images/{name}" for name in IMAGES})


def test_texts_beside_images_are_read_where_no_table_names_these_and_what_is_left_over_is_said(folder, read):
    put(folder / "t.csv", "image,text\na.jpg,of the table\n")
    put(folder / "images/a.txt", "beside it")
    put(folder / "images/b.txt", TEXTS[1])
    put(folder / "images/c.txt", "one without an image")
    put(folder / "images/d.json", "{")
    put(folder / "images/d.jpg", IMAGES["a.jpg"])
    assert [(one.text, one.drop, one.detail) for one in read()] == [
        ("", "missing_image", "c.txt: no image of this name"),
        ("of the table", "", "a.jpg"),
        (TEXTS[1], "", "images/b.jpg"),
        ("", "broken_row", "d.jpg: d.json: not JSON"),
    ]


def as_tar(members, mode):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


SAMPLES = {
    "text": [{"jpg": IMAGES["a.jpg"], "txt": b"one"}, {"jpg": IMAGES["b.jpg"], "txt": b"two"}],
    "json_only": [{"json": b'{"caption": "one"}', "jpg": IMAGES["a.jpg"]}, {"jpg": IMAGES["b.jpg"], "json": b'"two"'}],
    "several": [{"0.jpg": IMAGES["a.jpg"], "1.jpg": IMAGES["b.jpg"], "txt": b"one"}],
    "dots": [{"1.jpg": IMAGES["a.jpg"], "1.txt": b"one", "2.jpg": IMAGES["b.jpg"], "2.txt": b"two"}],
}


@pytest.mark.parametrize("samples", SAMPLES)
@pytest.mark.parametrize(
    ("name", "mode"), [("x.tar", "w"), ("x.tar.gz", "w:gz"), ("x.TGZ", "w:gz"), ("x.tar.xz", "w:xz")]
)
def test_shards_are_read_compressed_too_with_all_of_their_images(tmp_path, read, samples, name, mode):
    members = {f"d/{n}.{end}": data for n, one in enumerate(SAMPLES[samples]) for end, data in one.items()}
    put(tmp_path / "in" / name, as_tar(members, mode))
    found = read()
    assert pairs(found) == [(IMAGES["a.jpg"], "one"), (IMAGES["b.jpg"], "one" if samples == "several" else "two")]
    assert len({one.group for one in found}) == (1 if samples == "several" else 2)


def test_a_compressed_shard_that_is_damaged_or_without_texts_is_said(folder, read):
    shard = bytearray(as_tar({"0.jpg": IMAGES["a.jpg"], "0.txt": b"one"}, "w:gz"))
    shard[-6] ^= 1  # of the sum at the end
    put(folder / "x.tar.gz", bytes(shard))
    assert [(one.drop, one.detail[:20]) for one in read()] == [("", ""), ("broken_table", "x.tar.gz: CRC check ")]
    put(folder / "x.tar.gz", as_tar({"c.jpg": IMAGES["a.jpg"]}, "w:gz"))
    put(folder / "t.csv", "image,text\nc.jpg,one\na.jpg,two\n")
    assert [(one.drop, one.detail) for one in read()] == [
        ("missing_image", "c.jpg; x.tar.gz is not looked into: unpack it"),
        ("", "a.jpg"),
        ("unread_file", "x.tar.gz: a compressed tar without texts: unpack it"),
    ]


def test_an_image_is_named_by_several_columns(folder, read):
    put(folder / "s1_3_4.jpg", IMAGES["a.jpg"])
    put(folder / "p.json", json.dumps([{"wsi_id": "s1", "position": ["3", "4"], "caption": TEXTS[0]}]))
    (found,) = read(image="{wsi_id}_{position[0]}_{position[1]}.jpg")
    assert (pairs([found]), found.group) == ([WHOLE[0]], "s1")


@pytest.mark.parametrize(
    "name",
    [
        r"C:\scans\images\A.JPG",
        "/another/machine/a.jpg",
        "file:///data/a.jpg",
        "https://example.org/x/a.jpg?size=2",
        "a",
        "a.tif",
        " a.jpg ",
        "elsewhere/a.jpg",
        "images//a.jpg",
    ],
)
def test_an_image_is_found_by_its_file_name(folder, read, name):
    put(folder / "t.jsonl", as_lines([{"image": name, "text": TEXTS[0]}]))
    assert pairs(read()) == [WHOLE[0]]


def test_images_are_found_through_links_in_zips_and_below_a_folder_of_their_own(tmp_path, stage_params, read):
    folder = tmp_path / "in"
    put(folder / "t.csv", as_csv())
    store = tmp_path / "disk"
    put(store / "deep/a.jpg", IMAGES["a.jpg"])
    with zipfile.ZipFile(store / "part_2.zip", "w") as archive:
        archive.writestr("images/b.jpg", IMAGES["b.jpg"])
        archive.writestr("__MACOSX/images/._b.jpg", b"junk")
    assert pairs(read(images=str(store))) == WHOLE
    (folder / "images").symlink_to(store)
    assert pairs(read()) == WHOLE
    (store / "again").symlink_to(folder)  # a link back
    assert pairs(read()) == WHOLE


def test_images_in_a_tar_beside_the_table_are_found_and_a_broken_archive_is_said(folder, read):
    put(folder / "t.csv", "image,text\nc.jpg,one\nd.jpg,two\n")
    write_tar(folder / "packed.tar", {"x/c.jpg": IMAGES["a.jpg"]})
    put(folder / "more.zip", b"PK junk")
    found = read()
    assert pairs(found[:1]) == [(IMAGES["a.jpg"], "one")]
    assert [(one.drop, one.detail.partition(": ")[0]) for one in found[1:]] == [
        ("missing_image", "d.jpg"),
        ("broken_archive", "more.zip"),
    ]


def test_a_row_that_lacks_a_column_is_said_and_the_others_are_read(folder, read):
    records = [{"text": "no image"}, *RECORDS, {"image": "a.jpg"}]
    put(folder / "t.jsonl", as_lines(records))
    found = read()
    assert [(one.drop, one.detail) for one in found[2:]] == [
        ("broken_row", "t.jsonl: a row without image"),
        ("broken_row", "t.jsonl: a row without text"),
    ]
    assert pairs(found[:2]) == WHOLE


def test_a_name_of_several_files_goes_by_its_folders_or_is_said(folder, read):
    put(folder / "other/a.jpg", IMAGES["b.jpg"])
    put(folder / "t.csv", "image,text\n/x/other/a.jpg,one\na.jpg,two\n")
    first, second = read()
    assert Path(first.image).read_bytes() == IMAGES["b.jpg"]
    assert (second.drop, second.detail) == (
        "ambiguous_image",
        "a.jpg: 2 files have this name: images/a.jpg, other/a.jpg",
    )


def test_a_list_of_texts_is_a_pair_each_and_a_null_is_none(folder, read):
    rows = {"image": ["a.jpg", "b.jpg"], "text": [TEXTS, [None]], "license": [None, "CC0"]}
    pq.write_table(pa.table(rows), folder / "t.parquet")
    found = read()
    assert [(one.text, one.license) for one in found] == [(TEXTS[0], ""), (TEXTS[1], ""), ("", "CC0")]


@pytest.mark.parametrize("missing", [None, float("nan"), ""])
def test_a_group_is_the_same_whatever_is_null_beside_it(folder, read, missing):
    first = {"image": ["a.jpg", "b.jpg"], "text": TEXTS, "group": [1542657904481796104, None]}
    pq.write_table(pa.table(first), folder / "1.parquet")
    pq.write_table(pa.table(first | {"group": [1.0, 1.0]}), folder / "2.parquet")
    put(folder / "3.jsonl", as_lines([{"image": "a.jpg", "text": "t", "group": group} for group in (1, missing)]))
    assert [one.group for one in read()] == ["1542657904481796104", "b.jpg", "1", "1", "1", "a.jpg"]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("x.csv", b"", "empty"),
        ("x.parquet", b"PAR1", "Parquet file size is 4 bytes"),
        ("x.parquet", b"PAR1 junk of some length PAR1", "x.parquet cannot be read|x.parquet: "),
        ("x.csv.gz", gzip.compress(as_csv(), mtime=0)[:-12], "."),
        ("x.csv.gz", b"not gzip", "."),
        ("x.xlsx", b"not a workbook", "."),
        ("x.feather", b"ARROW1 junk", "."),
        ("x.json", b'[{"image": "a.jpg", ', "after 0 objects: not JSON"),
        ("x.json", b"<html>", "not JSON"),
        ("x.tar", b"junk" * 200, "."),
        ("x.csv", b"id,label\n1,2\n", "no column of texts among: id, label"),
        ("x.xls", b"old", "save it as CSV"),
        ("x.pkl", b"\x80", "save it as CSV"),
    ],
)
def test_a_broken_table_is_a_row_and_the_others_go_on(folder, read, name, data, said):
    put(folder / name, data)
    with pytest.raises(StageError, match=rf"{name}"):
        read()
    put(folder / "good.csv", as_csv())
    bad = [one for one in read() if one.drop]
    assert len(bad) == 1
    assert bad[0].detail.startswith(f"{name}: ")
    assert pd.Series([bad[0].detail]).str.contains(said).all()
    assert pairs([one for one in read() if not one.drop]) == WHOLE


@pytest.mark.parametrize(
    ("line", "drops"),
    [
        ("b.jpg,unquoted, comma", ["", "broken_row", ""]),
        ("b.jpg", ["", "broken_row", ""]),
        ('b.jpg,"never closed', ["", "", ""]),
        ('b.jpg,a 5" lesion', ["", "", ""]),
        ('b.jpg,"a ""quoted"" word"', ["", "", ""]),
        ("b.jpg,text,,", ["", "", ""]),
    ],
)
def test_a_bad_line_costs_itself_alone(folder, read, line, drops):
    put(folder / "t.csv", f"image,text\na.jpg,first\n{line}\na.jpg,last\n")
    found = read()
    assert [one.drop for one in found] == drops
    assert (found[0].text, found[-1].text) == ("first", "last")


def test_text_in_another_encoding_keeps_its_letters(folder, read):
    put(folder / "t.csv", "image,text\na.jpg,Sjögren’s and Ménétrier\n".encode("cp1252"))
    assert read()[0].text == "Sjögren’s and Ménétrier"


@pytest.mark.parametrize(("name", "data"), [("t.csv", b"A title\n\n" + as_csv()), ("t.xlsx", as_xlsx(["A title"], []))])
def test_what_stands_above_a_header_is_said(folder, read, name, data):
    put(folder / name, data)
    first, *others = read()
    assert (first.drop, first.detail.endswith("before the names of columns"), pairs(others)) == (
        "broken_row",
        True,
        WHOLE,
    )


def test_what_systems_leave_behind_is_not_read(folder, read):
    put(folder / "t.csv", as_csv())
    for name in ("._t.csv", "__MACOSX/t.csv", ".ipynb_checkpoints/t.csv", "README.txt", "LICENSE.txt"):
        put(folder / name, "junk")
    assert pairs(read()) == WHOLE


def test_a_broken_part_of_parquet_leaves_the_others(folder, read):
    rows = {"image": ["a.jpg"] * 4000, "text": [f"text number {n}" for n in range(4000)]}
    path = folder / "t.parquet"
    pq.write_table(pa.table(rows), path, row_group_size=1000, use_dictionary=False)
    column = pq.ParquetFile(path).metadata.row_group(1).column(1)
    data = bytearray(path.read_bytes())
    data[column.data_page_offset : column.data_page_offset + 200] = b"\xff" * 200
    path.write_bytes(data)
    found = read()
    assert [one.text for one in found if not one.drop] == rows["text"][:1000] + rows["text"][2000:]
    (bad,) = (one for one in found if one.drop)
    assert bad.detail.startswith("t.parquet: row group 1, of 1000 rows: ")


def test_a_row_that_breaks_off_a_table_leaves_those_before_it(folder, read):
    whole = json.dumps([*RECORDS, {"image": "a.jpg"}])
    put(folder / "t.json", whole[:-10])
    found = read()
    assert [one.drop for one in found] == ["", "", "broken_table"]
    put(folder / "t.json", as_lines([*RECORDS[:1], "no object", *RECORDS[1:]]))
    assert [one.drop for one in read()] == ["", "broken_row", ""]


def test_a_folder_that_is_not_there_is_one_line(read):
    with pytest.raises(StageError, match=r"^sources.table.folder: \S+/in not found$"):
        read()


def test_released_rows_are_found_below_their_unzipped_folder_with_levels_and_split(folder, read):
    names = [f"AAAAAAAAAA{n}_image_x.jpg" for n in range(2)]
    for name, data in zip(names, IMAGES.values(), strict=True):
        put(folder / "quilt_1m" / name, data)
    rows = {"caption": TEXTS, "image_path": names, "subset": "quilt", "split": ["train", "val"], "noisy_text": ""}
    rows |= {"corrected_text": "", "med_umls_ids": "[]", "magnification": [2.0, 40.0]}
    pd.DataFrame(rows).to_csv(folder / "quilt_1M_lookup.csv", index=False)
    pd.DataFrame(rows).to_csv(folder / "cleaned.csv.gz", index=False)
    found = read()
    assert pairs(found) == WHOLE * 2
    assert [one.more["magnification"] for one in found[:2]] == [2.0, None]
    assert [one.more["released_split"] for one in found[:2]] == ["train", "val"]


def test_images_in_base64_are_read(folder, read):
    import base64

    cells = [
        base64.b64encode(IMAGES["a.jpg"]).decode(),
        "data:image/jpeg;base64," + base64.b64encode(IMAGES["b.jpg"]).decode(),
    ]
    put(folder / "t.tsv", pd.DataFrame({"image": cells, "text": TEXTS}).to_csv(index=False, sep="\t"))
    assert pairs(read()) == WHOLE


def test_a_long_table_is_read_in_a_stream(folder, read):
    rng = np.random.default_rng(0)
    rows = [{"image": "a.jpg", "text": f"text {n} {'x' * int(rng.integers(900))}"} for n in range(5000)]
    put(folder / "t.json", json.dumps(rows))
    assert [one.text for one in read()] == [row["text"] for row in rows]
