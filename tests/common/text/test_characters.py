"""Characters have one form, and only those that are no text are lost."""

import sys
import unicodedata

import pytest

from stages.common.text.characters import count_words, one_line, plain_signs, without_pictures


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Me\u0301ne\u0301trier\n\tdisease\u00a0here", "Ménétrier disease here"),
        ("fib\u00adro\u200bsis\ufeff", "fibrosis"),
        ("a\x00b\x85c\u2028d", "a b c d"),
        ("\u202eevil\u202c", "evil"),
        ("می\u200cخواهم क्\u200dष", "می\u200cخواهم क्\u200dष"),  # joiners inside words
        ("x \u200d y\u200c", "x y"),
        ("≥5 × 3 – 4 µm 🔬", "≥5 × 3 – 4 µm 🔬"),
    ],
)
def test_a_line_has_only_text(text, line):
    assert one_line(text) == line


def test_no_letter_mark_or_number_of_any_script_is_lost():
    kept = [chr(code) for code in range(sys.maxunicode) if unicodedata.category(chr(code))[0] in "LN"]
    assert without_pictures("".join(kept)) == "".join(kept)
    marks = [chr(code) for code in range(0x300, 0xE000) if unicodedata.category(chr(code))[0] == "M"]
    shown = without_pictures("".join(f"x{mark}" for mark in marks))
    assert [mark for mark in marks if mark not in shown] == ["\u20e3"]  # the frame of a key's picture


@pytest.mark.parametrize(
    ("text", "plain"),
    [("CD3− 5±2", "CD3- 5±2"), ("A → B ⇒ C ↔ D", "A -> B => C <-> D"), ("≤2 ≥1 40×", "<=2 >=1 40x"), ("“ﬁ”", '"fi"')],
)
def test_signs_of_one_meaning_are_one_sign(text, plain):
    assert plain_signs(text) == plain


def test_pictures_go_and_symbols_that_are_text_stay():
    assert without_pictures("37°C 45♀ ↑ 1️⃣🔬👩🏽‍🔬🇩🇪").strip() == "37°C 45♀ ↑ 1"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("a gland - and ducts", 5),
        ("胃黏膜，腺癌。", 3),
        ("CK7 阳性", 2),
        ("Хронический гастрит", 2),
        ("위 점막", 2),
    ],
)
def test_words_are_counted_in_every_script(text, words):
    assert count_words(text) == words
