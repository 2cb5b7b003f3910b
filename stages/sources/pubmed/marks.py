"""The marks by which captions name panels: "(A)", "[a-c]", "A)", "B:", "(ii)", "(A1)"."""

import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass

LABEL = r"(?:[A-Za-z][1-9]?|[ivx]{2,4})(?![A-Za-z0-9])"
DASH = "[-\u2010-\u2015\u2212]|\\bto\\b"
JOIN = rf"\s*(?:,\s*(?:and\b\s*)?|(?:and|or)\b\s*|[&/+]\s*|(?:{DASH})\s*)"
LABELS = rf"{LABEL}(?:{JOIN}{LABEL}){{0,25}}"
BEFORE_LABEL = re.compile(r"(?:[Pp]anels?\s+)?[(\[]?\s*(?:[Pp]anels?\s+)?")
BRACKETED = re.compile(rf"(?:\b[Pp]anels?\s+)?[(\[]\s*(?:[Pp]anels?\s+)?{LABELS}\s*[)\]]")
SENTENCE = r"""(?:^|[.!?]["')\]\u201d]*\s+|[;:\u3002]\s*)"""  # what comes before a sentence or a clause of its own
FORMS = [  # how captions mark panels, the plainest first
    re.compile(form)
    for form in (
        rf"(?P<labels>{BRACKETED.pattern}(?:{JOIN}{BRACKETED.pattern}){{0,25}})",
        rf"(?<![\w(\[])(?P<labels>{LABELS}\s?\)(?:{JOIN}{LABELS}\s?\)){{0,25}})[.:]?(?=\s)",
        rf"(?:{SENTENCE}|,\s|\band\s)(?P<labels>{LABELS}\s?[:|=])(?=\s)",
        rf"(?:{SENTENCE}|,\s|\band\s)(?P<labels>{LABELS}\s?[.,])(?=\s)",
        rf"{SENTENCE}(?P<labels>[Pp]anels?\s{LABELS}[:.,]?)(?=\s)",
        rf"{SENTENCE}(?P<labels>[a-z](?:{JOIN}[a-z]){{0,25}})(?=\s\w\w)",  # "a Low power view. b High power view."
        rf"{SENTENCE}(?P<labels>[A-Z](?:{JOIN}[A-Z]){{0,25}})(?=\s[A-Z]\w)",
    )
]
DETAILED = re.compile(
    rf"[(\[]\s*(?P<labels>{LABELS}\s*[,;:])(?!\s*{LABELS}\s*[)\]])\s*(?P<detail>[^()\[\]]+)[)\]]"
)  # "(A, x400)"
ODD = re.compile(rf"{SENTENCE}[(\[](?:[A-Za-z](?:['\u2032]|\d+)|[A-Z][ivx]+)[)\]]")  # labels beside plain ones
LISTED = re.compile(rf"{SENTENCE}({LABEL}(?:{JOIN}{LABEL}){{1,25}})")
NEAR = 40  # letters before a mark, at most, that tell what it is
STAIN = re.compile(r"\bH\s?(?:[&+]|and)\s?E\b")  # no list of panels
ROMAN = ["i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii"]
STYLES = {  # kinds of labels; those of a caption's panels are all of one
    "A": re.compile(r"[A-Z]"),
    "a": re.compile(r"[a-z]"),
    "i": re.compile(r"[ivx]{1,4}"),
    "A1": re.compile(r"[A-Z]\d"),
    "a1": re.compile(r"[a-z]\d"),
}
FIRST = (0, 0), (0, 1)

Number = tuple[int, int]  # B is (1, 0), iii is (2, 0), A2 is (0, 2)


@dataclass(frozen=True)
class Mark:
    """A place where a caption names panels: its characters, the numbers of the panels, and what else is in its
    brackets; `opens` where a sentence or a clause begins with it. `label` is where its first letter stands."""

    start: int
    label: int
    end: int
    panels: tuple[Number, ...]
    detail: str
    opens: bool

    def divided_by(self, labels: str) -> bool:
        """Whether `labels`, whatever their case, are some of the panels and not all."""
        common = {panel for style in STYLES for panel in _panels(labels, style)} & set(self.panels)
        return 0 < len(common) < len(self.panels)


