"""Near-duplicate texts of any language, by the Jaccard similarity of their words (MinHash)."""

import unicodedata
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd
import regex
from numpy.typing import NDArray

from stages.common.text.characters import UNSPACED, plain_signs

PERMUTATIONS, BANDS = 64, 16  # texts of Jaccard similarity 0.8 share one of 16 bands of 4 with probability 0.9998
SEED = 1
MIX = 0x9E3779B97F4A7C15  # any large odd number
SIGN = r"(?:[+-]+(?![\p{L}\p{N}]))?"  # behind a word
WORD = regex.compile(  # "CD3-", "1.5" and "+ve" are words; of scripts without spaces each letter is one
    rf"(?V1)[\p{{L}}--[{UNSPACED}]][\p{{L}}\p{{M}}\p{{N}}--[{UNSPACED}]]*{SIGN}|\p{{N}}+(?:[.,]\p{{N}}+)*{SIGN}"
    rf"|[{UNSPACED}]\p{{M}}*|[<>]=?|[=±]|[+-]ve\b|(?<!\S)\+(?!\S)"
)
TELLING = regex.compile(  # words that texts of one meaning share: numbers, markers, single letters, "not", "positive"
    r"\p{L}{0,3}\p{N}.*|.*[<>=±+-]|[+-]ve|[b-zα-ω]"
    r"|non?|not|nor|never|none|without|absen(?:t|ce)|presen(?:t|ce)|(?:nega|posi)ti\w+|не|нет|без|[不无未没]"
)


def text_groups(texts: Sequence[str], min_jaccard: float) -> NDArray[np.int64]:
    """Return for each text the row of the first one that is the same or nearly so: their sets of words have a Jaccard
    similarity of at least `min_jaccard`, the words that each has once are in one order, and no word of TELLING is in
    one alone. Found by MinHash (rensa) and banding, then measured.

    A text is compared only with the first text of each band that it shares, so that no chain of slightly different
    texts grows into one group.
    """
    from rensa import RMinHash

    if not len(texts):
        return np.zeros(0, np.int64)
    codes, unique = pd.factorize(pd.Series([" ".join(_words(text)) for text in texts], dtype="string"))
    words = [text.split() for text in unique]
    digests = np.asarray(
        RMinHash.digest_matrix_from_token_sets(
            [sorted(set(one)) for one in words], num_perm=PERMUTATIONS, seed=SEED
        ).to_rows(),
        np.uint32,
    )
    leader = np.arange(len(words))
    for band in np.split(digests, BANDS, axis=1):
        # The four numbers of a band are hashed into one; two bands with the same hash by chance cost one comparison.
        halves = np.ascontiguousarray(band).view(np.uint64)
        keys, _ = pd.factorize(halves[:, 0] * np.uint64(MIX) ^ halves[:, 1])
        first = pd.DataFrame({"key": keys}).groupby("key").cumcount().to_numpy()
        owner = np.flatnonzero(first == 0)[keys]
        for row in np.flatnonzero((first > 0) & (leader == np.arange(len(words)))):
            other = leader[owner[row]]
            if other < row and _nearly_same(words[row], words[other], min_jaccard):
                leader[row] = other
    first_row = np.full(len(unique), -1)
    first_row[codes[::-1]] = np.arange(len(codes))[::-1]
    return np.asarray(first_row[leader[codes]], np.int64)


def _words(text: str) -> list[str]:
    """The words of a text, in one form whatever its typography and case."""
    return WORD.findall(unicodedata.normalize("NFKC", plain_signs(text)).casefold())


def _nearly_same(one: list[str], other: list[str], min_jaccard: float) -> bool:
    a, b = set(one), set(other)
    if len(a & b) < min_jaccard * len(a | b) or any(TELLING.fullmatch(word) for word in a ^ b):
        return False
    once = {word for word, n in Counter(one).items() if n == 1} & {word for word, n in Counter(other).items() if n == 1}
    return [word for word in one if word in once] == [word for word in other if word in once]
