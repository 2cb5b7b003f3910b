"""Near-duplicate texts of any language, by the Jaccard similarity of their words (MinHash)."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import regex
from numpy.typing import NDArray

from stages.common.text.characters import UNSPACED, plain_signs

PERMUTATIONS, BANDS = 64, 16  # texts of Jaccard similarity 0.8 share one of 16 bands of 4 with probability 0.9998
SEED = 1
PART = 1 << 14  # texts whose words are in memory at a time
MIX = 0x9E3779B97F4A7C15  # any large odd number
SIGN = r"(?:[+-]+(?![\p{L}\p{N}]))?"  # behind a word
NOT_SPACED = "ではない|ではありません|ありません|ません|ない|なし|なく|ไม่|[不无無未没非]"  # "not", "without"
WORD = regex.compile(  # "CD3-", "1.5", "10^6", "+ve" and "(+)" are words; of scripts without spaces each letter is one
    rf"(?V1){NOT_SPACED}|[\p{{L}}--[{UNSPACED}]][\p{{L}}\p{{M}}\p{{N}}--[{UNSPACED}]]*{SIGN}"
    rf"|\p{{N}}+(?:[.,]\p{{N}}+)*(?:\^-?\p{{N}}+)?{SIGN}"
    rf"|[{UNSPACED}]\p{{M}}*|[<>]=?|[=±]|[+-]ve\b|(?<!\S)\+(?!\S)|(?<=\()[+-]+(?=\))"
)
UNITS = "nm|μm|mm|cm|cm2|mm2|cm3|mm3|km|ng|μg|mg|kg|ml|μl|dl|μmol|mmol|nmol|min|hours?|days?|weeks?|months?|years?"
OPPOSITES = (  # what texts differ in that are alike otherwise
    "left|right|upper|lower|top|bottom|proximal|distal|anterior|posterior|dorsal|ventral|superior|inferior|medial|lateral"
    "|superficial|deep|central|peripheral|inner|outer|before|after|during|first|second|third|benign|malignant|mild"
    "|moderate|severe|marked|low|high|weak|strong|focal|diffuse|early|late|acute|chronic|primary|secondary|metastatic"
    "|well|poorly|small|large|increased|decreased|normal|abnormal|control|treated|untreated|male|female|men|women"
)
NEGATIONS = (  # "not", "without" and "with" in other languages of many articles
    "не|нет|без|kein\\w*|nicht|ohne|mit|sans|avec|pas|aucune?|sin|con|ningun[ao]?|senza|sem|com|não|geen|zonder|niet|met"
    "|yok|var|değil|لا|لم|ليس|بدون|دون|غير|नहीं|बिना|.*(?:없|않|아니).*"
)
TELLING = regex.compile(  # words that texts of one meaning share: numbers, markers, single letters, "not", "positive"
    rf"\p{{L}}{{0,3}}\p{{N}}.*|.*[<>=±+-]|[+-]ve|[b-z]|.*[α-ω].*|[ivx]{{2,}}|{UNITS}|{OPPOSITES}|{NEGATIONS}|{NOT_SPACED}"
    r"|non?|not|nor|never|none|without|absen(?:t|ce)|presen(?:t|ce)|(?:nega|posi)ti\w+|\w+n't|cannot"
)
PREFIX = regex.compile("hyper|hypo|intra|extra|inter|multi|macro|micro|mono|poly|post|pre|non|uni|un|in|im|bi|a")
GREEK = regex.compile(r"\b(?:alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|sigma|tau|omega)\b")
VOWEL_SIGNS = regex.compile("[\u0591-\u05bd\u0640\u064b-\u065f\u0670]")  # that Hebrew and Arabic may leave out
RAISED = regex.compile("(?<=[0-9])[\u207a\u207b]?[\u2070\u00b9\u00b2\u00b3\u2074-\u2079]+")  # "10⁶"
FRACTION = regex.compile("(?<=[0-9])(?=[\u00bc-\u00be\u2150-\u215e])")  # "4½"


def text_groups(texts: Sequence[str], min_jaccard: float) -> NDArray[np.int64]:
    """Return for each text the row of the first one that is the same or nearly so: their sets of words have a Jaccard
    similarity of at least `min_jaccard`, the words that each has once are in one order, and no word of TELLING is in
    one alone. Found by MinHash (rensa) and banding, then measured.

    A text is compared only with the first text of each band that it shares, so that no chain of slightly different
    texts grows into one group.
    """
    if not len(texts):
        return np.zeros(0, np.int64)
    codes, unique = pd.factorize(pd.Series([" ".join(_words(text)) for text in texts], dtype="string"))
    digests = np.concatenate([_digests(unique[begin : begin + PART]) for begin in range(0, len(unique), PART)])
    leader = np.arange(len(unique))
    for band in np.split(digests, BANDS, axis=1):
        # The four numbers of a band are hashed into one; two bands with the same hash by chance cost one comparison.
        halves = np.ascontiguousarray(band).view(np.uint64)
        keys, _ = pd.factorize(halves[:, 0] * np.uint64(MIX) ^ halves[:, 1])
        first = pd.DataFrame({"key": keys}).groupby("key").cumcount().to_numpy()
        owner = np.flatnonzero(first == 0)[keys]
        for row in np.flatnonzero((first > 0) & (leader == np.arange(len(unique)))):
            other = leader[owner[row]]
            if other < row and _nearly_same(unique[row].split(), unique[other].split(), min_jaccard):
                leader[row] = other
    first_row = np.full(len(unique), -1)
    first_row[codes[::-1]] = np.arange(len(codes))[::-1]
    return np.asarray(first_row[leader[codes]], np.int64)


def _digests(texts: Iterable[str]) -> NDArray[np.uint32]:
    """(n, PERMUTATIONS) MinHash digests of the words of texts."""
    from rensa import RMinHash

    words = [sorted(set(text.split())) for text in texts]
    matrix = RMinHash.digest_matrix_from_token_sets(words, num_perm=PERMUTATIONS, seed=SEED)
    return np.asarray(matrix.to_rows(), np.uint32)


def _words(text: str) -> list[str]:
    """The words of a text, in one form whatever its typography and case."""
    text = RAISED.sub(lambda power: "^" + unicodedata.normalize("NFKC", power[0]).replace("\u2212", "-"), text)
    plain = unicodedata.normalize("NFKC", plain_signs(FRACTION.sub(" ", text))).casefold()
    plain = VOWEL_SIGNS.sub("", plain).replace("i\u0307", "i").replace("ı", "i")  # a Turkish "I" may be either
    return WORD.findall(GREEK.sub(lambda name: unicodedata.lookup(f"GREEK SMALL LETTER {name[0]}"), plain))


def _nearly_same(one: list[str], other: list[str], min_jaccard: float) -> bool:
    a, b = set(one), set(other)
    if len(a & b) < min_jaccard * len(a | b) or any(TELLING.fullmatch(word) for word in a ^ b):
        return False
    if not _stems(a - b).isdisjoint(_stems(b - a)):  # "ulcerated" and "nonulcerated"
        return False
    once = {word for word, n in Counter(one).items() if n == 1} & {word for word, n in Counter(other).items() if n == 1}
    return [word for word in one if word in once] == [word for word in other if word in once]


def _stems(words: set[str]) -> set[str]:
    """The words, and what is left of them without a prefix."""
    return words | {word[match.end() :] for word in words if (match := PREFIX.match(word)) and match.end() < len(word)}
