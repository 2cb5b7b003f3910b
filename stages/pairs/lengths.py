"""Sentences that are too long for a model's tokenizer, cut into parts that fit."""

import functools
import re
from collections.abc import Callable

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

    It is cut at the end of a clause, else between words, never inside one. Parts divide its time in proportion to their
    letters; an entity goes to the part that has its words.
    """
    texts = _cut(sentence["text"], count, limit, 0)
    if len(texts) == 1:
        return [sentence]
    length, total, begun = sentence["end"] - sentence["start"], sum(map(len, texts)), 0
    parts = []
    for text in texts:
        start, end = (sentence["start"] + length * place / total for place in (begun, begun + len(text)))
        begun += len(text)
        times = [time for time in sentence["times"] if start <= sum(time) / 2 < end] or [(start, end)]
        entities = [entity for entity in sentence["entities"] if entity["term"] in text]
        part = sentence.copy()
        part.update({"text": text, "start": round(start, 3), "end": round(end, 3)})
        part.update({"times": times, "entities": entities})
        parts.append(part)
    return parts


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
