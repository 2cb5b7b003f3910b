"""What passes the gate is written, what does not is a row with its reason."""

import io
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from articles import encoded, tile
from conftest import ROOT
from PIL import Image

from stages.common.data.files import read_json
from stages.common.data.references import read_images
from stages.common.errors import StageError
from stages.common.incremental.process import Lost
from stages.sources import batches
from stages.sources import collect as module
from stages.sources.candidate import Candidate
from stages.sources.filters import clean_text, foreign


@pytest.fixture
def collected(tmp_path, stage_params, base, monkeypatch):
    """Collect candidates with a filter that takes dark images for histology; return pairs, dropped, metrics."""

    class Filter:
        def predict(self, pictures, flags):
            return SimpleNamespace(histology=np.array([float(picture.mean() < 150) for picture in pictures]))

        def is_histology(self, probability):
            return probability > 0.5

    monkeypatch.setattr(batches, "load_filter", lambda model, device: Filter() if device == "a GPU" else None)
    monkeypatch.setattr(module, "filter_digest", lambda model: "")
    monkeypatch.chdir(tmp_path)

    def collect(candidates):
        from pathlib import Path

        out = Path("data/sources/x")
        params = stage_params("sources")
        module.collect(iter(candidates), "x", out, Path("m.json"), Path("model"), params, base, "a GPU")
        tables = (pd.read_parquet(out / f"{name}.parquet") for name in ("pairs", "dropped"))
        return *tables, read_json(Path("m.json"))

    return collect


def one(key, image=None, text="three words here", **more):
    return Candidate(key, f"g{key}", encoded(tile(1)) if image is None else image, text, f"place {key}", **more)


def test_every_candidate_is_a_pair_or_has_a_reason(collected):
    png = encoded(tile(2), "PNG")
    rows = [
        one("a"),
        one("b", png, license="CC0"),
        one("c", drop="license"),
        one("d", text="two words"),
        one("e", text="word " * 20_000),
        one("f", text="Un viaje largo a la montaña con mis amigos"),
        one("g", b"no image"),
        one("h", encoded(tile(1, 60))),
        one("i", encoded(np.full((200, 200, 3), 250, np.uint8))),
        one("j", text="=HYPERLINK(1) \x00 with\u202e controls"),
    ]
    pairs, dropped, metrics = collected(rows)
    assert pairs.pair_id.tolist() == ["x_a", "x_b", "x_j"]
    assert dropped.set_index("key").reason.to_dict() == {
        "c": "license",
        "d": "text_too_short",
        "e": "text_too_long",
        "f": "language",
        "g": "unreadable_image",
        "h": "image_too_small",
        "i": "not_histology",
    }
    assert metrics["candidates"] == 10
    assert metrics["dropped"]["language"] == 1
    assert pairs.text.iloc[2] == "HYPERLINK(1) with controls"
    stored = read_images(pairs.image)
    assert stored[pairs.image.iloc[0]] == rows[0].image
    back = np.asarray(Image.open(io.BytesIO(stored[pairs.image.iloc[1]])))
    assert back.shape == tile(2).shape
    assert (pairs.license.iloc[1], pairs.provenance.iloc[1], pairs.group.iloc[1]) == ("CC0", "place b", "x_gb")


def test_an_image_with_which_a_worker_is_lost_is_dropped_and_stops_no_other(collected, monkeypatch):
    """It ended the stage, at each run again."""
    tried = []

    def run_calls(calls, base, device):
        for call in calls:
            batch = call.do.args[0]
            tried.append(len(batch))
            deadly = any(one.key == "bad" and one.image for one in batch)
            yield call.name, Lost("worker_died", "its process was ended by SIGSEGV") if deadly else call.do()

    monkeypatch.setattr(module, "run_calls", run_calls)
    pairs, dropped, _ = collected([one(key, encoded(tile(n))) for n, key in enumerate(("a", "b", "bad", "c", "d"))])
    assert pairs.pair_id.tolist() == ["x_a", "x_b", "x_c", "x_d"]
    assert pairs.image.str.contains("images-000000.tar#").all()
    assert dropped[["key", "reason", "detail"]].to_numpy().tolist() == [
        ["bad", "worker_died", "its process was ended by SIGSEGV"]
    ]
    assert tried == [5, 1, 1, 1, 1, 1, 5]
    with pytest.raises(StageError, match="images bad to bad: worker_died: its process"):
        collected([one("bad")])


