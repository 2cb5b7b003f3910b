"""Answers of readers of the review page: data/reviews/READER.csv, as the page exports them; no stage writes there.

What a reader was shown goes by ids that a stage can work out of pairs, and that do not tell which are controls. That of
an item holds for this pair with this text; that of its image stays when texts are made anew.
"""

import hashlib
import re
import unicodedata
from pathlib import Path

import pandas as pd

from stages.common.data.answers import read_filled_in
from stages.common.errors import StageError

QUESTIONS = {
    "usable": "The image is histology and can be judged",
    "text": "The text is correct English and correct medicine",
    "match": "The text describes this image",
    "sub_pathology": "The sub-pathology is right",
    "region": "The box is on what the text speaks of",
}
YES, NO, CANNOT_TELL = "yes", "no", "cannot_tell"
ANSWERS = (YES, NO, CANNOT_TELL)
WITHDRAW, WRONG = "withdraw", "wrong"
ACTIONS = {
    WITHDRAW: "Withdraw: must not be used (a face, a name, no permission)",
    WRONG: "Wrong: leave this pair out of the dataset",
}
WRONG_REASON, WITHDRAWN_REASON = "wrong_by_reader", "withdrawn_by_reader"  # why pairs of theirs are dropped
COLUMNS = ("item", "image", *QUESTIONS, "action", "comment")
PAIR, REPEAT, MISMATCH = "pair", "repeat", "mismatch"
ROLES = (PAIR, REPEAT, MISMATCH)  # a pair of the sample, one shown again, an image with the text of another
NOTES = ("README.md",)


def item_of(pair_id: str, text: str, role: str) -> str:
    """The id under which a reader sees a pair, or, as a mismatch, its image."""
    return _short_hash(f"{role} {pair_id} {text}")


def image_of(reference: str) -> str:
    """The id of an image that a reader sees."""
    return _short_hash(f"image {reference}")


def shown_items(pairs: pd.DataFrame) -> pd.DataFrame:
    """Everything that a reader can have been shown of `pairs` (pair_id, text): item, pair_id, role."""
    told = zip(pairs.pair_id, pairs.text, strict=True)
    rows = [(item_of(pair_id, text, role), pair_id, role) for pair_id, text in told for role in ROLES]
    return pd.DataFrame(rows, columns=["item", "pair_id", "role"])


def read_reviews(folder: Path) -> pd.DataFrame:
    """The answers in `folder`: reader, and COLUMNS; a row for each item that a reader answered.

    Raises StageError naming the file and the row for an answer that the page does not give, for an id that a
    spreadsheet changed, and for a file that is no CSV or is not named as the page names it.
    """
    files = sorted(path for path in folder.glob("*") if path.name not in NOTES and not path.name.startswith("."))
    readers = {path: _reader(path) for path in files}
    rows = [(reader, *row) for path, reader in readers.items() for row in _rows(path)]
    return pd.DataFrame(rows, columns=["reader", *COLUMNS], dtype="object")


def _short_hash(text: str) -> str:
    """Sixteen characters, never a number: a spreadsheet rounds such an id, and what it marks would be lost."""
    found = hashlib.sha256(text.encode()).hexdigest()[:16]
    return found if re.search("[abcdf]", found) else f"x{found[1:]}"


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[\d.,]+(e[+-]?\d+)?", text, re.IGNORECASE) is not None


def _reader(path: Path) -> str:
    """The name of the reader; browsers and file managers call a second file of one reader `ann (1)`."""
    if path.suffix != ".csv":
        raise StageError(f"{path} is no CSV: put the CSV there that the review page exports, and nothing else")
    if not re.fullmatch(r"[\w-]+", unicodedata.normalize("NFKC", path.stem)):
        raise StageError(
            f"{path}: a reader is named in letters, digits and dashes: rename it, or if the reader has another file "
            "here, keep the newer of them"
        )
    return path.stem


def _rows(path: Path) -> list[tuple[str, ...]]:
    allowed = dict.fromkeys(QUESTIONS, ANSWERS) | {"action": tuple(ACTIONS)}
    found: dict[str, tuple[str, ...]] = {}
    for number, row in enumerate(read_filled_in(path, "item"), 2):
        cells = {name: row.get(name, "").strip() for name in COLUMNS}
        if not any(cells.values()):
            continue  # what a spreadsheet leaves of a row that was emptied
        for name, words in allowed.items():
            if cells[name] not in ("", *words):
                wanted = ", ".join(words)
                raise StageError(f"{path}, row {number}: {name} is '{cells[name]}': write one of {wanted}, or nothing")
        if missing := sorted({*COLUMNS} - row.keys()):
            raise StageError(f"{path}: column '{missing[0]}' is missing: put it back, or export the answers again")
        if changed := next((cells[name] for name in ("item", "image") if _is_number(cells[name])), ""):
            raise StageError(
                f"{path}, row {number}: {changed} is no id: a spreadsheet took one for a number; take the row from the "
                "file that the page saved"
            )
        if cells["action"] == WITHDRAW and not cells["image"]:
            raise StageError(f"{path}, row {number}: image is empty: withdraw names what must go, so fill it in again")
        if cells["item"] in found:
            raise StageError(f"{path}, row {number}: {cells['item']} is there twice: leave one of the two")
        found[cells["item"]] = tuple(cells.values())
    return list(found.values())
