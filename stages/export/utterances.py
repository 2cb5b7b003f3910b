"""Words with times: what was heard has them, what was corrected takes them over."""

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from stages.common.tables.captions import CaptionSentence


class Utterance(NamedTuple):
    """A word, or a group of words that were heard as others, and when it was said, in seconds."""

    utterance: str
    start_time: float
    end_time: float


def utterances(sentence: CaptionSentence, text: str, start_s: float, end_s: float) -> list[Utterance]:
    """The words of `text`, which is the sentence's or a part of it that was said from `start_s` to `end_s`.

    Words that are written as they were heard have their own times. Those that a correction put in place of others have
    the time of these: word by word where they are as many, else together. What has no time of its own goes with the
    word before it.
    """
    heard, times = sentence["raw"].split(), sentence["times"]
    if len(heard) != len(times):  # the text was not heard as words of this alphabet
        return [Utterance(text, start_s, end_s)]
    own = [n for n, (start, end) in enumerate(times) if start_s <= start and end <= end_s]
    return _timed(text.split(), [heard[n] for n in own], [times[n] for n in own])


def _timed(words: Sequence[str], heard: Sequence[str], times: Sequence[tuple[float, float]]) -> list[Utterance]:
    found: list[Utterance] = []
    waiting: list[str] = []  # words before the first one that has a time
    for _, first, last, begin, end in SequenceMatcher(None, words, heard, autojunk=False).get_opcodes():
        said = times[begin:end]
        if last - first == end - begin:
            pieces = [Utterance(word, *when) for word, when in zip(words[first:last], said, strict=True)]
        elif first < last and said:
            pieces = [Utterance(" ".join(words[first:last]), said[0][0], said[-1][1])]
        else:
            pieces = []
            waiting += words[first:last] if not found else []
            found[-1:] = [one._replace(utterance=" ".join([one.utterance, *words[first:last]])) for one in found[-1:]]
        if pieces and waiting:
            pieces[0] = pieces[0]._replace(utterance=" ".join([*waiting, pieces[0].utterance]))
            waiting = []
        found += pieces
    return found