def test_a_magnification_that_a_source_states_is_read(collected):
    rows = [one("a", more={"magnification": 2.0}), one("b", more={"magnification": None}), one("c")]
    pairs, _, _ = collected(rows)
    assert list(pairs.magnification) == pytest.approx([2, np.nan, np.nan], nan_ok=True)
    assert list(pairs.magnification_how) == ["read", "", ""]


def test_keys_that_repeat_or_are_long_keep_their_own_images(collected):
    long = "x" * 200
    rows = [one("a"), one("b", b"no image"), one("a", encoded(tile(2))), one("b"), one(long, encoded(tile(3)))]
    rows += [one("a_2", encoded(tile(4))), one("a", encoded(tile(5)))]
    pairs, dropped, _ = collected(rows)
    assert pairs.set_index("pair_id").image.map(read_images(pairs.image)).to_dict() == {
        "x_a": rows[0].image,
        "x_a_2": rows[2].image,
        "x_a_2_2": rows[5].image,
        "x_a_3": rows[6].image,
        "x_b_2": rows[3].image,
        f"x_{long}": rows[4].image,
    }
    assert dropped.key.tolist() == ["b"]


def test_halves_of_a_character_are_joined_or_replaced(collected):
    rows = [one("a", text="three \ud83d\ude00 words here", license="CC\udc80"), one("b", text="two\ud800")]
    rows.append(one("c", drop="bad", detail="why\udfff", more={"video_id": "v\udc80"}))
    rows.append(one("d", more={"hold_id": "h\udc80"}))
    pairs, dropped, _ = collected(rows)
    assert pairs.text.tolist() == ["three \U0001f600 words here", "three words here"]
    assert pairs.license.tolist() == ["CC\ufffd", ""]
    assert pairs.hold_id.tolist() == ["", "h\ufffd"]
    assert dropped.detail.tolist() == ["two\ufffd", "why\ufffd"]


def test_nothing_kept_is_an_empty_table_not_an_error(collected):
    pairs, dropped, _ = collected([one("a", b"")])
    assert len(pairs) == 0
    assert dropped.reason.tolist() == ["unreadable_image"]


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("=1+1", "1+1"),
        ("@cmd|x", "cmd|x"),
        ("- a list", "a list"),
        ("+SUM(A1)", "SUM(A1)"),
        ("-+cmd|' /C calc'!A0", "cmd|' /C calc'!A0"),
        ("-ve for CK7 (see b)", "-ve for CK7 (see b)"),
        ("+3 for HER2!", "+3 for HER2!"),
        ("-> DLBCL", "-> DLBCL"),
        ("a\x00b\ufeff c\n\td", "a b c d"),
        ("pH = 7", "pH = 7"),
    ],
)
def test_text_is_one_plain_line(text, clean):
    assert clean_text(text) == clean


def test_medical_english_is_english():
    for text in (
        "Adenocarcinoma in situ of the cervix, p16 positive",
        "Squamous epithelium. Keratin pearls and dyskeratosis.",
        "Karyorrhexis in a lymph node, H&E x200",
        "Naevus. The melanocytic naevus shows maturation with depth.",
    ):
        assert not foreign(text, ["en"])
    assert foreign("Mikroskopisches Bild eines Karzinoms der Haut mit Nekrosen", ["en"])
    assert not foreign("Mikroskopisches Bild eines Karzinoms der Haut mit Nekrosen", ["en", "de"])
    assert not foreign("Un viaje largo a la montaña", [])
    assert foreign("胃黏膜慢性炎症伴肠上皮化生", ["en"])
    assert not foreign("胃黏膜慢性炎症伴肠上皮化生", ["en", "zh"])


@pytest.mark.parametrize("name", ["pubmed", "openpath", "laion", "table"])
def test_a_folder_that_nobody_has_filled_has_no_pairs(tmp_path, stage_params, base, monkeypatch, name):
    from stages.sources.__main__ import run

    params = stage_params("sources")
    own = getattr(params, name).model_copy(update={"folder": str(ROOT / "data/exports" / name)})
    monkeypatch.setattr(module, "filter_digest", lambda model: "")
    monkeypatch.chdir(tmp_path)
    assert run(params.model_copy(update={name: own}), base, name) == {"items": 0, "pairs": 0}
    assert pd.read_parquet(f"data/sources/{name}/pairs.parquet").empty
    assert pd.read_parquet(f"data/sources/{name}/dropped.parquet").empty
