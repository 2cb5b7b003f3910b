"""The parts of a compound figure's caption that speak of its panels (sub-figures)."""

import itertools
import re
from dataclasses import replace

from stages.sources.pubmed.definitions import GENERAL, GONE, definitions, sentences
from stages.sources.pubmed.marks import BRACKETED, FIRST, JOIN, Mark, find_marks, mentions, name, names_more

LEADING = re.compile(  # what stands before a mark whose text follows
    r"(?:^|[,:;(]|\b(?:an?|the|and|or|of|in|for|from|with|by|to|at|on|as|is|are|both|either|versus|vs\.?|using"
    r"|show(?:s|ed|ing)?|stained|including))\s*$"
)
DANGLING = re.compile(r"\b(?:of|in|for|from|with(?:out)?|by|to|at|on|the|an?|not|no|show(?:s|ed|ing)?)$")
CLOSING = re.compile(r"\s*(?:$|[,.;()]|(?:and|or|versus|vs)\b|&)")  # what stands after a mark whose text came before
SHOWN = "are|were|show|depict|illustrate|demonstrate|reveal"
COMMON = re.compile(rf"\s*(?:of|{SHOWN})\b")  # what may follow the last of two such marks, and of more
COMMON_OF_MORE = re.compile(rf"\s*(?:of|in|from|for|at|by|with|using|{SHOWN})\b")
PREPOSED = re.compile(r"^\W*(?:in|panels?|in panels?)\s*$", re.I)  # "In (A), nests"
# "Upper row: (a) PAS, lower row: (b) CD3": said of the panels that follow, not of all
PLACE = re.compile(
    r"(?<![\w-])(?:upper|lower|top|bottom|left|right|middle|first|second)(?:\s(?:panels?|rows?|columns?|images?))?\s*:\s*$",
    re.I,
)
FIGURE = re.compile(  # at its beginning, and before labels with which sentences begin: "Fig. 1B: ..."
    r"^Fig(?:ure)?s?\.?\s*\d+\s*[.:|]?\s*|(?<=[.;]\s)Fig(?:ure)?\.?\s*\d+(?=[A-Za-z]\b)", re.I
)
IN_BRACKETS = re.compile(rf"\(({BRACKETED.pattern}(?:{JOIN}{BRACKETED.pattern}){{0,25}})\)")  # "((a) and (b))"
HALF = re.compile(  # a word that needs what follows: "before (A) and after (B) therapy"
    r"(?:^|(?<=[\s(,]))(?:before|after|during|with|without|following|prior to|low|medium|high|lower|higher|upper|left"
    r"|right|proximal|distal|anterior|posterior|dorsal|ventral|transverse|longitudinal|axial|coronal|sagittal)\s*$",
    re.I,
)
NOUN = re.compile(  # what such things as "normal (A) and tumor (B) tissues" have in common
    r"\s*(?:tissues?|cells|mice|rats|patients|specimens|samples|sections|biopsies|groups?|deposits|views?|power"
    r"|magnifications?|images|micrographs|photomicrographs|stain(?:s|ings?)?|immunostain(?:s|ings?)?)\b",
    re.I,
)
WIDE = str.maketrans("\uff08\uff09\uff3b\uff3d\uff1a\uff1b", "()[]:;")
LONGEST = 10_000  # letters of a caption
ITEMS = re.compile(r",\s*(?:and\s)?|\sand\s")
SUBJECT = re.compile(rf"\b(?:of|in|from|for|at|by|with|on|between|was|is|{SHOWN})\b|[.;(]")  # what a phrase begins with
HAEMATOXYLIN_AND_EOSIN = re.compile(r"ha?ematoxylin\s(?:and|&)\s(?=eosin)", re.I)
RESPECTIVELY = re.compile(r"\bresp(?:ectively\b|\.)", re.I)
SHORT = 8  # words of two things that may be of one panel each
CONJUNCTION = r"and|or|versus|vs\.?|&"


