"""Tables of addresses as public data sets have them: every one is read, under the names that it uses."""

import json

import pandas as pd
import pytest
from articles import encoded, tile

from stages.common.data.files import write_table
from stages.common.data.tars import write_tar
from stages.common.errors import StageError
from stages.sources import laion

PICTURE = encoded(tile(5))
URLS = [f"https://images.example.org/{n}.jpg" for n in range(2)]
TEXTS = ["glands with necrosis", "stroma, with oedema"]


@pytest.fixture
def read(tmp_path, stage_params):
    """Read the folder; a mirror has both images."""
    for n in range(2):
        path = tmp_path / "in/mirror/images.example.org" / f"{n}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PICTURE)

    def candidates(**changes):
        params = stage_params("sources")
        own = params.laion.model_copy(update={"folder": str(tmp_path / "in"), "retries": 0, **changes})
        return list(laion.candidates(params.model_copy(update={"laion": own}), tmp_path / "cache"))

    return candidates


LAYOUTS = {
    "laion400m": {"URL": URLS, "TEXT": TEXTS, "similarity": [0.3, 0.4], "NSFW": ["UNLIKELY", "UNSURE"]},
    "relaion": {"url": URLS, "caption": TEXTS, "similarity": [0.3, 0.4], "punsafe": [0.0, 0.1]},
    "datacomp": {"uid": ["a", "b"], "url": URLS, "text": TEXTS, "clip_b32_similarity_score": [0.3, 0.4]},
    "texts_for_numbers": {"URL": URLS, "TEXT": TEXTS, "similarity": ["0.3", "0.4"], "punsafe": ["0.0", None]},
    "bare": {"Image URL": URLS, "Caption": TEXTS},
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["laion.parquet", "part-00000-5b54c5d5.snappy.parquet", "rows.csv", "deep/rows.jsonl"])
def test_a_layout_is_read_from_any_file(tmp_path, read, layout, name):
    frame, path = pd.DataFrame(LAYOUTS[layout]), tmp_path / "in" / name
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".parquet":
        write_table(path, frame)
    else:
        path.write_text(
            frame.to_csv(index=False) if path.suffix == ".csv" else frame.to_json(lines=True, orient="records")
        )
    found = read()
    assert [(one.text, one.provenance, one.drop, one.image) for one in found] == [
        (text, url, "", PICTURE) for text, url in zip(TEXTS, URLS, strict=True)
    ]


@pytest.mark.parametrize("order", [1, -1])
def test_a_table_without_names_of_columns_is_read(tmp_path, read, order):
    rows = ["\t".join(row[::order]) for row in zip(URLS, TEXTS, strict=True)]
    (tmp_path / "in/cc12m.tsv").write_text("\n".join(rows))
    assert [(one.text, one.drop) for one in read()] == [(text, "") for text in TEXTS]


def test_what_img2dataset_fetched_is_not_fetched_again(tmp_path, read):
    members = {}
    for n, status in enumerate(["success", "failed_to_download"]):
        notes = {"url": f"https://gone.example.org/{n}", "caption": TEXTS[n], "key": str(n), "status": status}
        members |= {f"{n:09d}.jpg": PICTURE} if status == "success" else {}
        members |= {f"{n:09d}.txt": TEXTS[n].encode(), f"{n:09d}.json": json.dumps(notes).encode()}
    write_tar(tmp_path / "in/00000.tar", members)
    (tmp_path / "in/00000.parquet").write_bytes(b"")
    first, second = read()
    assert (first.image, first.drop, first.provenance) == (
        f"{tmp_path}/in/00000.tar#000000000.jpg",
        "",
        "https://gone.example.org/0",
    )
    assert (second.image, second.drop) == (b"", "failed_to_download")


def test_columns_of_other_names_are_given_by_parameters(tmp_path, read):
    write_table(tmp_path / "in/t.parquet", pd.DataFrame({"place": URLS, "said": TEXTS, "fit": [0.1, 0.4]}))
    with pytest.raises(
        StageError, match=r"column 'URL' is missing: set sources.laion.url to one of: place, said, fit$"
    ):
        read()
    assert [one.drop for one in read(url="place", text="said", similarity="fit")] == ["low_similarity", ""]


def test_a_broken_table_and_a_repeated_address_are_rows(tmp_path, read):
    write_table(tmp_path / "in/good.parquet", pd.DataFrame({"url": URLS + URLS[:1], "caption": [*TEXTS, None]}))
    (tmp_path / "in/bad.parquet").write_bytes(b"PAR1")
    (tmp_path / "in/no_url.csv").write_text("url,caption\n,a text\n")
    found = read()
    assert [one.drop for one in found] == ["broken_table", "", "", "repeated_address", "no_address"]
    assert found[3].text == ""


def test_what_a_long_list_does_not_want_is_not_fetched(tmp_path, read):
    count = 10_000  # more than are looked at ahead
    rows = {"url": [f"https://images.example.org/{n}" for n in range(count)], "caption": "t", "similarity": 0.1}
    write_table(tmp_path / "in/t.parquet", pd.DataFrame(rows))
    assert {one.drop for one in read()} == {"low_similarity"}


def test_a_first_row_that_lacks_a_column_costs_itself_alone(tmp_path, read):
    whole = [{"url": url, "text": text, "similarity": 0.4} for url, text in zip(URLS, TEXTS, strict=True)]
    rows = [
        {"url": "https://images.example.org/9.jpg"},
        *whole,
        {"url": "https://images.example.org/8.jpg", "text": "x"},
    ]
    (tmp_path / "in/t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert sorted((one.text, one.drop) for one in read()) == sorted(
        [("", "broken_row"), *((text, "") for text in TEXTS), ("x", "low_similarity")]
    )


def test_data_of_a_kind_that_is_not_read_is_said(tmp_path, read):
    pd.DataFrame({"url": URLS, "text": TEXTS}).to_csv(tmp_path / "in/t.csv", index=False)
    (tmp_path / "in/more.csv.zst").write_bytes(b"x")
    assert [(one.drop, one.detail.split(":")[0]) for one in read()] == [
        ("", ""),
        ("", ""),
        ("unread_file", "more.csv.zst"),
    ]
