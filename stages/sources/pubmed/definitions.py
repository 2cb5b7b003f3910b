"""Which of a caption's marks bind texts to panels, and which only point at a panel."""

import re
from collections import Counter
from string import ascii_lowercase as ALPHABET

from stages.sources.pubmed.marks import FIRST, NEAR, Mark, Number, consecutive

SENTENCE_END = re.compile(  # not after an initial ("H. pylori") or a usual abbreviation
    r"""(?:(?<!\b[A-Z])(?<!\b(?:vs|cf|ca|al|no))(?<!\b(?:Fig|i\.e|e\.g|mag|Mag))(?<!\bapprox)"""
    r"""[.!?]["')\]\u201d]*(?=\s)|[;\u3002]|,(?=\s(?:while|whereas)\s))\s*"""
)
POINTING = re.compile(  # what stands before a mark that points at a panel
    r"\b(?:see|than|as|(?:as|than|shown|see|seen|box(?:es|ed)?|regions?|areas?|insets?|arrows?|arrowheads?)"
    r" (?:in|from|of))(?: panels?)?\W*$|\b(?:in|from|of|to|see) panels?\W*$",
    re.I,
)
PREPOSITION = re.compile(r"\b(?:in|of|from|to|with|by|and)\s*$", re.I)  # what may, where another mark is of the same
GENERAL = re.compile(  # how sentences begin that speak of all panels
    r"[^\w*]{0,40}+"  # no more and only once, since a caption may be of nothing but signs
    r"(?:all\b|(?:scale |error |size )?bars?\b|(?:original )?magnifications?\b|original mag\b|abbreviations?\b"
    r"|(?:data|values|results) (?:are|were|represent)\b|(?:in|for) (?:all|both|each)\b|\*"
    r"|(?!H\s?&)(?-i:[A-Za-z](?:\s?(?:,|and|&|[-\u2013])\s?[A-Za-z])+\b)"  # "A and B, PAS"
    r"|(?-i:[A-Z]{1,6}\s?[:=]\s|[A-Z]{2,6},\s|[A-Z]\s(?:is|was)\s))",  # "DSS, dextran sulfate sodium"
    re.I,
)
GONE = "\0"  # stands for the letters of a mark that others divide: what comes before ends there
FAR = 3  # a label that many letters after the last panel's names none: "(H)", "(n)"


def definitions(caption: str, marks: list[Mark], style: str) -> tuple[str, list[Mark]]:
    """The marks that bind texts, in order, one for each panel, and the caption without marks that these divide ("C-D"
    of "C-D: SMA (C) and desmin (D)"); no marks where it is not plain which ones they are.

    A panel is defined where a sentence begins with its mark, if there is such a one.
    """
    marks = _without_abbreviations(caption, marks)
    named = {panel for mark in marks for panel in mark.panels}
    marks = [
        mark for mark in marks if mark.opens or not POINTING.search(caption[max(0, mark.label - NEAR) : mark.label])
    ]
    marks = _without_closing(caption, marks)
    caption, marks = _divided(caption, marks)
    if style == "i":  # running text has "(i)" and "(ii)" of its own
        marks = [mark for mark in marks if mark.opens]
    chosen: list[Mark] = []
    for opens, detailed in ((True, False), (True, True), (False, False), (False, True)):  # the surest first
        tier = [mark for mark in marks if (mark.opens, bool(mark.detail)) == (opens, detailed)]
        known = {panel for mark in chosen for panel in mark.panels}
        new = [mark for mark in tier if not known.issuperset(mark.panels)]
        twice = _repeated(new)
        if not opens:
            new = [
                m
                for m in new
                if twice.isdisjoint(m.panels) or not PREPOSITION.search(caption[max(0, m.start - NEAR) : m.start])
            ]
        if _repeated(new) or any(known & set(mark.panels) for mark in new):
            return caption, []
        chosen += new
    chosen = _near(sorted(chosen, key=lambda mark: mark.start))
    panels = [panel for mark in chosen for panel in mark.panels]
    mixed = len({mark.opens for mark in chosen}) > 1
    if mixed and panels != sorted(panels):  # "(B) The cortex; the medulla is in (E). (C) The pelvis."
        return caption, []
    if len(chosen) < 2 or set(FIRST).isdisjoint(chosen[0].panels) or not consecutive(panels):
        return caption, []
    others = [letter for letter, _ in named.difference(panels)]  # that are only pointed at: their texts are not told
    return caption, chosen if min(others, default=FAR + max(panels)[0]) >= FAR + max(panels)[0] else []


