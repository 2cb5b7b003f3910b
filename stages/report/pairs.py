"""A pair as a person reads it: what is shown, what was said and heard, and where in the video."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from stages.common.data.pictures import data_uri, thumbnail
from stages.common.data.references import ImageReader
from stages.common.tables.captions import CAPTIONS, UNKNOWN, CaptionSentence
from stages.common.tables.keyframes import HOLDS
from stages.common.tables.rois import TRACE
from stages.common.tables.videos import VIDEO_TABLE

LARGE, SMALL = (480, 360), (200, 150)  # pixels of a picture, at most
WINDOW_S = 120.0  # seconds of the video that a time bar shows
MAGNIFICATIONS = {0: "up to 10x", 1: "about 20x", 2: "above 20x"}
GROUPS = {  # in which entities have one colour, by semantic type
    "disease": ("Disease", "Neoplasm"),
    "finding": ("Finding",),
    "anatomy": ("Anatomy", "Tissue"),
    "cell": ("Cell", "Organism"),
    "substance": ("Protein", "Substance", "Stain", "Procedure"),
}
OTHER = "other"


class Part(NamedTuple):
    """A stretch of a text; `mark` is what is said of it, or None."""

    text: str
    mark: Mapping[str, Any] | None = None


class Stretch(NamedTuple):
    """A stretch of a time bar, in hundredths of its length."""

    start: float
    length: float


class TimeBar(NamedTuple):
    """What a time bar shows, between two moments: other holds, the pair's own, other sentences, the pair's own, and the
    words of it."""

    begins: str
    ends: str
    holds: list[Stretch]
    hold: list[Stretch]
    sentences: list[Stretch]
    sentence: list[Stretch]
    words: list[Stretch]


class ShownPair(NamedTuple):
    """What the page shows of one pair; `why` says what it is an example of. Boxes and traces are in hundredths of the
    picture's width and height; `address` is where the video shows it, if it is on a site."""

    row: Any
    why: str
    picture: str
    box: list[float]
    trace: str
    heard: list[Part]
    text: list[Part]
    facts: list[tuple[str, str]]
    bar: TimeBar | None
    address: str = ""


class PairReader:
    """Reads what belongs to pairs; each picture and each video's captions and holds are read once."""

    def __init__(self) -> None:
        self._images = ImageReader()
        self._captions: dict[str, list[CaptionSentence]] = {}
        self._holds: dict[str, pd.DataFrame] = {}
        self._addresses: dict[str, str] | None = None

    def picture(self, reference: str, size: tuple[int, int] = SMALL) -> str:
        """An image by reference, as small as `size`, for a page."""
        return data_uri(thumbnail(self._images.read(reference), size), "jpeg")

    def show(self, row: Any, why: str = "", size: tuple[int, int] = LARGE) -> ShownPair:
        """What the page shows of `row`, one of stages.report.census.SHOWN."""
        entities = [
            {"negated": False, **entity, "group": group_of(entity)} for entity in json.loads(row.entities or "[]")
        ]
        spoken = bool(row.video_id) and not pd.isna(row.start_s)
        said = self._said(row) if spoken else []
        return ShownPair(
            row=row,
            why=why,
            picture=self.picture(row.image, size),
            box=[round(100 * share, 2) for share in json.loads(row.box or "[]")],
            trace=self._trace(row) if spoken else "",
            heard=_heard(said, row.text),
            text=marked(row.text, entities, lambda one: one["term"]),
            facts=list(_facts(row)),
            bar=self._bar(row, said) if spoken else None,
            address=self.address(row.video_id, row.start_s) if spoken else "",
        )

    def captions(self, video_id: str) -> list[CaptionSentence]:
        """The sentences of a video."""
        if video_id not in self._captions:
            self._captions[video_id] = CAPTIONS.read(CAPTIONS.at(id=video_id))["sentences"]
        return self._captions[video_id]

    def holds(self, video_id: str) -> pd.DataFrame:
        """The holds of a video, a row for each region."""
        if video_id not in self._holds:
            self._holds[video_id] = HOLDS.read(HOLDS.at(id=video_id))
        return self._holds[video_id]

    def address(self, video_id: str, seconds: float) -> str:
        """Where a browser shows a moment of a video; nothing where the video did not come from a site."""
        if self._addresses is None:
            table = VIDEO_TABLE.read(VIDEO_TABLE.at(), ["video_id", "url"])
            self._addresses = dict(zip(table.video_id, table.url, strict=True))
        url = self._addresses.get(video_id) or ""
        if not url.startswith(("https://", "http://")):
            return ""
        return f"{url}{'&' if '?' in url else '#'}t={int(seconds)}"

    def forget(self, video_id: str) -> None:
        """Let go of a video's captions and holds."""
        self._captions.pop(video_id, None)
        self._holds.pop(video_id, None)

    def _said(self, row: Any) -> list[CaptionSentence]:
        """The sentences that the pair's text comes from."""
        return [one for one in self.captions(row.video_id) if one["start"] < row.end_s and one["end"] > row.start_s]

    def _trace(self, row: Any) -> str:
        """Where the cursor was in the pair's image while its sentence was said, as points of an SVG polyline."""
        holds = self.holds(row.video_id)
        own = holds[(holds.hold_id == row.hold_id) & (holds.image == row.image.rpartition("#")[2])]
        path = TRACE.at(id=row.video_id)
        if own.empty or not path.exists():
            return ""
        region, trace = own.iloc[0], TRACE.read(path)
        trace = trace[(trace.hold_id == row.hold_id) & trace.t_s.between(row.start_s, row.end_s)]
        x = (trace.x - region.x0) / (region.x1 - region.x0)
        y = (trace.y - region.y0) / (region.y1 - region.y0)
        inside = x.between(0, 1) & y.between(0, 1)
        return " ".join(f"{100 * a:.1f},{100 * b:.1f}" for a, b in zip(x[inside], y[inside], strict=True))

    def _bar(self, row: Any, said: Sequence[CaptionSentence]) -> TimeBar:
        sentences, holds = self.captions(row.video_id), self.holds(row.video_id).drop_duplicates("hold_id")
        last = max([row.end_s, *(one["end"] for one in sentences), *holds.end_s])
        begin = min(max(0.0, (row.start_s + row.end_s - WINDOW_S) / 2), max(0.0, last - WINDOW_S))
        end = min(last, begin + WINDOW_S)

        def spans(times: Iterable[tuple[float, float]]) -> list[Stretch]:
            cut = [(max(start, begin), min(stop, end)) for start, stop in times if start < end and stop > begin]
            scale = 100 / (end - begin)
            return [Stretch(round((a - begin) * scale, 2), round(max(b - a, 0.05) * scale, 2)) for a, b in cut]

        own = holds.hold_id == row.hold_id
        others = [one for one in sentences if one not in said]
        words = [time for one in said for time in one["times"] if time[0] < row.end_s and time[1] > row.start_s]
        return TimeBar(
            begins=clock(begin),
            ends=clock(end),
            holds=spans(zip(holds.start_s[~own], holds.end_s[~own], strict=True)),
            hold=spans(zip(holds.start_s[own], holds.end_s[own], strict=True)),
            sentences=spans((one["start"], one["end"]) for one in others),
            sentence=spans([(row.start_s, row.end_s)]),
            words=spans(words),
        )


