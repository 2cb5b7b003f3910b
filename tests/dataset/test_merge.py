"""What stays, what goes and why; splits that leak nothing."""

import numpy as np
import pandas as pd
import pytest
from fingerprinted import fingerprints_of

from stages.common.frame_filter.prediction import FLAGS
from stages.common.reviews import COLUMNS, image_of, item_of
from stages.common.tables.pairs import pairs_table
from stages.dataset.merge import leaks_left, merge
from stages.dataset.reviewed import marked

RNG = np.random.default_rng(0)


def row(pair_id, source="quilt", group=None, image=None, **more):
    values = {
        "pair_id": pair_id,
        "source": source,
        "group": group or pair_id,
        "image": image or f"t.tar#{pair_id}.jpg",
        "text": f"three words {pair_id}",
        "width": 512,
        "height": 512,
        "confidence": 1.0,
    }
    return values | more


def bits(count, seed=0):
    """A hash that differs in `count` bits from that of `seed` alone."""
    base = np.unpackbits(np.random.default_rng(seed).integers(0, 256, 32, dtype=np.uint8))
    base[:count] ^= 1
    return np.packbits(base).tobytes()


def prints(images, **special):
    """Fingerprints of images, all far apart but for `special`: image to columns."""
    rows = []
    for image in images:
        far = {"sha256": image, "hash": RNG.bytes(32), "mirrored": RNG.bytes(32), "blobs": b"", "spots": b""}
        vector = RNG.standard_normal(64)
        far["embedding"] = (vector / np.linalg.norm(vector)).astype(np.float16).tobytes()
        quality = {"blur": 0.2, "background": 0.1, "histology": 1.0, "error": "", "width": 9, "height": 9}
        flags = {f"flag_{flag}": 0.0 for flag in FLAGS}
        rows.append({"image": image} | far | quality | flags | special.get(image, {}))
    return pd.DataFrame(rows)