def find_marks(caption: str) -> Iterator[tuple[str, list[Mark]]]:
    """Yield style and marks of `caption`, for each form and style that has a first panel.

    Marks in brackets are among those of every form: inside a sentence they divide what another form's mark names.
    """
    shown = _without_stains(caption)
    in_brackets = [*FORMS[0].finditer(shown), *DETAILED.finditer(shown)]
    for form in FORMS:
        own = [] if form is FORMS[0] else [one for one in form.finditer(shown) if not _within(one, in_brackets)]
        found = sorted([*own, *in_brackets], key=lambda match: match.start("labels"))
        for style in STYLES:
            marks = [mark for match in found if (mark := _mark(match, style, caption))]
            sure = len(marks) == len(found) or style not in ("A1", "a1")  # "CD1 (B2)" is a panel's only among others
            if sure and any(set(mark.panels) & set(FIRST) for mark in marks):
                yield style, marks


def mentions(text: str) -> list[str]:
    """The labels in brackets that `text` has."""
    return BRACKETED.findall(_without_stains(text))


def names_more(caption: str, panels: Collection[Number], style: str) -> bool:
    """Whether a sentence of `caption` begins with a label of none of `panels`: the next one, "D and E", or "(A')"."""
    last = max(panels)
    after = (last[0], last[1] + 1) if last[1] else (last[0] + 1, 0)
    label = name(after, style) if style[0] == "A" else name(after, style).lower()
    bare = rf"|{label}\s(?=\w\w)" if label.islower() else ""
    following = re.search(rf"{SENTENCE}(?:[(\[]{label}[)\]]|{label}\){bare})", caption)
    odd = style in ("A", "a") and ODD.search(caption)
    lists = LISTED.findall(_without_stains(caption))
    return bool(following or odd) or any(set(_panels(one, style)) - set(panels) for one in lists)


def consecutive(panels: Collection[Number]) -> bool:
    """Whether `panels` are A, B, C, ... or A1, A2, B1, ..., none missing and none twice."""
    sizes = Counter(letter for letter, _ in panels)
    first = min(digit for _, digit in panels)
    return sorted(panels) == [(n, first + m) for n in range(len(sizes)) for m in range(sizes[n])]


def name(panel: Number, style: str) -> str:
    """The label of `panel`, in capitals."""
    letter, digit = panel
    if style == "i":
        return ROMAN[min(letter, len(ROMAN) - 1)].upper()
    return chr(ord("A") + letter) + (str(digit) if digit else "")


def _without_stains(text: str) -> str:
    return STAIN.sub(lambda stain: "#" * len(stain[0]), text)


def _within(match: re.Match[str], others: list[re.Match[str]]) -> bool:
    return any(one.start() <= match.start("labels") < one.end() for one in others)


def _mark(match: re.Match[str], style: str, caption: str) -> Mark | None:
    """The mark that `match` is, where all its labels are of `style`."""
    panels = _panels(match["labels"], style)
    if not panels:
        return None
    detail = caption[slice(*match.span("detail"))].strip() if "detail" in match.groupdict() else ""
    if re.search(rf"[;,]\s*{LABEL}\s*[:=]", detail):  # "(A: H&E; B: CD3)"
        return None
    start = match.start() if detail else match.start("labels")
    opens = not start or re.search(rf"{SENTENCE}$", f" {caption[max(0, start - NEAR) : start]}") is not None
    before = BEFORE_LABEL.match(match["labels"])
    return Mark(start, match.start("labels") + (before.end() if before else 0), match.end(), panels, detail, opens)


def _panels(labels: str, style: str) -> tuple[Number, ...]:
    """The panels that "A", "A-C" or "A, B and D" stand for; none where a label is not of `style`."""
    found: list[Number] = []
    through = False
    for label, dash in re.findall(rf"\b({LABEL})|({DASH})", re.sub("[Pp]anels?", "", labels)):
        if label and not STYLES[style].fullmatch(label):
            return ()
        if label and through and found:
            found += _up_to(found[-1], _number(label, style))
        elif label:
            found.append(_number(label, style))
        through = bool(dash)
    return tuple(found)


def _number(label: str, style: str) -> Number:
    if style == "i":
        return (ROMAN.index(label), 0) if label in ROMAN else (len(ROMAN), 0)
    return ord(label[0].lower()) - ord("a"), int(label[1:] or 0)


def _up_to(first: Number, last: Number) -> list[Number]:
    """The panels after `first` up to `last`: letters, or digits of one letter."""
    if first[0] == last[0]:
        return [(last[0], digit) for digit in range(first[1] + 1, last[1] + 1)]
    return [(letter, last[1]) for letter in range(first[0] + 1, last[0] + 1)]
