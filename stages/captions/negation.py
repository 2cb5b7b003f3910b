"""Is a finding said to be absent? By the words around it, as NegEx does (Chapman et al. 2001)."""

import re

from stages.common.text.lexicon import Entity

BEFORE = re.compile(
    r"\b(no|not|without|never|lacks?|lacking|absence of|absent|negative for|free of|devoid of|rather than|instead of"
    r"|rules? out|neither|nor|cannot (?:see|find)|do(?:n't| not| n't) (?:see|find|have))\b(?P<between>[^.;:!?]*)$"
)
AFTER = re.compile(
    r"^(?P<between>[^.;:!?]*?)\b(?:is|are|was|were) (?:absent|not (?:seen|present|identified|found|there))\b"
)
TURN = re.compile(r"\b(but|however|although|which|except|there (?:is|are))\b")  # ends what a negation speaks of
REACH = 6  # words between a negation and what it denies


def negated(text: str, entity: Entity) -> bool:
    """Whether `text` says that `entity`, found in it, is not there."""
    lower = text.lower()
    found = (BEFORE.search(lower[: entity.start]), AFTER.search(lower[entity.end :]))
    return any(match is not None and _reaches(match.group("between")) for match in found)


def _reaches(between: str) -> bool:
    return len(between.split()) <= REACH and not TURN.search(between)
