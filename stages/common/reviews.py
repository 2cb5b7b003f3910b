"""Answers of readers of the review page: data/reviews/READER.csv, as the page exports them; no stage writes there.

What a reader was shown goes by an id that a stage can work out of a pair's, and that does not tell which are controls.
"""

import hashlib
from collections.abc import Iterable
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
COLUMNS = ("item", *QUESTIONS, "action", "comment")
PAIR, REPEAT, MISMATCH = "pair", "repeat", "mismatch"
ROLES = (PAIR, REPEAT, MISMATCH)  # a pair of the sample, one shown again, an image with the text of another
NOTES = ("README.md",)


def item_of(pair_id: str, role: str) -> str:
    """The id under which a reader sees a pair, or, as a mismatch, its image."""
    return hashlib.sha256(f"{role} {pair_id}".encode()).hexdigest()[:16]


def shown_items(pair_ids: Iterable[str]) -> pd.DataFrame:
    """Everything that a reader can have been shown of these pairs: item, pair_id, role."""
    rows = [(item_of(pair_id, role), pair_id, role) for pair_id in pair_ids for role in ROLES]
    return pd.DataFrame(rows, columns=["item", "pair_id", "role"])


def read_reviews(folder: Path) -> pd.DataFrame:
    """The answers in `folder`: reader, and COLUMNS; a row for each item that a reader answered.

    Raises StageError naming the file and the row for an answer that the page does not give, and for a file that is no
    CSV.
    """
    files = sorted(path for path in folder.glob("*") if path.name not in NOTES and not path.name.startswith("."))
    rows = [(path.stem, *row) for path in files for row in _rows(path)]
    return pd.DataFrame(rows, columns=["reader", *COLUMNS], dtype="object")


def _rows(path: Path) -> list[tuple[str, ...]]:
    if path.suffix != ".csv":
        raise StageError(f"{path} is no CSV: put the CSV there that the review page exports, and nothing else")
    allowed = dict.fromkeys(QUESTIONS, ANSWERS) | {"action": tuple(ACTIONS)}
    found: dict[str, tuple[str, ...]] = {}
    for number, row in enumerate(read_filled_in(path, "item"), 2):
        cells = {name: row.get(name, "").strip() for name in COLUMNS}
        for name, words in allowed.items():
            if cells[name] not in ("", *words):
                wanted = ", ".join(words)
                raise StageError(f"{path}, row {number}: {name} is '{cells[name]}': write one of {wanted}, or nothing")
        if missing := sorted({*COLUMNS} - row.keys()):
            raise StageError(f"{path}: column '{missing[0]}' is missing: put it back, or export the answers again")
        if cells["item"] in found:
            raise StageError(f"{path}, row {number}: {cells['item']} is there twice: leave one of the two")
        found[cells["item"]] = tuple(cells.values())
    return list(found.values())
