"""Panels (sub-figures) of a compound figure, and the parts of its caption that describe them."""

import re

import cv2
import numpy as np

from stages.common.data.arrays import Picture

WHITE, FLAT = 245, 4.0  # a gutter's columns are at least so bright, and all of one level
GUTTER = 10  # pixels across a gutter
SLIVER = 0.15  # of the figure's side: a narrower part is not a panel
DEPTH = 3  # rows of columns of rows
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


def split_panels(image: Picture, depth: int = DEPTH) -> list[Picture]:
    """Return the panels of an RGB figure in reading order: parts between white gutters, rows first, then columns."""
    rows = _bands(image, 1)
    parts = [part for row in rows for part in _bands(row, 0)]
    if len(parts) == 1 or depth == 1:
        return parts
    return [panel for part in parts for panel in split_panels(part, depth - 1)]


def _bands(image: Picture, axis: int) -> list[Picture]:
    """Cut `image` into rows (axis 1) or columns (axis 0) at its gutters; slivers are not panels."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    filled = ~((grey.mean(axis) > WHITE) & (grey.std(axis) < FLAT))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], filled.astype(int), [0]])))
    joined: list[list[int]] = []
    for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if joined and begin - joined[-1][1] < GUTTER:
            joined[-1][1] = end
        else:
            joined.append([begin, end])
    large = [(a, b) for a, b in joined if b - a >= SLIVER * len(filled)]
    return [image[a:b] if axis == 1 else image[:, a:b] for a, b in large]