def split_caption(caption: str) -> list[tuple[str, str]]:
    """Return (label, text) for each panel that marks from A (or i, or A1) on name; [] where it is not plain which text
    is whose.

    A mark stands before its text, or behind it, or is alone in its sentence. What is said before all marks goes with
    every panel; the text of a mark of several panels ("A-C", "A and B") to each of them. Another mention of a panel
    ("as in (A)") is text like any other.
    """
    if len(caption) > LONGEST:
        return []
    caption = IN_BRACKETS.sub(r"\1", FIGURE.sub("", caption.translate(WIDE)))
    readings = sorted(find_marks(caption), key=lambda reading: _begin(reading[1]))
    # Marks with which sentences begin are surer than those inside: where there are such, nothing else is tried.
    for style, marks in readings:
        if sum(mark.opens for mark in marks) > 1:
            return _panels(caption, style, marks)
    return next(filter(None, (_panels(caption, style, marks) for style, marks in readings)), [])


def _begin(marks: list[Mark]) -> int:
    """Where the first panel is named."""
    return next(mark.start for mark in marks if set(mark.panels) & set(FIRST))


def _panels(caption: str, style: str, marks: list[Mark]) -> list[tuple[str, str]]:
    """(label, text) for each panel, as `marks` bind them; [] where they do not."""
    shown, chosen = definitions(caption, marks, style)
    bound = _bound(shown, chosen)
    texts = {panel: text for mark, text in bound for panel in mark.panels}
    if not texts or names_more(caption, texts, style):
        return []
    return [(name(panel, style), texts[panel]) for panel in sorted(texts)]


def _bound(caption: str, marks: list[Mark]) -> list[tuple[Mark, str]]:
    """Each mark with its text; [] where a sentence leaves open on which side of its marks their texts are."""
    if not marks:
        return []
    spans = sentences(caption)
    marks = _after_title(caption, marks)
    groups = [(span, own) for span in spans if (own := [mark for mark in marks if span[0] <= mark.start < span[1]])]
    ends = [own[0].start if own[0].opens else begin for (begin, _), own in groups[1:]]
    ends.append(_end(caption, spans, marks))
    texts = [_texts(caption, span, own, end) for (span, own), end in zip(groups, ends, strict=True)]
    bound = list(zip(marks, itertools.chain.from_iterable(texts), strict=False))
    if not all(texts) or not all(_plain(mark, text) for mark, text in bound):
        return []
    lead = _lead(caption, spans, marks[0])
    return [(mark, _tidy(f"{lead} {PLACE.sub('', text)}")) for mark, text in bound]


def _plain(mark: Mark, text: str) -> bool:
    """Whether `text` says something, and of each of the mark's panels the same."""
    if len(mark.panels) == 1 or not re.search(r"\w", text):
        return re.search(r"\w", text) is not None
    named = any(map(mark.divided_by, [*mentions(text), *re.findall(r"\b[A-Za-z]\d?(?=[,:=)])", text)]))
    return not (named or _lists(text, len(mark.panels)) or RESPECTIVELY.search(text))


def _lists(text: str, n: int) -> bool:
    """Whether `text` may list a thing for each of `n` panels: "PAS, CD3 and CD20", "mRNA and protein levels in ..."."""
    text = HAEMATOXYLIN_AND_EOSIN.sub("", text)
    begin = SUBJECT.split(text, maxsplit=1)[0]
    parts = [begin, text] if n > 2 or len(text.split()) <= SHORT else [begin]
    return any(" and " in part and len(ITEMS.split(part)) == n for part in parts)