def reviews(marks):
    """Answers that mark what was shown: (pair, its text, its image, role, action)."""
    rows = [
        dict.fromkeys(COLUMNS, "") | {"item": item_of(pair, text, role), "image": image_of(image), "action": action}
        for pair, text, image, role, action in marks
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def merged(
    rows, stage_params, special=None, tests=None, verify=lambda asked: [False] * len(asked), marks=(), **changes
):
    fit = {one["pair_id"]: one.get("similarity", np.nan) for one in rows}
    table = pairs_table(rows)
    table["similarity"] = table.pair_id.map(fit)
    images = prints(dict.fromkeys(table.image), **(special or {}))
    tests = tests if tests is not None else prints(["nowhere.jpg"]).assign(evalset="far")
    params = stage_params("dataset", **changes)
    found = merge(
        table,
        images,
        tests,
        fingerprints_of(images),
        params,
        0,
        verify,
        marked=marked(reviews(marks), table),
    )
    assert leaks_left(found, images, tests, params.phash_distance)["groups"] == 0
    return found.set_index("pair_id")


def test_the_first_source_then_the_larger_image_stays(stage_params):
    rows = [
        row("q", image="a#q"),
        row("p", "pubmed", image="a#p", width=900.0),
        row("o1", "openpath", image="a#o1"),
        row("o2", "openpath", image="a#o2", width=800.0),
    ]
    special = {
        "a#q": {"sha256": "same"},
        "a#p": {"sha256": "same"},
        "a#o1": {"hash": bits(0)},
        "a#o2": {"hash": bits(20)},
    }
    table = merged(rows, stage_params, special)
    assert table.loc["p", ["drop", "duplicate_of"]].tolist() == ["exact_duplicate", "q"]
    assert table.loc["o1", ["drop", "duplicate_of"]].tolist() == ["near_duplicate", "o2"]
    assert table.loc[["q", "o2"], "drop"].tolist() == ["", ""]
    turned = merged(rows, stage_params, special, sources=["pubmed", "quilt", "openpath"])
    assert turned.loc["q", "duplicate_of"] == "p"


def test_copies_that_are_to_stay_do_so_in_one_split_and_leaks_go_all_the_same(stage_params):
    rows = [row(f"{side}{n}", image=f"t#{side}{n}") for n in range(40) for side in "ab"]
    special = {f"t#{side}{n}": {"sha256": f"shared {n}"} for n in range(40) for side in "ab"}
    tests = prints(["e"], e={"sha256": "shared 0"}).assign(evalset="nct")
    table = merged(rows, stage_params, special, tests, deduplicate=False)
    assert table["drop"].to_dict() == {one["pair_id"]: "leak_nct" if one["pair_id"][1:] == "0" else "" for one in rows}
    assert table.duplicate_of.eq("").all()
    assert all(table.split[f"a{n}"] == table.split[f"b{n}"] for n in range(40))
    assert table.split[table.split != ""].nunique() > 1


def test_copies_that_were_to_stay_go_with_one_that_was_withdrawn(stage_params):
    rows = [row("a", image="t#a"), row("b", "pubmed", image="t#b"), row("c", image="t#c")]
    special = {f"t#{name}": {"sha256": "same"} for name in "ab"}
    for name in "ab":
        marks = [(name, f"three words {name}", f"t#{name}", "pair", "withdraw")]
        table = merged(rows, stage_params, special, marks=marks, deduplicate=False)
        assert table["drop"].to_dict() == {"a": "withdrawn_by_reader", "b": "withdrawn_by_reader", "c": ""}


def test_mirrored_and_cut_images_are_copies_too(stage_params):
    rows = [row("a", image="t#a"), row("b", image="t#b"), row("c", image="t#c"), row("d", image="t#d")]
    vector = (np.eye(64)[0]).astype(np.float16).tobytes()
    special = {
        "t#a": {"hash": bits(0), "mirrored": bits(0, 9)},
        "t#b": {"hash": bits(3, 9), "mirrored": bits(3)},
        "t#c": {"embedding": vector},
        "t#d": {"embedding": vector},
    }
    asked = []
    table = merged(rows, stage_params, special, verify=lambda pairs: [asked.append(pair) or True for pair in pairs])
    assert table["drop"].to_dict() == {"a": "", "b": "near_duplicate", "c": "", "d": "crop_duplicate"}
    assert asked == [("t#c", "t#d")]
    assert merged(rows, stage_params, special).loc["d", "drop"] == ""


def test_one_groups_own_likenesses_stay_and_repeated_texts_go(stage_params):
    rows = [
        row("v1", group="v", image="t#1", text="Keratin pearls, here."),
        row("v2", group="v", image="t#2"),
        row("v3", group="v", image="t#1", text="keratin pearls here"),
    ]
    table = merged(rows, stage_params, {"t#1": {"hash": bits(0)}, "t#2": {"hash": bits(1)}})
    assert table["drop"].to_dict() == {"v1": "", "v2": "", "v3": "same_image_and_text"}
    assert table.text_group.tolist() == ["v1", "v2", "v1"]


def test_every_fault_names_its_reason(stage_params):
    rows = [row(name) for name in "abcdefgh"]
    rows[1]["width"], rows[2]["text"], rows[3]["confidence"], rows[7]["text"] = 10.0, "two words", 0.1, "word " * 50
    special = {
        "t.tar#e.jpg": {"blur": 0.9},
        "t.tar#f.jpg": {"background": 0.95},
        "t.tar#g.jpg": {"flag_person": 0.8},
        "t.tar#a.jpg": {"error": "unreadable_image"},
    }
    strict = {"max_blur": 0.8, "max_background": 0.9, "flags": ["person"], "max_words": 40}
    assert merged(rows, stage_params, special, **strict)["drop"].to_dict() == {
        "a": "unreadable_image",
        "b": "image_too_small",
        "c": "text_too_short",
        "d": "low_confidence",
        "e": "blurred",
        "f": "background",
        "g": "flag_person",
        "h": "text_too_long",
    }
    lenient = merged(rows[4:], stage_params, special)
    assert (lenient["drop"] == "").all()
    assert (lenient.split != "").all()


def test_planted_leaks_of_every_kind_are_all_found(stage_params):
    rows = [row(name, image=f"t#{name}") for name in ("exact", "near", "mirrored", "cut", "clean")]
    vector = np.eye(64)[3].astype(np.float16).tobytes()
    tests = prints(
        ["e1", "e2", "e3", "e4", "bad"],
        e1={"sha256": "one"},
        e2={"hash": bits(0)},
        e3={"hash": bits(0, 7)},
        e4={"embedding": vector},
        bad={"error": "unreadable_image", "hash": None},
    ).assign(evalset=["nct", "nct", "mhist", "mhist", "nct"])
    special = {
        "t#exact": {"sha256": "one"},
        "t#near": {"hash": bits(24)},
        "t#mirrored": {"mirrored": bits(10, 7)},
        "t#cut": {"embedding": vector},
    }
    table = merged(rows, stage_params, special, tests, verify=lambda pairs: [right == "e4" for _, right in pairs])
    assert table["drop"].to_dict() == {
        "exact": "leak_nct",
        "near": "leak_nct",
        "mirrored": "leak_mhist",
        "cut": "leak_mhist",
        "clean": "",
    }


def test_the_second_search_counts_leaks_that_were_let_through():
    images = prints(["t#a", "t#b", "t#c"], **{name: {"hash": bits(0)} for name in ("t#a", "t#b")})
    table = pairs_table([row("a", image="t#a"), row("b", image="t#b"), row("c", image="t#c")])
    table["split"] = ["train", "test", "train"]
    tests = prints(["e"], e={"hash": images.hash[2]}).assign(evalset="nct")
    assert leaks_left(table, images, tests, 24) == {"evalsets": 1, "test": 1, "groups": 0}


def test_groups_stay_together_and_new_ones_move_no_old_ones(stage_params):
    rows = [row(f"g{n}_{k}", group=f"g{n}") for n in range(300) for k in range(2)]
    table = merged(rows, stage_params)
    assert table.groupby("group").split.nunique().max() == 1
    shares = table.split.value_counts(normalize=True)
    assert shares["test"] == pytest.approx(0.12, abs=0.05)
    assert shares["val"] == pytest.approx(0.08, abs=0.05)
    fewer = merged(rows[:200], stage_params)
    assert (fewer.split == table.loc[fewer.index].split).all()


def test_groups_that_share_a_copy_fall_on_one_side(stage_params):
    rows = [row(f"{side}{n}_{k}", group=f"{side}{n}") for n in range(60) for side in "ab" for k in range(2)]
    special = {f"t.tar#{side}{n}_0.jpg": {"sha256": f"shared {n}"} for n in range(60) for side in "ab"}
    table = merged(rows, stage_params, special)
    sides = table[table.split != ""].groupby("group").split.first()
    assert all(sides[f"a{n}"] == sides[f"b{n}"] for n in range(60))
    assert sides.nunique() > 1


def test_pairs_that_do_not_fit_go_and_those_nobody_judged_stay(stage_params):
    rows = [row("poor", similarity=0.1), row("good", similarity=0.4), row("unknown")]
    found = merged(rows, stage_params, min_similarity=0.2)
    assert found["drop"].to_dict() == {"good": "", "poor": "low_similarity", "unknown": ""}


def test_without_any_test_set_nothing_is_a_leak(stage_params):
    rows = [row("a"), row("b", image="t.tar#a2.jpg"), row("c")]
    found = merged(rows, stage_params, tests=prints(["nowhere.jpg"]).assign(evalset="far").head(0))
    assert (found["drop"] == "").all()


READ = [
    row("a", group="v", image="t#1"),
    row("a2", group="v", image="t#1", text="nothing alike at all here"),
    row("copy", "pubmed", image="t#2"),
    row("far", image="t#3"),
]
SAME = {image: {"sha256": "same", "hash": bits(0)} for image in ("t#1", "t#2")}


@pytest.mark.parametrize(
    ("marks", "drops"),
    [
        ([], ["", "", "exact_duplicate", ""]),
        ([("a", "pair", "wrong")], ["wrong_by_reader", "", "exact_duplicate", ""]),
        ([("a", "repeat", "wrong")], ["wrong_by_reader", "", "exact_duplicate", ""]),
        ([("a", "mismatch", "wrong")], ["", "", "exact_duplicate", ""]),
        ([("a", "pair", "withdraw")], ["withdrawn_by_reader"] * 2 + ["exact_duplicate", ""]),
        ([("a2", "mismatch", "withdraw")], ["withdrawn_by_reader"] * 2 + ["exact_duplicate", ""]),
        ([("copy", "pair", "withdraw")], ["withdrawn_by_reader"] * 2 + ["exact_duplicate", ""]),
        ([("gone", "pair", "withdraw"), ("far", "pair", "")], ["", "", "exact_duplicate", ""]),
        ([("a made anew", "pair", "withdraw")], ["withdrawn_by_reader"] * 2 + ["exact_duplicate", ""]),
        ([("a made anew", "pair", "wrong")], ["", "", "exact_duplicate", ""]),
    ],
)
def test_what_readers_mark_is_dropped_and_no_copy_comes_in_its_place(stage_params, marks, drops):
    shown = {one["pair_id"]: one for one in READ} | {"gone": row("gone"), "a made anew": READ[0] | {"text": "other"}}
    told = [(one["pair_id"], one["text"], one["image"], *mark[1:]) for mark in marks for one in [shown[mark[0]]]]
    table = merged(READ, stage_params, SAME, marks=told)
    assert table.loc[["a", "a2", "copy", "far"], "drop"].tolist() == drops
    assert (table.split != "").tolist() == (table["drop"] == "").tolist()
