"""ASR correction: repair misheard medical terms with a lexicon, in the paper's four steps (section 5b)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from stages.captions.candidates import SHORTEST, Candidates, Similarity, letters, similarity, sound
from stages.captions.params import Params
from stages.captions.phrases import keyphrases, stopwords
from stages.common.data.files import SURROGATE
from stages.common.tables.captions import Correction as CorrectionRecord
from stages.common.text.english import common, usual_pairs
from stages.common.text.lexicon import Lexicon, normal

WORD = re.compile(r"[A-Za-z][A-Za-z']*")
STOP = re.compile(r"[.,;:?!]")
NAME = re.compile(r"(?<=[a-z,] )(?<!\b(?:[Dd]r|[Mm]r|[Mm]s) )(?<!\b[Mm]rs )(?<!octor )(?<!rofessor )[A-Z][a-z]+")
ARTICLES = ("a", "an")
LONGEST = 3  # words, at most, that are written for one misheard term
CONSONANTS = 5  # consonants, at least, that must all agree before everyday words are taken for a term
WIDER = 0.05  # similarity that a match may lack for each further word that it explains
SURE_CONSONANTS = 7  # the same where one of the words is a term itself
NEARLY = 0.9  # similarity of a term in another form, as villus for villous
RARE = 40  # concepts of the lexicon, at most, of a word that shows which term is meant
EVERYDAY = 20000  # most common words: after an article they are probably right

# How an engine of the user's own, which may put anything into them, has a Repair and its Corrections checked.
CHECKED = ConfigDict(strict=True, revalidate_instances="always")


def whole(text: str) -> str:
    """The text. Raises ValueError where it has half a character (a surrogate)."""
    if SURROGATE.search(text):
        raise ValueError("should have no half of a character")
    return text


WholeText = Annotated[str, AfterValidator(whole)]


@dataclass(frozen=True)
class Correction:
    """`from_` was transcribed, `to` is meant; `score` is their similarity in 0..1."""

    __pydantic_config__ = CHECKED

    from_: WholeText
    to: WholeText
    by: WholeText
    score: Annotated[float, Field(ge=0, le=1)]

    def record(self) -> CorrectionRecord:
        """As stored in captions."""
        return {"from": self.from_, "to": self.to, "by": self.by, "score": self.score}


def proposed_by(engine: str, words: str, suspects: set[str]) -> str:
    """`engine`, with _unconditioned added where none of the `words` was suspected: the paper's two kinds of errors."""
    suspected = not suspects.isdisjoint(word.lower() for word in WORD.findall(words))
    return engine if suspected else f"{engine}_unconditioned"


