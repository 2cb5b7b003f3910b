"""A second look for leaks, with other eyes than those of the search that removed them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from stages.dataset.duplicates import Verify
from stages.dataset.neighbours import IndexPairs
from stages.dataset.words import Features, pictures_with_common_words

SAMPLE = 10_000  # images of a side that are looked at: words of spots are too short to search a million
COMMON = 512  # images that may have a word
NEIGHBOURS = 3  # images that share most with one
VOTES = 3  # features that agree


def second_look(
    table: pd.DataFrame, images: pd.DataFrame, tests: pd.DataFrame, seed: int, verify: Verify, jobs: int = 1
) -> dict[str, int]:
    """Count images of train and val (of a sample: `looked_at`) that show the place of an evalset's image (`evalsets`)
    or of one of the test split (`test`).

    Candidates come from `spots`, which `copies` and `leaks` do not know; `verify` confirms them.
    """
    kept = table[table.split != ""].drop_duplicates("image")[["image", "split"]]
    kept = kept.merge(images[["image", "spots"]], on="image")
    learnt = _sample(kept[kept.split != "test"], seed)
    held = {"evalsets": tests[tests.error == ""], "test": kept[kept.split == "test"]}
    found = {name: _shown(learnt, _sample(rows, seed), verify, jobs) for name, rows in held.items()}
    return {"looked_at": len(learnt), **found}


def _sample(rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    return (rows.sample(SAMPLE, random_state=seed).sort_index() if len(rows) > SAMPLE else rows).reset_index(drop=True)


def _shown(learnt: pd.DataFrame, held: pd.DataFrame, verify: Verify, jobs: int) -> int:
    pairs = candidates(learnt.spots, held.spots, jobs)
    asked: Sequence[tuple[str, str]] = list(zip(learnt.image[pairs[:, 0]], held.image[pairs[:, 1]], strict=True))
    return len(np.unique(pairs[np.asarray(verify(asked), bool), 0])) if asked else 0


def candidates(left: pd.Series, right: pd.Series, jobs: int) -> IndexPairs:
    """Rows (i, j) whose spots share words."""
    sides, groups = (Features.of(left), Features.of(right)), (np.full(len(left), -1), np.arange(len(right)))
    return pictures_with_common_words(*sides, *groups, jobs, common=COMMON, count=NEIGHBOURS, least=VOTES)
