"""Tweets keep what they mean, and tables of tweets lose only the rows that are damaged."""

import pandas as pd
import pytest

from stages.common.errors import StageError
from stages.sources import openpath

HEADER = "tweet_id,user,text,image,lang\n"
GOOD = '{id},u,"a, gland",a.jpg,en\n'


@pytest.fixture
def read(tmp_path, read_folder):
    """(key, text, reason, detail) of the tweets in a file of these bytes."""

    def candidates(data):
        (tmp_path / "tweets.csv").write_bytes(data if isinstance(data, bytes) else data.encode())
        return read_folder()

    return candidates


@pytest.fixture
def read_folder(tmp_path, stage_params):
    def candidates():
        (tmp_path / "a.jpg").write_bytes(b"picture")
        params = stage_params("sources")
        place = params.openpath.model_copy(update={"folder": str(tmp_path)})
        found = openpath.candidates(params.model_copy(update={"openpath": place}))
        return [(one.key, one.text, one.drop, one.detail) for one in found]

    return candidates


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("CD3−, CD20+ → MALT", "CD3-, CD20+ -> MALT"),
        ("CD4⁺ CD8⁻, ER ➕ PR ➖", "CD4+ CD8-, ER + PR -"),
        ("≥15 per field, ≤2 cm, 6±1 µm, ~30%", ">=15 per field, <=2 cm, 6±1 µm, ~30%"),
        ("2–4 mm — at 20×, 36.5°C, 5 cm²", "2-4 mm - at 20x, 36.5°C, 5 cm²"),
        ("Crohn’s, Barrett´s and Ewing′s “clear” cells", "Crohn's, Barrett's and Ewing's \"clear\" cells"),
        ("-ve for CK7, +ve for CK20", "-ve for CK7, +ve for CK20"),
        ("Me\u0301ne\u0301trier’s", "Ménétrier's"),
        ("H&amp;amp;amp;E, Ki-67 &amp;lt;5%, 3 &amp;#181;m, AT&T; R&D", "H&E, Ki-67 <5%, 3 µm, AT&T; R&D"),
        ("✔ CD3 ✅ PAX8 ✘ CD20 ❌ EBV, grade ★★☆ ⭐", "✓ CD3 ✓ PAX8 ✗ CD20 ✗ EBV, grade ★★☆ ★"),
        ("10⁶ cells, 10⁻³ M, cm², Ca²⁺, H₂O, ¾ of Ⅳ and ①", "10⁶ cells, 10⁻³ M, cm², Ca²+, H₂O, ¾ of Ⅳ and ①"),
        ("PSA ⬆️ ▲ ↗ CA125 ▼ ↘, 20✖, ＣＤ２０ ５０％, 5㎛", "PSA ↑ ↑ ↗ CA125 ↓ ↘, 20x, CD20 50%, 5μm"),
        ("Panels 🅰 and 🅱, Herceptin™ 🔴 ▪ HER2 🔟%, κ∶λ", "Panels A and B, Herceptin HER2 10%, κ:λ"),
        ("TGF-β ↑, 60 ♀", "TGF-β ↑, 60 ♀"),
        ("\u200bFibro\u00adsis\ufeff of\u00a0the liver\u2026", "Fibrosis of the liver..."),
        ("👩‍⚕️ Which stain❓ 1️⃣ PAS 2️⃣ GMS 👍🏽🇩🇪", "Which stain 1 PAS 2 GMS"),
        ("组织学：腺癌 гистология كبد यकृत्", "组织学：腺癌 гистология كبد यकृत्"),
        ("#SARSCoV2 #HodgkinLymphoma #GIPath #Ki67", "SARSCoV2 hodgkin lymphoma GIPath Ki67"),
        ("See pic.twitter.com/x1 www.a.org/b?c=d dr.x@hosp.org @ann @40x", "See @40x"),
    ],
)
def test_signs_and_scripts_are_kept(text, clean):
    assert openpath.clean(text) == clean


@pytest.mark.parametrize(
    ("row", "text", "fault"),
    [
        ("5,u,a gland, and ducts,a.jpg,en\n", "", "line 3: 6 cells, should be 5"),
        ('5,u,"open, and ducts,a.jpg,en\n', "", "line 3: 6 cells, should be 5"),
        ('5,u,"never closed,a.jpg,en\n', '"never closed', ""),
        ('5,u,"closed" here,a.jpg,en\n', '"closed" here', ""),
        ("5,u,a gland,a.jpg\n", "a gland", ""),
    ],
)
@pytest.mark.parametrize("after", ["", GOOD.format(id=6)])
def test_a_broken_row_is_told_and_costs_no_other(read, row, text, fault, after):
    found = read(HEADER + GOOD.format(id=4) + row + after)
    between = ("unnamed", "", "broken_row", fault) if fault else ("5", text, "", "a.jpg")
    good = [(id, "a, gland", "", "a.jpg") for id in ("4", "6")]
    assert found == [good[0], between, *good[1 : 1 + bool(after)]]


