"""What readers of the review page say must go: pairs that are wrong, and images that must not be used."""

from typing import NamedTuple

import pandas as pd

from stages.common.reviews import MISMATCH, WITHDRAW, WRONG, image_of, shown_items


class Marked(NamedTuple):
    """Pairs that a reader called wrong (pair_id), and images that a reader withdrew (references)."""

    wrong: frozenset[str] = frozenset()
    images: frozenset[str] = frozenset()


def marked(reviews: pd.DataFrame, pairs: pd.DataFrame) -> Marked:
    """What any reader marked of `pairs`. A mismatch is none of them, so it is no wrong one; but its image is theirs."""
    wrong, withdrawn = (reviews[reviews.action == action] for action in (WRONG, WITHDRAW))
    items = shown_items(pairs if len(wrong) else pairs.head(0))
    found = items[items["item"].isin(wrong["item"]) & (items.role != MISMATCH)]
    images = {image_of(one): one for one in (pairs.image.unique() if len(withdrawn) else ())}
    return Marked(frozenset(found.pair_id), frozenset(images[one] for one in withdrawn.image if one in images))


def withdrawn_rows(table: pd.DataFrame, images: frozenset[str]) -> pd.Series:
    """The rows of `table` with one of `images`, or with the one that was kept in place of it."""
    named = table.image.isin(images)
    kept_instead = table.pair_id.isin(set(table.duplicate_of[named]) - {""})
    return table.image.isin(table.image[named | kept_instead])
