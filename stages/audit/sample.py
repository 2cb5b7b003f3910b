"""The stratified sample that readers review, with controls that measure how consistent and attentive they are."""

import hashlib
import re
from collections.abc import Iterable

import numpy as np
import pandas as pd

from stages.common.reviews import MISMATCH, PAIR, REPEAT, item_of
from stages.common.strata import NOT_STATED, draw

STRATA = ("source", "sub_pathology", "confidence")
COLUMNS = ["pair_id", "image", "group", "text", "text_group", "box"]  # of a pair, besides STRATA
BANDS = (0.5, 0.8, 0.95)  # confidences at which the next stratum begins
TRIED = 200  # texts among which the one is sought that is least like that of a mismatched image


def draw_items(kept: pd.DataFrame, size: int, repeated: int, mismatched: int, seed: int) -> pd.DataFrame:
    """What readers are shown of the pairs `kept`: item, role, pair_id, text_of and STRATA, in order of item.

    `text_of` is the pair whose text is shown: another one for a mismatch. Mismatched images come from outside the
    sample where there are enough. A pair's place in the draw is a hash of its id, so that a dataset that changes a
    little keeps most of its sample.
    """
    pairs = kept[COLUMNS].assign(**strata(kept), place=_places(kept.pair_id, seed)).sort_values("place")
    sample = draw(pairs, size, STRATA)
    others = pairs[~pairs.image.isin(sample.image)]
    odd = draw(others if len(others) >= mismatched else pairs, mismatched, STRATA)
    again = draw(sample, repeated, STRATA)
    items = pd.concat(
        [
            sample.assign(role=PAIR, text_of=sample.pair_id),
            again.assign(role=REPEAT, text_of=again.pair_id),
            odd.assign(role=MISMATCH, text_of=_other_texts(odd, pairs)).dropna(subset="text_of"),
        ]
    )
    items["item"] = [item_of(*one) for one in zip(items.pair_id, items.text, items.role, strict=True)]
    return items[["item", "role", "pair_id", "text_of", *STRATA]].sort_values("item", ignore_index=True)


def strata(pairs: pd.DataFrame) -> dict[str, pd.Series]:
    """The stratum of each pair, by the names in STRATA: source, sub-pathology, band of confidence."""
    names = [f"{low:g} to {high:g}" for low, high in zip((0, *BANDS), (*BANDS, 1), strict=True)]
    bands = pd.cut(pairs.confidence.fillna(0), [0, *BANDS, float("inf")], right=False, labels=names)
    fields = pairs.sub_pathology.fillna("").replace("", NOT_STATED)
    return dict(zip(STRATA, (pairs.source, fields, bands.astype(str)), strict=True))


def stratum_sizes(kept: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    """STRATA with how many pairs of each stratum there are (pairs), and how many of them the sample has (drawn)."""
    there = pd.DataFrame(strata(kept)).groupby([*STRATA]).size().rename("pairs").to_frame()
    drawn = items[items.role == PAIR].groupby([*STRATA]).size().rename("drawn")
    return there.join(drawn).fillna(0).astype(int).reset_index()


def _places(pair_ids: Iterable[str], seed: int) -> list[str]:
    return [hashlib.sha256(f"{seed} {pair_id}".encode()).hexdigest() for pair_id in pair_ids]


def _other_texts(odd: pd.DataFrame, pairs: pd.DataFrame) -> list[str | None]:
    """For each of `odd` the pair whose text is shown instead: of the same source, so that nothing else is unlike, but
    of another group and, if possible, sub-pathology, and with few words in common. None where there is no such."""
    found: list[str | None] = []
    for row in odd.itertuples():
        far = (pairs.source == row.source) & ((pairs.box == "[]") == (row.box == "[]"))
        far &= (pairs.group != row.group) & (pairs.text_group != row.text_group) & ~pairs.pair_id.isin(found)
        elsewhere = far & (pairs.sub_pathology != row.sub_pathology)
        tried = pairs.iloc[np.flatnonzero(elsewhere if elsewhere.any() else far)[:TRIED]]
        alike = [_shared(row.text, text) for text in tried.text]
        found.append(tried.pair_id.iloc[alike.index(min(alike))] if alike else None)
    return found


def _shared(one: str, other: str) -> float:
    """The share of words that two texts have in common (Jaccard)."""
    first, second = (set(re.findall(r"\w+", text.lower())) for text in (one, other))
    return len(first & second) / max(len(first | second), 1)