def sentences(caption: str) -> list[tuple[int, int]]:
    """Begin and end of each sentence, or clause before a semicolon; what is in brackets is not divided."""
    found, begin = [], 0
    for match in SENTENCE_END.finditer(caption):
        before = caption[begin : match.start()]
        if sum(map(before.count, "([")) <= sum(map(before.count, ")]")):
            found.append((begin, match.end()))
            begin = match.end()
    return [*found, (begin, len(caption))] if begin < len(caption) else found


def _repeated(marks: list[Mark]) -> set[Number]:
    """The panels that more than one of `marks` names."""
    times = Counter(panel for mark in marks for panel in mark.panels)
    return {panel for panel, n in times.items() if n > 1}


def _without_closing(caption: str, marks: list[Mark]) -> list[Mark]:
    """The marks but those from a sentence on that says something of panels told before: "Scale bars: (A) 1 mm", and
    "(A-C) PAS" where this is all of them, or each of them has been told by a mark of its own."""
    for begin, _ in sentences(caption):
        before = [mark for mark in marks if mark.start < begin]
        named = {panel for mark in before for panel in mark.panels}
        first = next((mark.panels for mark in marks if mark.start == begin), None)
        closing = GENERAL.match(caption, begin) is not None if first is None else set(first) == named
        closing = closing or _told(before, marks[len(before) :])
        if closing and len(before) > 1 and all(named.issuperset(mark.panels) for mark in marks):
            return before
    return marks


def _told(before: list[Mark], after: list[Mark]) -> bool:
    """Whether each panel has a mark of its own in `before`, and `after` looks like none: inside a sentence, or of
    several panels where those that tell begin sentences."""
    panels = [panel for mark in before for panel in mark.panels]
    alone = len(before) == len(panels) and not _repeated(before) and set(FIRST) & set(panels[:1])
    begins = all(mark.opens for mark in before)
    again = all(not mark.opens or (begins and len(mark.panels) > 1) for mark in after)
    return bool(alone and again and consecutive(panels))


def _without_abbreviations(caption: str, marks: list[Mark]) -> list[Mark]:
    """The marks but those that abbreviate one of the two words before them ("dermal fat (F)"), where sentences begin
    with marks and it is not the next panel's."""
    opens = [panel[0] for mark in marks if mark.opens for panel in mark.panels]
    if len(opens) < 2:
        return marks
    kept = []
    for mark in marks:
        words = re.search(r"(?:[\w-]+ )?[\w-]+ $", caption[max(0, mark.start - NEAR) : mark.start].lower())
        label = ALPHABET[mark.panels[0][0] : mark.panels[0][0] + 1]
        far = len(mark.panels) == 1 and mark.panels[0][0] > max(opens) + 1
        if mark.opens or not far or not words or not any(word.startswith(label) for word in words[0].split()):
            kept.append(mark)
    return kept


def _divided(caption: str, marks: list[Mark]) -> tuple[str, list[Mark]]:
    """The caption and its marks without those of several panels, where marks in the text that follows name each, or
    each has a sentence of its own ("A-C: One case. (A) PAS. ...")."""
    kept = list(marks)
    opens = [mark for mark in marks if mark.opens]
    alone = {mark.panels[0] for mark in opens if len(mark.panels) == 1}
    for group, end in zip(opens, [*(mark.start for mark in opens[1:]), len(caption)], strict=False):
        inside = [mark for mark in marks if group.end <= mark.start < end and not mark.opens]
        named = [panel for mark in inside for panel in mark.panels]
        told_again = any(set(named) & set(mark.panels) for mark in opens if mark is not group)
        divided = sorted(named) == sorted(group.panels) and len(inside) > 1 and not told_again
        if len(group.panels) > 1 and (divided or set(group.panels) <= alone):
            kept.remove(group)
            caption = caption[: group.start] + GONE * (group.end - group.start) + caption[group.end :]
    return caption, kept


def _near(marks: list[Mark]) -> list[Mark]:
    """The marks but those inside sentences whose letters are far behind all others'."""
    letters = {letter for mark in marks for letter, _ in mark.panels}
    last = next(letter for letter in range(len(letters) + 1) if letter not in letters) - 1
    return [mark for mark in marks if mark.opens or min(mark.panels)[0] < last + FAR]