def marked(text: str, marks: Iterable[Any], words_of: Callable[[Any], str]) -> list[Part]:
    """`text` in parts, of which those that `words_of` names have its mark, one occurrence for each, from the left; the
    case of letters does not count. Marks that are not found, or lie within another, are left out."""
    places: list[tuple[int, int, Any]] = []
    for mark in sorted(marks, key=lambda one: -len(words_of(one))):
        found = (one.span() for one in re.finditer(rf"(?<!\w){re.escape(words_of(mark))}(?!\w)", text, re.IGNORECASE))
        free = (span for span in found if all(span[1] <= start or span[0] >= end for start, end, _ in places))
        if (span := next(free, None)) and span[0] < span[1]:
            places.append((*span, mark))
    parts, done = [], 0
    for start, end, mark in sorted(places, key=lambda place: place[0]):
        parts += [Part(text[done:start]), Part(text[start:end], mark)]
        done = end
    return [part for part in [*parts, Part(text[done:])] if part.text]


def _heard(said: Sequence[CaptionSentence], text: str) -> list[Part]:
    """The sentences as they were heard, with their corrections; nothing where that is the pair's text."""
    if " ".join(one["raw"] for one in said) == text:
        return []
    return [part for one in said for part in marked(one["raw"], one["corrections"], lambda made: made["from"])]


def group_of(entity: Mapping[str, Any]) -> str:
    """The name in GROUPS of an entity's semantic type."""
    return next((name for name, types in GROUPS.items() if entity["semantic_type"] in types), OTHER)


def clock(seconds: float) -> str:
    """A time in a video, as its player shows it."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _facts(row: Any) -> Iterator[tuple[str, str]]:
    """What else is known of a pair, as label and text."""
    yield "source", row.source
    yield "paired because", row.reason.replace("_", " ")
    yield "confidence", f"{row.confidence:.2f}"
    if row.sub_pathology not in ("", UNKNOWN):
        yield "sub-pathology", row.sub_pathology
    if not pd.isna(row.magnification):
        yield "magnification", f"{MAGNIFICATIONS[int(row.magnification)]}, {row.magnification_how}"
    yield "kind", row.kind
    yield "split", row.split or f"dropped: {row.drop.replace('_', ' ')}"
    yield "pair", row.pair_id
