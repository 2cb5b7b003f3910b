"""What a source of the user's own yields is checked, whatever it is."""

import pytest

from stages.common.data.files import SAFE_ID
from stages.common.errors import StageError
from stages.sources.added import added
from stages.sources.params import Added

HEAD = """
from stages.sources.candidate import Candidate
GOOD = {"key": "a", "group": "g", "image": b"", "text": "Some text.", "provenance": "here"}
def read(folder):
"""


@pytest.fixture
def rows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def read(body):
        (tmp_path / "mine.py").write_text(HEAD + f"    {body}\n")
        return list(added("mine", Added(read="mine.py:read", folder="here")))

    return read


@pytest.mark.parametrize("name", ["", "a.b", "../a", "a/b", "ü", "a" * 300, "-a", "a b", "a\\n"])
@pytest.mark.parametrize("field", ["key", "group"])
def test_a_name_that_no_file_can_have_drops_its_row_and_others_go_on(rows, field, name):
    first, second = rows(f"yield Candidate(**GOOD | {{'{field}': '{name}'}}); yield Candidate(**GOOD)")
    assert (first.drop, second.drop) == (f"bad_{field}", "")
    assert SAFE_ID.fullmatch(getattr(first, field))


def test_two_bad_names_are_two_names(rows):
    first, second = rows("yield Candidate(**GOOD | {'group': 'a.b'}); yield Candidate(**GOOD | {'group': 'a/b'})")
    assert first.group != second.group


def test_what_the_tables_can_hold_passes(rows):
    (first,) = rows("yield Candidate(**GOOD, drop='too_dark', more={'confidence': 1, 'sub_pathology': 'Soft tissue'})")
    assert (first.drop, first.more) == ("too_dark", {"confidence": 1, "sub_pathology": "Soft tissue"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"key": 3}, "key is int, should be str"),
        ({"group": None}, "group is NoneType, should be str"),
        ({"image": 3}, "image is int, should be bytes or str"),
        ({"text": b"text"}, "text is bytes, should be str"),
        ({"license": None}, "license is NoneType, should be str"),
        ({"more": []}, "more is list, should be dict"),
        ({"more": {"pair_id": "x"}}, "more has 'pair_id', which is none of video_id, hold_id, .*, confidence$"),
        ({"more": {"entities": "none"}}, "more has 'entities', which is none of"),
        ({"more": {"colour": "red"}}, "more has 'colour', which is none of"),
        ({"more": {"confidence": "high"}}, r"more\['confidence'\] is str, should be double"),
        ({"more": {"sub_pathology": 3}}, r"more\['sub_pathology'\] is int, should be string"),
        (
            {"more": {"sub_pathology": "skin"}},
            r"more\['sub_pathology'\] is 'skin', should be '' or one of Bone, .*Renal",
        ),
        ({"more": {"confidence": 1.5}}, r"more\['confidence'\] is 1.5, should be between 0 and 1"),
        ({"more": {"confidence": -1}}, r"more\['confidence'\] is -1, should be between 0 and 1"),
        ({"drop": "Too dark"}, "drop is 'Too dark', should be a lower-case word, with underscores, or ''"),
        ({"drop": "dark\n"}, r"drop is 'dark\\n', should be a lower-case word"),
    ],
)
def test_a_field_of_a_wrong_type_names_row_and_field(rows, change, message):
    with pytest.raises(StageError, match=f"sources.more.mine.read: mine.py:read: row 2: {message}"):
        rows(f"yield Candidate(**GOOD); yield Candidate(**GOOD | {change})")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("pass", "mine.py:read returned nothing"),
        ("return 3", "mine.py:read must yield candidates, not return int"),
        ("yield 3", "mine.py:read must yield stages.sources.candidate.Candidate"),
        ("yield Candidate(**GOOD); 1 / 0", "mine.py line 5: ZeroDivisionError"),
        ("return type('Rows', (), {'__iter__': lambda self: 1 / 0})()", "mine.py line 5: ZeroDivisionError"),
        (
            "return type('Rows', (), {'__iter__': lambda self: 1 / 0, '__len__': lambda self: 1})()",
            "mine.py line 5: Zero",
        ),
    ],
)
def test_a_function_that_yields_no_candidates_stops_the_stage(rows, body, message):
    with pytest.raises(StageError, match=f"sources.more.mine.read: {message}"):
        rows(body)
