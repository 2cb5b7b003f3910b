"""Pairs under QUILT's names."""

import ast
import io

import pandas as pd

from stages.common.tables.captions import CAPTIONS
from stages.common.tables.keyframes import HOLDS
from stages.common.tables.pairs import pairs_table
from stages.pairs.__main__ import groups_in_order
from stages.pairs.quilt import COLUMNS, export, quilt_table


def line(start, raw, text, kind):
    return {"start": start, "end": start + 1, "raw": raw, "text": text, "kind": kind}


def test_every_column_of_the_released_table_is_there_and_says_what_was_said():
    row = {
        "pair_id": "v_0000_000",
        "video_id": "v",
        "hold_id": "v_0000",
        "image": "v.tar#0000.jpg",
        "text": "necrosis",
    }
    more = {"entities": "[]", "sub_pathology": "Renal", "magnification": 1, "width": 640, "height": 480}
    shown = {"hold_id": "v_0000", "image": ["0000.jpg", "0000_1.jpg"], "start_s": 0.0, "end_s": 9.0}
    images = pd.DataFrame(shown | {"flag_panels": [0.9, 0.1]}).set_index(["hold_id", "image"])
    said = [line(1, "necrosus", "necrosis", "medical"), line(3, "here", "here", "roi"), line(20, "bye", "bye", "other")]
    table = quilt_table(pairs_table([row | more]), images, said)
    assert tuple(table.columns) == COLUMNS
    (found,) = table.to_dict("records")
    assert (found["caption"], found["image_path"], found["subset"]) == ("necrosis", "v.tar#0000.jpg", "quilt")
    assert (found["noisy_text"], found["corrected_text"]) == ("necrosus here", "necrosis here")
    assert ast.literal_eval(found["roi_text"]) == ["here"]
    assert found["magnification"] == 1
    assert (found["single_wsi"], found["not_histology"], found["height"]) == (0, 0, 480)


def test_a_magnification_that_nobody_knows_is_an_empty_cell():
    row = {"pair_id": "v_0000_000", "video_id": "v", "hold_id": "v_0000", "image": "v.tar#0000.jpg"}
    shown = {"hold_id": ["v_0000"], "image": "0000.jpg", "start_s": 0.0, "end_s": 9.0, "flag_panels": 0.1}
    images = pd.DataFrame(shown).set_index(["hold_id", "image"])
    text = quilt_table(pairs_table([row | {"magnification": float("nan")}]), images, []).to_csv(index=False)
    assert list(pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False).magnification) == [""]


def test_every_pair_is_exported_once_with_what_was_said_in_its_own_video(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["v", "v-1"]  # whose pairs are sorted the other way round
    for name in names:
        hold = {"hold_id": f"{name}_0000", "region": 0, "start_s": 0.0, "end_s": 9.0, "image": "0000.jpg"}
        rows = HOLDS.frame(
            [hold | {"width": 9, "height": 9}, hold | {"hold_id": f"{name}_0001", "width": 9, "height": 9}]
        )
        HOLDS.write(HOLDS.at(id=name), rows)
        said = line(1, f"heard in {name}", "text", "medical") | {"times": [], "corrections": [], "entities": []}
        found = {"sentences": [said | {"personal_data": []}], "refused": {}}
        CAPTIONS.write(CAPTIONS.at(id=name), found | {"sub_pathology": [{"field": "Renal", "probability": 0.5}]})
    rows = [
        {
            "pair_id": f"{name}_{n:04d}_000",
            "video_id": name,
            "hold_id": f"{name}_{n:04d}",
            "image": f"{name}.tar#0000.jpg",
        }
        for name in names
        for n in range(2)
    ]
    table = pairs_table(rows)
    export([table[:1], table[1:]], tmp_path / "quilt.csv")
    table = pd.read_csv(tmp_path / "quilt.csv")
    assert table.noisy_text.tolist() == ["heard in v-1", "heard in v-1", "heard in v", "heard in v"]
    assert table.image_path.tolist() == ["v-1.tar#0000.jpg"] * 2 + ["v.tar#0000.jpg"] * 2


def test_pair_ids_are_in_order_where_one_name_begins_another():
    names = ["v", "v-1", "v_0000", "v_0000_1", "v_1", "w"]
    groups = [*groups_in_order(reversed(names))]
    assert groups == [["v-1"], ["v", "v_0000", "v_0000_1", "v_1"], ["w"]]
    ids = [one for group in groups for one in sorted(f"{name}_{hold:04d}_000" for name in group for hold in range(3))]
    assert ids == sorted(ids)
