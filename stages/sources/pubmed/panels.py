"""The parts of a compound figure's caption that speak of its panels (sub-figures)."""

import re

MARK = r"[A-Za-z](?:\s?(?:[-\u2013,&]|and)\s?[A-Za-z])*"
FORMS = (  # how captions mark parts, the plainest first: "(A)", "(A and B)"; "A)"; "A. Text", "A, text"
    rf"\(({MARK})\)[:,.]?\s*",
    rf"(?<![\w(])({MARK})\)\s*",
    r"(?:(?<=^)|(?<=[.;:]\s))([A-Za-z])[.,:]\s+(?=\S)",
)


def split_caption(caption: str) -> list[tuple[str, str]]:
    """Return (letter, text) for each part that letters from A on mark; [] where they do not.

    Text before the first letter goes with every part; a part of several letters ("A-C", "A and B") is given to
    each of them.
    """
    for form in FORMS:
        pieces = re.split(form, caption)
        labels = [_letters(label) for label in pieces[1::2]]
        flat = [letter for label in labels for letter in label]
        if len(flat) >= 2 and flat == [chr(ord("A") + n) for n in range(len(flat))]:
            lead = pieces[0].strip()
            texts = [f"{lead} {text.strip()}".strip() for text in pieces[2::2]]
            return [(letter, text) for label, text in zip(labels, texts, strict=True) for letter in label]
    return []


def _letters(label: str) -> list[str]:
    """The capital letters that "A", "A-C" or "A, B and D" stand for."""
    found: list[str] = []
    for part in re.split(r"\s?(?:,|&|and)\s?", label):
        ends = re.split(r"\s?[-\u2013]\s?", part.upper())
        found += [chr(code) for code in range(ord(ends[0]), ord(ends[-1]) + 1)] if all(ends) else []
    return found
