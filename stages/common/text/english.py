"""How common an English word is, from the frequency list that symspellpy carries."""

import functools

from stages.common.models.weights import locate

PAIRS = "package:symspellpy/frequency_bigramdictionary_en_243_342.txt"
FREQUENCIES = "package:symspellpy/frequency_dictionary_en_82_765.txt"


@functools.cache
def ranks() -> dict[str, int]:
    """Rank of each of 82,765 English words, 0 the most common."""
    lines = locate(FREQUENCIES).read_text(encoding="utf-8-sig").splitlines()
    counted = sorted(((int(line.split()[1]), line.split()[0]) for line in lines), key=lambda pair: (-pair[0], pair[1]))
    return {word: rank for rank, (_, word) in enumerate(counted)}


def common(word: str, first: int) -> bool:
    """Whether `word`, in lower case, is among the `first` most common words; plurals count as their singular."""
    return any(ranks().get(form, first) < first for form in (word, word.removesuffix("s"), word.removesuffix("es")))


def most_common(first: int) -> list[str]:
    """The `first` most common English words."""
    return [word for word, rank in ranks().items() if rank < first]


@functools.cache
def usual_pairs() -> frozenset[tuple[str, str]]:
    """The 243,342 pairs of words that follow each other most often in English."""
    lines = locate(PAIRS).read_text(encoding="utf-8-sig").splitlines()
    return frozenset((first, second) for first, second, _ in (line.split() for line in lines))