@dataclass(frozen=True)
class Repair:
    """A corrected sentence, its corrections in order, and the number of refused proposals of each method."""

    __pydantic_config__ = CHECKED

    text: WholeText
    made: list[Correction]
    refused: dict[WholeText, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Proposal:
    """`count` words, from word number `begin` on, stand for `term`."""

    score: float
    count: int
    begin: int
    term: str


class Corrector:
    """Finds phrases that are neither English nor a term, and the term that is most similar in sound and spelling."""

    def __init__(self, lexicon: Lexicon, params: Params) -> None:
        self.lexicon = lexicon
        self.params = params
        self.candidates = Candidates(lexicon, params.min_similarity)
        self._concepts_with = dict(zip(lexicon.words.word, lexicon.words.concepts, strict=True))

    def correct(self, text: str) -> Repair:
        """Return `text` with its corrections."""
        words, suspects = list(WORD.finditer(text)), self.suspects(text)
        taken: set[int] = set()
        chosen: dict[int, _Proposal] = {}
        for proposal in sorted(
            self._proposals(text, words, suspects), key=lambda one: (-one.score - WIDER * one.count, one.begin)
        ):
            if taken.isdisjoint(range(proposal.begin, proposal.begin + proposal.count)):
                taken.update(range(proposal.begin, proposal.begin + proposal.count))
                chosen[proposal.begin] = proposal
        out, position, made = "", 0, []
        for begin, proposal in sorted(chosen.items()):
            first, last = words[begin].start(), words[begin + proposal.count - 1].end()
            out += text[position:first] + proposal.term
            by = proposed_by("lexicon", text[first:last], suspects)
            made.append(Correction(text[first:last], proposal.term, by, round(proposal.score, 3)))
            position = last
        return Repair(out + text[position:], made)

    def _proposals(self, text: str, words: list[re.Match[str]], suspects: set[str]) -> Iterator[_Proposal]:
        """Every n-gram, a run of words, that may stand for a term, by each of the three methods."""
        heard = [match.group().lower() for match in words]
        closed = self._closed(text, words)
        stopped = [STOP.match(text, word.end()) is not None for word in words]
        for begin in range(len(words)):
            for count in range(1, LONGEST + 1):
                if begin + count > len(words) or any(closed[begin : begin + count]):
                    break
                window = heard[begin : begin + count]
                found = self._unknown(window, suspects) or self._split(window)
                if found is not None:
                    yield _Proposal(found.score, count, begin, found.term)
                if stopped[begin + count - 1]:
                    break
            yield from self._anchored(heard, closed, stopped, begin)

    def _closed(self, text: str, words: list[re.Match[str]]) -> list[bool]:
        """For each word, whether it is part of a term of several words that was transcribed correctly.

        A term with stop words ("carcinoma of the ovary") may begin in the middle of another one, so it counts only if
        it is in the glossary.
        """
        stops, own = stopwords(self.params.nltk_data), self.candidates.glossary
        found = ((entity, normal(entity.term)) for entity in self.lexicon.entities(text))
        terms = [one for one, name in found if " " in name and (name in own or stops.isdisjoint(name.split()))]
        return [any(term.start <= word.start() < term.end for term in terms) for word in words]

    def suspects(self, text: str) -> set[str]:
        """Words of RAKE phrases that are neither in the lexicon nor everyday English.

        A name within a sentence is suspect however common it is, unless a title shows that it is a person's: narrators
        speak of tissue, and a recogniser writes names for terms that it does not know (Desmond for desmin).
        """
        names = {match.group().lower() for match in NAME.finditer(text)}
        return {
            word
            for phrase in keyphrases(text, self.params.nltk_data, self.params.rake_words)
            if phrase not in self.lexicon
            for word in re.split(r"[\s-]+", phrase)
            if len(word) >= SHORTEST and word not in self._concepts_with
            if word in names or not common(word, self.params.common_words)
        }

    def _unknown(self, window: list[str], suspects: set[str]) -> Similarity | None:
        """The term most similar to a window with a suspect word, unless a stop word begins or ends the window."""
        stops = stopwords(self.params.nltk_data)
        if suspects.isdisjoint(window) or window[0] in stops or window[-1] in stops:
            return None
        heard = letters(" ".join(window))
        found = self.candidates.closest(heard)
        if found is None or letters(found.term) == heard:
            return None
        # Where another word of the window is the term already, in any form, the suspect word is something else.
        right = (word for word in window if word not in suspects)
        return None if any(similarity(word, found.term).score >= NEARLY for word in right) else found

    def _split(self, window: list[str]) -> Similarity | None:
        """A term that was transcribed as several everyday words: with all of its letters, or all of its consonants."""
        stops = stopwords(self.params.nltk_data)
        if len(window) == 1 or window[-1] in stops:
            return None
        if window[0] in stops and (window[0] not in ARTICLES or common(window[1], EVERYDAY)):
            return None
        if any(pair in usual_pairs() for pair in pairwise(window)):
            return None
        heard = "".join(window)
        if term := self.candidates.spelt.get(heard):
            return Similarity(term, 1.0, 1.0)
        key = sound(heard)
        known = any(word in self.candidates.glossary for word in window)
        if len(key) < (SURE_CONSONANTS if known else CONSONANTS):
            return None
        near = [similarity(heard, term) for term in self.candidates.sounding.get(key, ())]
        best = max(near, key=lambda one: (one.spelling, one.term), default=None)
        return best if best is not None and best.score >= self.params.min_similarity else None

    def _anchored(self, heard: list[str], closed: list[bool], stopped: list[bool], place: int) -> Iterator[_Proposal]:
        """Terms of several words of which the word at `place` is right and the others are similar."""
        for parts in self.candidates.with_word.get(heard[place], ()):
            where = parts.index(heard[place])
            behind = len(parts) - where - 1
            for before in (where, where + 1) if where else (0,):
                for after in (behind, behind + 1) if behind else (0,):
                    begin, end = place - before, place + after + 1
                    if begin < 0 or end > len(heard) or any(closed[begin:end]) or any(stopped[begin : end - 1]):
                        continue
                    if score := self._completes(heard[begin:end], parts):
                        yield _Proposal(score, end - begin, begin, " ".join(parts))

    def _completes(self, window: list[str], parts: tuple[str, ...]) -> float:
        """The similarity of `window` to the term `parts`, or 0 where it is not convincing."""
        right = [word for word in window if word in parts]
        heard, meant = ([word for word in side if word not in right] for side in (window, parts))
        stops = stopwords(self.params.nltk_data)
        edged = window[-1] in stops or (window[0] in stops and not (window[0] in ARTICLES and parts[0][0] == "a"))
        if not heard or not meant or edged:
            return 0.0
        near = similarity(" ".join(heard), " ".join(meant))
        if near.score < NEARLY and len(heard) == 1 and self._concepts_with.get(heard[0], 0) > RARE:
            return 0.0  # a word of many terms was probably transcribed correctly
        rare = min(self._concepts_with.get(word, 0) for word in right) <= RARE
        telling = near.score >= self.params.min_anchored if rare or len(right) > 1 else near.sound == 1
        return similarity(" ".join(window), " ".join(parts)).score if telling else 0.0
