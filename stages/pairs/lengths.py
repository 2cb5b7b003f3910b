"""Sentences that are too long for a model's tokenizer, cut into parts that fit."""

import functools
import re
from collections.abc import Callable
from difflib import SequenceMatcher
from itertools import accumulate, pairwise

from stages.common.errors import StageError
from stages.common.models.weights import why_missing
from stages.common.tables.captions import CaptionSentence

BREAKS = (r"(?<=[.!?;:])\s+", r"(?<=,)\s+", r"\s+(?=(?:and|but|which|because|so|while|with)\b)", r"\s+")


@functools.cache
def token_counter(name: str) -> Callable[[str], int]:
    """Return a function that counts the tokens of a text for the open_clip model `name`, start and end tokens too."""
    import open_clip

    if ":" not in name and open_clip.get_model_config(name) is None:  # open_clip would use its default tokenizer
        raise StageError(f"pairs.tokenizer: open_clip knows no model '{name}'")
    try:
        tokenizer = open_clip.get_tokenizer(name)
    except (OSError, ValueError, RuntimeError) as error:
        raise StageError(f"pairs.tokenizer '{name}' cannot be had: {why_missing(error)}") from None
    return lambda text: len(tokenizer.encode(text)) + 2


def split_sentence(sentence: CaptionSentence, count: Callable[[str], int], limit: int) -> list[CaptionSentence]:
    """Return `sentence` ({text, start, end, times, entities, ...}) as parts of at most `limit` tokens.

    It is cut at the end of a clause, else between words, never inside one. A part has the times of its words; an entity
    goes to the part that has its words.
    """
    texts = _cut(sentence["text"], count, limit, 0)
    if len(texts) == 1:
        return [sentence]
    edges = [0, *accumulate(len(text.split()) for text in texts)]
    heard = _as_heard(sentence)
    parts = []
    for text, (first, end) in zip(texts, pairwise(edges), strict=True):
        times = sentence["times"][heard[first] : max(heard[end], heard[first] + 1)] or sentence["times"][-1:]
        entities = [entity for entity in sentence["entities"] if entity["term"] in text]
        part = sentence.copy()
        part.update({"text": text, "start": times[0][0], "end": times[-1][1], "times": times, "entities": entities})
        parts.append(part)
    return parts


def _as_heard(sentence: CaptionSentence) -> list[int]:
    """For each word of the corrected text, and for its end, the number of the word as it was heard, which has a time.

    A correction may make one word of several, or several of one.
    """
    said, words = len(sentence["times"]), sentence["text"].split()
    if len(words) == said:
        return list(range(said + 1))
    place = [0] * len(words)
    blocks = SequenceMatcher(None, words, sentence["raw"].split(), autojunk=False).get_opcodes()
    for _, first, end, heard, heard_end in blocks:
        for n in range(first, end):
            place[n] = heard + (n - first) * (heard_end - heard) // (end - first)
    return [*(min(n, said - 1) for n in place), said]


def _cut(text: str, count: Callable[[str], int], limit: int, level: int) -> list[str]:
    """`text` in as few parts as fit, cut at the first of BREAKS that makes them short enough."""
    if count(text) <= limit or level == len(BREAKS):
        return [text]
    parts: list[str] = []
    for piece in re.split(BREAKS[level], text):
        if parts and count(f"{parts[-1]} {piece}") <= limit:
            parts[-1] = f"{parts[-1]} {piece}"
        else:
            parts.append(piece)
    return [small for part in parts for small in _cut(part, count, limit, level + 1)]
