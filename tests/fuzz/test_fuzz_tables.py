"""Tables of strangers: delimited, JSON, binary ones, notes beside images, tweets, addresses and Quilt-1M's own."""

import gzip
import io
import tarfile
import zipfile

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from hostile import as_json, damaged, deep, nearly, tables, values, written
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook
from PIL import Image

from stages.common.data.rows import read_rows
from stages.sources import laion
from stages.sources.openpath import candidates as tweets
from stages.sources.table import candidates
from stages.sources.table.quilt import COLUMNS as RELEASED

ROWS = [{"image": f"{n}.jpg", "text": "Nests of tumour cells", "group": "a"} for n in range(3)]
IMAGE = written(lambda buffer: Image.new("RGB", (8, 8), "purple").save(buffer, "JPEG"))


def is_header(names):
    return {"image", "text"} <= set(names)


def rows(name):
    return lambda folder: list(read_rows(folder / name, is_header))


def tarred(kind="w"):
    with io.BytesIO() as buffer:
        with tarfile.open(fileobj=buffer, mode=kind) as tar:
            for name, data in (
                ("0.jpg", IMAGE),
                ("0.txt", b"Nests"),
                ("0.json", b'{"caption": "x"}'),
                ("1.jpg", IMAGE),
            ):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        return buffer.getvalue()


def zipped(**members):
    def write(buffer):
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in members.items():
                archive.writestr(name.replace("__", "."), data)

    return written(write)


def book():
    made = Workbook()
    for row in (["image", "text"], ["0.jpg", "Nests"], ["1.jpg", 3.5]):
        made.active.append(row)
    return written(made.save)


TABLE = pa.Table.from_pylist([row | {"image": {"bytes": IMAGE, "path": row["image"]}} for row in ROWS])
BINARY = {
    "x.parquet": written(lambda buffer: pq.write_table(TABLE, buffer)),
    "x.arrow": written(lambda buffer: pa.ipc.new_stream(buffer, TABLE.schema).write_table(TABLE)),
    "x.feather": written(lambda buffer: pa.feather.write_feather(TABLE, buffer, compression="uncompressed")),
    "x.xlsx": book(),
    "x.tar": tarred(),
    "x.tgz": tarred("w:gz"),
    "x.csv.gz": gzip.compress(b"image,text\n0.jpg,Nests\n" * 20),
    "x.csv.zip": zipped(x__csv=b"image,text\n0.jpg,Nests\n" * 20),
}
DELIMITED = b'image,text\n0.jpg,"Nests, of\n cells"\n1.jpg,x\n'
JSON = [as_json(ROWS), as_json(dict(enumerate(ROWS))), b"\n".join(map(as_json, ROWS))]
COCO = {"images": [{"id": 1, "file_name": "0.jpg"}], "annotations": [{"image_id": 1, "caption": "Nests"}]}


@given(st.one_of(tables("image", "text", "group"), damaged(DELIMITED)), st.sampled_from(("x.csv", "x.tsv", "x.txt")))
def test_delimited(fuzz, data, name):
    fuzz(rows(name), {name: data})


@given(
    st.one_of(
        damaged(*JSON),
        nearly(COCO, "images", "annotations", "id", "columns", "data", "info").map(as_json),
        values("image", "text").map(as_json),
        deep('[{"a":'),
        deep("["),
    ),
    st.sampled_from(("x.json", "x.jsonl", "x.csv")),
)
def test_json(fuzz, data, name):
    fuzz(rows(name), {name: data})


@pytest.mark.parametrize("name", BINARY)
def test_binary(fuzz, name):
    @given(damaged(BINARY[name]))
    def check(data):
        fuzz(rows(name), {name: data})

    check()


@given(
    st.dictionaries(
        st.sampled_from(
            ("a.csv", "b.json", "0.txt", "0.json", "0.jpg", "1.jpg.txt", "c.tar", "d.zip", "captions/0.txt")
        ),
        st.one_of(
            tables("image", "text"),
            nearly(ROWS, "image", "text").map(as_json),
            damaged(IMAGE, BINARY["x.tar"], zipped(a__jpg=IMAGE)),
        ),
        max_size=4,
    )
)
def test_a_folder_of_tables_and_images(fuzz, stage_params, files):
    params = stage_params("sources")
    fuzz(lambda folder: list(candidates(_at(params, "table", folder))), files)


@given(tables(*RELEASED, "pathology", "roi_text", "not_histology"))
def test_quilts_own_table(fuzz, stage_params, data):
    params = stage_params("sources")
    fuzz(lambda folder: list(candidates(_at(params, "table", folder))), {"quilt_1M_lookup.csv": data})


@given(
    st.one_of(
        tables("tweet_id", "user", "text", "image", "lang", "conversation_id"),
        damaged(b'tweet_id,user,text,image\n123,a,Nests,0.jpg\n="9",b,c,../x\n'),
    )
)
def test_tweets(fuzz, stage_params, data):
    params = stage_params("sources")
    fuzz(lambda folder: list(tweets(_at(params, "openpath", folder))), {"tweets.csv": data, "0.jpg": IMAGE})


@given(
    st.dictionaries(
        st.sampled_from(("a.csv", "b.jsonl", "c.tar")),
        st.one_of(
            tables("URL", "TEXT", "similarity", "punsafe", "key", "status"),
            nearly([{"url": "http://x/a.jpg", "caption": "x", "similarity": 0.3, "punsafe": 0}], "url", "text").map(
                as_json
            ),
        ),
        max_size=2,
    )
)
def test_addresses(fuzz, stage_params, files):
    params = stage_params("sources")
    fuzz(lambda folder: list(laion._distinct(laion._addresses(_at(params, "laion", folder).laion))), files)


def _at(params, source, folder):
    return params.model_copy(update={source: getattr(params, source).model_copy(update={"folder": str(folder)})})