def _texts(caption: str, sentence: tuple[int, int], marks: list[Mark], end: int) -> list[str]:
    """The texts of the marks in one sentence; the only one may have those up to `end`. [] where they are not plain."""
    first, others = marks[0], marks[1:]
    if not others and not first.opens:
        head = PREPOSED.sub("", caption[sentence[0] : first.start])
        return [_cut(head + _detail(first) + caption[first.end : sentence[1]])]
    if shared := _shared(caption, sentence, marks):
        return shared
    leads = [LEADING.search(caption[sentence[0] : mark.start]) is not None for mark in marks]
    closes = [CLOSING.match(caption, mark.end) is not None for mark in marks]
    between = [caption[one.end : two.start] for one, two in itertools.pairwise(marks)]
    rest = caption[marks[-1].end : sentence[1] if others else end].partition(GONE)[0]
    after = [_cut(text) for text in (*between, rest)]
    behind = [f"{_detail(mark)} {text}" for mark, text in zip(marks, after, strict=True)]
    if any(DANGLING.search(text) for text in after[:-1]):  # "(A) CK7, and negative for (B) CK20"
        return []
    if first.opens and all(lead or not close for lead, close in zip(leads[1:], closes[1:], strict=True)):
        return behind
    if not any(closes) and (leads[0] or (all(leads[1:]) and COMMON_OF_MORE.match(caption, first.end) is None)):
        return [f"{caption[sentence[0] : first.start]} {text}" for text in behind]
    common = COMMON_OF_MORE if len(marks) > 2 else COMMON
    closes[-1] = closes[-1] or common.match(caption, marks[-1].end) is not None
    if all(closes) and not any(leads):
        before = [caption[sentence[0] : first.start], *between]
        return [f"{_cut(text)} {_detail(mark)}" for mark, text in zip(marks, before, strict=True)]
    return []


def _shared(caption: str, sentence: tuple[int, int], marks: list[Mark]) -> list[str]:
    """The texts of marks that stand behind parts of one phrase, each with what all have in common: "Nests before (A)
    and after (B) therapy", "normal (A) and tumor (B) tissues". [] for others."""
    if marks[0].opens or not all(CLOSING.match(caption, mark.end) for mark in marks[:-1]):
        return []
    begins = [sentence[0], *(mark.end for mark in marks)]
    parts = [_cut(caption[begin : mark.start]) for begin, mark in zip(begins, marks, strict=False)]
    tail = caption[marks[-1].end : sentence[1]]
    halves = [HALF.search(part) for part in parts]
    if halves[0] and all(halves):
        parts[1:] = [f"{parts[0][: halves[0].start()]} {part}" for part in parts[1:]]
    elif not NOUN.match(tail):
        return []
    return [f"{part} {_detail(mark)} {tail}" for part, mark in zip(parts, marks, strict=True)]


def _after_title(caption: str, marks: list[Mark]) -> list[Mark]:
    """The marks; the first opens a sentence, too, where all others do and a title without full stop is before it."""
    first, others = marks[0], marks[1:]
    follows = not first.opens and others and all(mark.opens for mark in others)
    if follows and not CLOSING.match(caption, first.end) and not LEADING.search(caption[: first.start]):
        return [replace(first, opens=True), *others]
    return marks


def _lead(caption: str, spans: list[tuple[int, int]], first: Mark) -> str:
    """What is said before all marks and names no panel. Before a mark that stands behind its text it is a title alone,
    one sentence: several may well be of the first panel."""
    before = [(begin, min(end, first.start)) for begin, end in spans if begin < first.start]
    if not first.opens:
        before = before[:-1] if len(before) == 2 else []
    lead = "".join(caption[begin:end] for begin, end in before if not mentions(caption[begin:end]))
    return PLACE.sub("", lead)


def _end(caption: str, spans: list[tuple[int, int]], marks: list[Mark]) -> int:
    """Where the last panel's text ends: before a sentence that speaks of all panels, or of a panel again."""
    for begin, end in spans:
        if begin > marks[-1].start and (GENERAL.match(caption, begin) or mentions(caption[begin:end])):
            return begin
    return len(caption)


def _detail(mark: Mark) -> str:
    return f"({mark.detail})" if mark.detail else ""


def _cut(text: str) -> str:
    """`text` without the comma and conjunction that join it to what comes before and after."""
    text = re.sub(rf"^[\s,;:]*(?:(?:{CONJUNCTION}|while|whereas)\s+)?", "", text)
    return re.sub(rf"[\s,]*(?:[\s,](?:{CONJUNCTION})|,\s*(?:in|for|at|on|by|with|from))?\s*$", "", text)


def _tidy(text: str) -> str:
    """`text` without the marks' own punctuation and the gaps that they leave."""
    text = re.sub(r"\s+([,.;:)])", r"\1", re.sub(rf"[\s{GONE}]+", " ", text))
    return re.sub(r"^[\s,.:;|\u2013\u2014]+|[\s,]+$", "", text)
