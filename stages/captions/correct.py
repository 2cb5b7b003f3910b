"""ASR correction: repair misheard medical terms with a lexicon, in the paper's four steps (section 5b)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from stages.captions.candidates import SHORTEST, Candidates, Similarity, letters, similarity, sound
from stages.captions.known import KnownWords, bare
from stages.captions.meaning import keeps_meaning
from stages.captions.params import Params
from stages.captions.phrases import keyphrases, stopwords
from stages.common.data.files import SURROGATE
from stages.common.tables.captions import Correction as CorrectionRecord
from stages.common.text.english import common, usual_pairs
from stages.common.text.lexicon import Lexicon, normal

WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|')*")
STOP = re.compile(r"\s*[.,;:?!()\[\]\"/]")
ADDRESS = re.compile(r"\S+(?:\.(?:com|org|net|edu|gov)\b|://|@)\S*")
TITLED = re.compile(r"\b(?:[Dd]r|[Mm]rs?|[Mm]s|[Dd]octor|[Pp]rofessor)\b\.? (?:[A-Z][\w'-]* ?)+")
DENIALS = frozenset(("no", "not", "nor", "never", "without"))  # never part of what is replaced
ARTICLES = ("a", "an")
LONGEST = 3  # words, at most, that are written for one misheard term
WIDER = 0.05  # similarity that a match may lack for each further word that it explains
SPLIT = 0.88  # similarity in spelling of a term to the everyday words that it was split into
CONSONANTS = 5  # consonants, at least, that must all agree before everyday words are taken for a term
SURE_CONSONANTS = 7  # the same where one of the words is a term itself
NEARLY = 0.9  # similarity of a term in another form, as villus for villous
RARE = 40  # concepts of the lexicon, at most, of a word that shows which term is meant
NAME = 5  # letters, at most, of a word with a capital that may as well be a name
EVERYDAY = 20000  # most common words, which may have been heard for a technical one

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


def _is_name(word: str) -> bool:
    """Whether `word` is written as an abbreviation is, or may be a name: these are short ones with a capital."""
    return word.isupper() or (word[0].isupper() and len(bare(word)) <= NAME)


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
        self._pairs = usual_pairs() | {pair for term in lexicon.terms.term for pair in pairwise(term.split())}
        self.known = KnownWords(lexicon.words.word, params.common_words)
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
        whole_terms = self._closed(text, words)
        closed = [whole or word in DENIALS for whole, word in zip(whole_terms, heard, strict=True)]
        stopped = [STOP.match(text, word.end()) is not None for word in words]
        for begin in range(len(words)):
            for count in range(1, LONGEST + 1):
                if begin + count > len(words) or any(closed[begin : begin + count]):
                    break
                window = heard[begin : begin + count]
                written = text[words[begin].start() : words[begin + count - 1].end()]
                found = self._unknown(window, suspects) or self._split(window)
                if found and keeps_meaning(written, found.term) and not self._negates(heard, begin, found.term):
                    yield _Proposal(found.score, count, begin, found.term)
                if stopped[begin + count - 1]:
                    break
            for proposal in self._anchored(heard, closed, stopped, begin, suspects):
                first, last = words[proposal.begin].start(), words[proposal.begin + proposal.count - 1].end()
                if keeps_meaning(text[first:last], proposal.term):
                    yield proposal

    def _negates(self, heard: list[str], begin: int, term: str) -> bool:
        """Whether the word before may be the prefix of the opposite of `term`: "a leukemic" for aleukemic."""
        before = heard[begin - 1] if begin else ""
        return before in ARTICLES and self.known.listed(before + term)

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
        """Words of RAKE phrases that are not known, and no names, abbreviations or parts of an address."""
        names = {word.lower() for match in TITLED.finditer(text) for word in WORD.findall(match.group())}
        names |= {word.lower() for word in WORD.findall(text) if _is_name(word)} if not text.isupper() else set()
        names |= {word.lower() for match in ADDRESS.finditer(text) for word in WORD.findall(match.group())}
        return {
            word
            for phrase in keyphrases(text, self.params.nltk_data, self.params.rake_words)
            for word in re.split(r"[\s-]+", phrase)
            if len(bare(word)) >= SHORTEST and word not in self.known and word not in names
        }

    def _unknown(self, window: list[str], suspects: set[str]) -> Similarity | None:
        """The term most similar to a window with a suspect word, unless a stop word begins or ends the window."""
        stops = stopwords(self.params.nltk_data)
        if suspects.isdisjoint(window) or window[0] in stops or window[-1] in stops:
            return None
        found = self.candidates.closest(letters(" ".join(map(bare, window))))
        if found is None:
            return None
        right = [word for word in window if word not in suspects and word not in stops]
        if any(len(word) >= SHORTEST for word in right) and found.sound < 1:
            return None
        # Where another word of the window is the term already, in any form, the suspect word is something else.
        return None if any(similarity(word, found.term).score >= NEARLY for word in right) else found

    def _split(self, window: list[str]) -> Similarity | None:
        """A term that was transcribed as several everyday words: with all of its letters, or all of its consonants.

        Long words that are all known are right more often than not: immune globulin is no immunoglobulin.
        """
        stops = stopwords(self.params.nltk_data)
        if len(window) == 1 or window[-1] in stops or any(len(w) == 1 and w not in ARTICLES for w in window):
            return None
        if window[0] in stops and (window[0] not in ARTICLES or window[1] in self.known):
            return None
        if self._usual(window):
            return None
        heard = "".join(window)
        if term := self.candidates.spelt.get(heard):
            return Similarity(term, 1.0, 1.0)
        if all(len(word) >= SHORTEST and word in self.known for word in window):
            return None
        key = sound(heard)
        known = any(word in self.candidates.glossary for word in window)
        if len(key) < (SURE_CONSONANTS if known else CONSONANTS):
            return None
        terms = (term for term in self.candidates.sounding.get(key, ()) if set(window).isdisjoint(term.split()))
        near = [similarity(heard, term) for term in terms]
        best = max(near, key=lambda one: (one.spelling, one.term), default=None)
        return best if best is not None and best.spelling >= SPLIT else None

    def _anchored(
        self, heard: list[str], closed: list[bool], stopped: list[bool], place: int, suspects: set[str]
    ) -> Iterator[_Proposal]:
        """Terms of several words of which the word at `place` is right and the others are similar."""
        for parts in self.candidates.with_word.get(heard[place], ()):
            where = parts.index(heard[place])
            behind = len(parts) - where - 1
            for before in (where, where + 1) if where else (0,):
                for after in (behind, behind + 1) if behind else (0,):
                    begin, end = place - before, place + after + 1
                    if begin < 0 or end > len(heard) or any(closed[begin:end]) or any(stopped[begin : end - 1]):
                        continue
                    score = self._completes(heard[begin:end], parts, suspects)
                    if score:
                        yield _Proposal(score, end - begin, begin, " ".join(parts))

    def _completes(self, window: list[str], parts: tuple[str, ...], suspects: set[str]) -> float:
        """The similarity of `window` to the term `parts`, or 0 where it is not convincing."""
        stops = stopwords(self.params.nltk_data)
        right = [word for word in window if word in parts and word not in stops]
        heard, meant = ([word for word in side if word not in right] for side in (window, parts))
        edged = window[-1] in stops or (window[0] in stops and not (window[0] in ARTICLES and parts[0][0] == "a"))
        if not right or not heard or not meant or edged:
            return 0.0
        near = similarity(" ".join(heard), " ".join(meant))
        lost = [word for word in heard if word not in suspects and word not in stops]
        if lost and not self._misheard(window, lost, near):
            return 0.0
        rare = min(self._concepts_with.get(word, 0) for word in right) <= RARE
        telling = near.score >= self.params.min_anchored if rare or len(right) > 1 else near.sound == 1
        return similarity(" ".join(window), " ".join(parts)).score if telling else 0.0

    def _misheard(self, window: list[str], lost: list[str], near: Similarity) -> bool:
        """Whether the known words `lost` of a window were rather misheard than said.

        Everyday words may be, where they do not usually stand beside the others, and sound like what is `near`. A term
        must sound just like it; a technical word must be spelt as one that sounds so may be.
        """
        if self._usual(window):
            return False
        if near.score == 1 or not all(common(word, EVERYDAY) for word in lost):
            return near.score == 1
        similar = near.score >= self.params.min_similarity and not any(word in self.lexicon for word in lost)
        return similar or near.sound == 1

    def _usual(self, window: list[str]) -> bool:
        """Whether any two words follow each other in everyday English or in a term."""
        return any(pair in self._pairs for pair in pairwise(window))
