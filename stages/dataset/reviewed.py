"""What readers of the review page say must go: pairs that are wrong, and images that must not be used."""

from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd

from stages.common.reviews import MISMATCH, WITHDRAW, WRONG, shown_items


class Marked(NamedTuple):
    """Pairs that readers called wrong, and those whose images they withdrew."""

    wrong: frozenset[str] = frozenset()
    withdrawn: frozenset[str] = frozenset()


def marked_pairs(reviews: pd.DataFrame, pair_ids: Iterable[str]) -> Marked:
    """Which of `pair_ids` any reader marked. A mismatch is of no pair, so that it is no wrong one; its image counts."""
    marks = reviews[reviews.action != ""]
    if marks.empty:
        return Marked()
    found = marks.merge(shown_items(pair_ids), on="item")
    wrong = found[(found.action == WRONG) & (found.role != MISMATCH)]
    return Marked(frozenset(wrong.pair_id), frozenset(found.pair_id[found.action == WITHDRAW]))


def withdrawn_rows(table: pd.DataFrame, withdrawn: frozenset[str]) -> pd.Series:
    """The rows of `table` whose image is that of a withdrawn pair, or the one that was kept in place of it."""
    named = table.pair_id.isin(withdrawn)
    kept_instead = table.pair_id.isin(set(table.duplicate_of[named]) - {""})
    return table.image.isin(table.image[named | kept_instead])