WHOLE = [("1500000000000000001", "a gland", "", "a.jpg"), ("1500000000000000002", "two ducts", "", "a.jpg")]
TWEETS = pd.DataFrame(WHOLE, columns=["Tweet ID", "Text", "user", "Image"]).assign(lang="en")


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("tweets.csv.gz", lambda path: TWEETS.to_csv(path, index=False)),
        ("tweets.tsv", lambda path: TWEETS.to_csv(path, index=False, sep="\t")),
        ("tweets.xlsx", lambda path: TWEETS.to_excel(path, index=False)),
        ("tweets.jsonl", lambda path: TWEETS.to_json(path, orient="records", lines=True)),
        ("tweets.parquet", lambda path: TWEETS.astype({"Tweet ID": "int64"}).to_parquet(path)),
        ("tweets.csv", lambda path: path.write_text("# of May\n\n" + 2 * TWEETS[:1].to_csv(index=False))),
    ],
)
def test_tweets_are_read_from_tables_of_every_kind(tmp_path, read_folder, name, write):
    write(tmp_path / name)
    assert read_folder() == (WHOLE if name != "tweets.csv" else WHOLE[:1] * 2)


def test_an_id_that_a_workbook_has_as_a_fraction_is_refused_and_one_table_is_wanted(tmp_path, read_folder):
    TWEETS.assign(**{"Tweet ID": [1.5e18, 1.5]}).to_parquet(tmp_path / "tweets.parquet")
    assert [drop for *_, drop, _ in read_folder()] == ["rounded_id", "rounded_id"]
    (tmp_path / "tweets.tsv").write_text("tweet_id\n")
    with pytest.raises(StageError, match=r"tweets.csv: tweets.parquet, tweets.tsv: leave one of them"):
        read_folder()


def test_texts_go_over_lines_and_tables_have_other_separators(read):
    assert read(HEADER + '4,u,"a gland\nand ducts",a.jpg,en\n') == [("4", "a gland and ducts", "", "a.jpg")]
    assert read((HEADER + "4,u,a gland,a.jpg,en\n").replace(",", ";"))[0][:2] == ("4", "a gland")
    assert read(b"\xef\xbb\xbf" + (HEADER + "4,u,gl\xe4nd,a.jpg,en\n").encode())[0][:2] == ("4", "gl\xe4nd")
    assert read((HEADER + "4,u,Sj\xf6gren\x92s,a.jpg,en\n").encode("latin-1"))[0][1] == "Sjögren's"
    assert read((HEADER + "4,u,gländ,a.jpg,en\n").replace(",", "\t").encode("utf-16"))[0][:2] == ("4", "gländ")
    with pytest.raises(StageError, match=r"tweets.csv is empty"):
        read("")


@pytest.mark.parametrize(
    ("cell", "key", "reason"),
    [
        ("1500000000000000001", "1500000000000000001", ""),
        ("'1500000000000000001", "1500000000000000001", ""),
        ("https://x.com/u/status/1500000000000000001", "1500000000000000001", ""),
        ("https://x.com/u/status/1500000000000000001?s=20", "1500000000000000001", ""),
        ("https://x.com/u/status/1500000000000000001/photo/1", "1500000000000000001", ""),
        ('"=""1500000000000000001"""', "1500000000000000001", ""),
        ("1.5E+18", "unnamed", "rounded_id"),
        ("1.5e18", "unnamed", "rounded_id"),
        ("1500000000000000001.0", "unnamed", "rounded_id"),
        ('"1,5E+18"', "unnamed", "rounded_id"),
        ("no id", "unnamed", "no_id"),
    ],
)
def test_ids_are_read_or_refused_but_never_made_up(read, cell, key, reason):
    assert [(one, drop) for one, _, drop, _ in read(f"{HEADER}{cell},u,a gland,a.jpg,en\n")] == [(key, reason)]


@pytest.mark.parametrize(
    ("code", "reason"),
    [("und", ""), ("qht", ""), ("qme", ""), ("la", ""), ("", ""), ("EN", ""), ("en-US", ""), ("fr", "language")],
)
def test_a_language_that_the_site_does_not_know_is_no_other(read, code, reason):
    assert [drop for *_, drop, _ in read(f"{HEADER}4,u,a gland,a.jpg,{code}\n")] == [reason]


def test_images_are_found_through_links_and_with_backslashes(tmp_path, read):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "b.jpg").write_bytes(b"picture")
    (tmp_path / "images").symlink_to(tmp_path / "disk")
    rows = [f"{n},u,a gland,{name},en\n" for n, name in enumerate(("images/b.jpg", "images\\b.jpg", "x" * 300, "../b"))]
    assert [drop for *_, drop, _ in read(HEADER + "".join(rows))] == ["", "", "missing_image", "missing_image"]
