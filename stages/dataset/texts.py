"""Near-duplicate texts, by the Jaccard similarity of their words (MinHash)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

PERMUTATIONS, BANDS = 64, 16  # texts of Jaccard similarity 0.8 share one of 16 bands of 4 with probability 0.9998
SEED = 1
MIX = 0x9E3779B97F4A7C15  # any large odd number
WORD = r"[^a-z0-9]+"


def text_groups(texts: Sequence[str], min_jaccard: float) -> NDArray[np.int64]:
    """Return for each text the row of the first one that is the same or nearly so: their sets of words have a Jaccard
    similarity of at least `min_jaccard`. Found by MinHash (rensa) and banding, then measured.

    A text is compared only with the first text of each band that it shares, so that no chain of slightly different
    texts grows into one group.
    """
    from rensa import RMinHash

    if not len(texts):
        return np.zeros(0, np.int64)
    plain = pd.Series(texts, dtype="string").str.lower().str.replace(WORD, " ", regex=True).str.strip()
    codes, unique = pd.factorize(plain)
    words = [sorted(set(text.split())) for text in unique]
    digests = np.asarray(
        RMinHash.digest_matrix_from_token_sets(words, num_perm=PERMUTATIONS, seed=SEED).to_rows(), np.uint32
    )
    leader = np.arange(len(words))
    sets = [frozenset(one) for one in words]
    for band in np.split(digests, BANDS, axis=1):
        # The four numbers of a band are hashed into one; two bands with the same hash by chance cost one comparison.
        halves = np.ascontiguousarray(band).view(np.uint64)
        keys, _ = pd.factorize(halves[:, 0] * np.uint64(MIX) ^ halves[:, 1])
        first = pd.DataFrame({"key": keys}).groupby("key").cumcount().to_numpy()
        owner = np.flatnonzero(first == 0)[keys]
        for row in np.flatnonzero((first > 0) & (leader == np.arange(len(words)))):
            other = leader[owner[row]]
            if other < row and _jaccard(sets[row], sets[other]) >= min_jaccard:
                leader[row] = other
    first_row = np.full(len(unique), -1)
    first_row[codes[::-1]] = np.arange(len(codes))[::-1]
    return np.asarray(first_row[leader[codes]], np.int64)


def _jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / max(1, len(a | b))
