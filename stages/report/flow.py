"""The flow from the catalog to the training set: of each step what came, what was kept, what was dropped and why."""

import heapq
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from stages.common.data.tars import read_tar
from stages.common.incremental.manifest import finished, read_manifest
from stages.common.paths import CAPTIONS_DIR, KEYFRAMES_DIR, MORE_SOURCES_DIR, ROIS_DIR, SOURCES_DIR, TRANSCRIPTS_DIR
from stages.common.reviews import WITHDRAWN_REASON, WRONG_REASON
from stages.common.tables.captions import CaptionSentence
from stages.common.tables.keyframes import HOLDS, PASSED, PASSED_MEMBER, tar_of
from stages.common.tables.pairs import PAIR_TABLE
from stages.common.tables.sources import DROPPED, SOURCE_PAIRS, SOURCES
from stages.common.tables.transcripts import TRANSCRIPT
from stages.common.tables.videos import STATUS_TABLE, VIDEO_TABLE
from stages.report.census import EXAMPLES, Census
from stages.report.pairs import PairReader, clock

# What a reason means, where its words do not say it.
MEANINGS = {
    "channel_too_big": "its channel has videos.max_subscribers or more",
    "language": "not one that is wanted",
    "no_audio": "it has no sound",
    "no_histology": "too few of its frames show histology",
    "no_histology_hold": "the camera never rests on histology for long enough",
    "no_speech": "next to nothing is said in it",
    "too_short": "shorter than videos.min_duration_s",
    "too_long": "longer than videos.max_duration_s",
    "rest_too_short": "the camera rested for less than keyframes.min_hold_s; whether it shows histology was not asked",
    "no_tissue": "nothing on the screen could be tissue",
    "not_histology": "the frame filter says so",
    "other": "neither medical nor about a region of interest",
    "no_hold": "no hold on screen while it was said, and none that its words mean",
    "no_text": "no medical sentence was said of it",
    "personal_data": "it names or could name a person",
    "not_narrative": "its histology does not stay on screen as in a narrated video",
    "exact_duplicate": "the same file as another pair's image",
    "near_duplicate": "the picture of another pair, changed a little",
    "crop_duplicate": "a part of another pair's image",
    WRONG_REASON: "a reader of the review page says that it is wrong",
    WITHDRAWN_REASON: "a reader of the review page says that it must not be used, so neither image nor text is shown",
}


class Example(NamedTuple):
    """One of those that were dropped: `text` says what it is, `detail` why; pictures are (what it shows, data URI);
    `address` is where the video shows it, if it is on a site."""

    text: str
    detail: str = ""
    pictures: tuple[tuple[str, str], ...] = ()
    address: str = ""


@dataclass(frozen=True)
class Drop:
    """How many were dropped for one reason, and some of them."""

    reason: str
    count: int
    examples: list[Example]

    @property
    def label(self) -> str:
        """The reason in words."""
        if self.reason.startswith("leak_"):
            return f"leak of the test set {self.reason.removeprefix('leak_')}"
        return self.reason.replace("_", " ")

    @property
    def meaning(self) -> str:
        """What there is to add to the label."""
        return "its image is in the test set" if self.reason.startswith("leak_") else MEANINGS.get(self.reason, "")


class Step(NamedTuple):
    """A step of stage `stage`: how many `unit` came, and what was dropped of them."""

    name: str
    stage: str
    unit: str
    came: int
    drops: list[Drop]

    @property
    def kept(self) -> int:
        """How many were kept."""
        return self.came - sum(drop.count for drop in self.drops)


@dataclass
class _Tally:
    """Counts by reason, with the EXAMPLES items whose names have the smallest hash."""

    came: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    _heaps: dict[str, list[tuple[int, str, int, Any]]] = field(default_factory=dict)

    def drop(self, reason: str, name: str, item: Any = None) -> None:
        """Count one, which may be an example if `item` is given."""
        self.counts[reason] += 1
        if item is None:
            return
        heap = self._heaps.setdefault(reason, [])
        entry = (-zlib.crc32(name.encode()), name, self.counts.total(), item)  # the number tells equal names apart
        if len(heap) < EXAMPLES:
            heapq.heappush(heap, entry)
        else:
            heapq.heappushpop(heap, entry)

    def step(self, name: str, stage: str, unit: str, show: Callable[[Any], Example]) -> Step:
        shown = {
            reason: [show(item) for *_, item in sorted(heap, key=lambda one: one[1:3])]
            for reason, heap in self._heaps.items()
        }
        drops = [Drop(reason, count, shown.get(reason, [])) for reason, count in self.counts.most_common()]
        return Step(name, stage, unit, self.came, drops)


def flow(census: Census, reader: PairReader, sources: list[str]) -> list[Step]:
    """Every step of the run, in order; `sources` are those of the dataset. Raises StageError where a stage has not
    run."""
    steps: list[Step] = []
    if "quilt" in sources:
        steps += [*_videos(), _rests(reader), _segments(reader), *_alignment(reader)]
    steps += [_source(name) for name in sources if name != "quilt"]
    return [*steps, _merge(census, reader)]


def _videos() -> Iterator[Step]:
    titles = VIDEO_TABLE.read(VIDEO_TABLE.at(), ["video_id", "title"]).set_index("video_id").title.to_dict()
    listed = STATUS_TABLE.read(STATUS_TABLE.at())
    yield _items("videos fetched", "videos", listed, titles)
    yield _items("videos with histology", "keyframes", read_manifest(KEYFRAMES_DIR), titles)
    yield _items("videos traced", "rois", read_manifest(ROIS_DIR), titles)
    yield _items("videos with speech", "transcripts", read_manifest(TRANSCRIPTS_DIR), titles)
    yield _items("videos captioned", "captions", read_manifest(CAPTIONS_DIR), titles)


def _items(name: str, stage: str, manifest: pd.DataFrame, titles: Mapping[str, str]) -> Step:
    tally = _Tally(came=len(manifest))
    for row in manifest[manifest.status != "ok"].itertuples():
        tally.drop(row.reason or row.status, row.id, row)

    def example(row: Any) -> Example:
        return Example(titles.get(row.id) or row.id, ": ".join(filter(None, [row.status, row.error])))

    return tally.step(name, stage, "videos", example)


def _rests(reader: PairReader) -> Step:
    """Rests of the camera, of which keyframes keeps those that are long enough and show histology."""
    tally = _Tally()
    for video in finished(KEYFRAMES_DIR).id:
        tar = tar_of(video)
        passed = PASSED.read_bytes(read_tar(tar, [PASSED_MEMBER])[PASSED_MEMBER], f"{tar}#{PASSED_MEMBER}")
        tally.came += HOLDS.read(HOLDS.at(id=video), ["hold_id"]).hold_id.nunique() + len(passed)
        for row in passed.itertuples():
            tally.drop(row.reason, f"{video} {row.start_s:.3f}", (video, row) if row.image else None)

    def example(found: tuple[str, Any]) -> Example:
        video, row = found
        shows = "" if pd.isna(row.histology_prob) else f"probability of histology {row.histology_prob:.2f}"
        return _hold(reader, video, row)._replace(detail=shows)

    return tally.step("holds with histology", "keyframes", "rests of the camera", example)


def _segments(reader: PairReader) -> Step:
    """Stretches of speech, of which transcripts leave out what nobody said, and other languages."""
    tally = _Tally()
    for video in finished(TRANSCRIPTS_DIR).id:
        transcript = TRANSCRIPT.read(TRANSCRIPT.at(id=video))
        tally.came += len(transcript["segments"]) + len(transcript["dropped"])
        for number, segment in enumerate(transcript["dropped"]):
            tally.drop(segment["reason"], f"{video} {number}", (video, segment))
    return tally.step("speech recognised", "transcripts", "stretches", lambda one: _spoken(reader, *one))


def _alignment(reader: PairReader) -> Iterator[Step]:
    """Sentences by kind, those of the right kind by whether a hold was found, and holds by whether text was."""
    sorted_out, aligned, holds = _Tally(), _Tally(), _Tally()
    pairs = PAIR_TABLE.read(PAIR_TABLE.at(), ["video_id", "hold_id", "start_s"])
    starts = {name: np.sort(own.to_numpy()) for name, own in pairs.groupby("video_id").start_s}
    paired = set(pairs.hold_id)
    for video in finished(CAPTIONS_DIR).id:
        for number, sentence in enumerate(reader.captions(video)):
            name, said = f"{video} {number}", (video, sentence)
            sorted_out.came += 1
            if sentence["personal_data"]:
                sorted_out.drop("personal_data", name, said)
            elif sentence["kind"] == "other":
                sorted_out.drop("other", name, said)
            else:
                aligned.came += 1
                if not _begins_in(starts.get(video, np.empty(0)), sentence):
                    aligned.drop("no_hold", name, said)
        for row in reader.holds(video).drop_duplicates("hold_id").itertuples():
            holds.came += 1
            if row.hold_id not in paired:
                holds.drop("no_text", row.hold_id, (video, row))
        reader.forget(video)
    yield sorted_out.step("sentences of use", "captions", "sentences", lambda one: _spoken(reader, *one))
    yield aligned.step("sentences aligned", "pairs", "sentences", lambda one: _spoken(reader, *one))
    yield holds.step("holds with text", "pairs", "holds", lambda one: _hold(reader, *one))


def _begins_in(starts: Any, sentence: CaptionSentence) -> bool:
    """Whether one of the sorted `starts` lies in the sentence."""
    place = int(np.searchsorted(starts, sentence["start"] - 1e-6))
    return place < len(starts) and bool(starts[place] <= sentence["end"])


def _spoken(reader: PairReader, video: str, what: Any) -> Example:
    """A sentence or a stretch of speech of a video."""
    when = f"{video}, {clock(what['start'])} to {clock(what['end'])}"
    return Example(what["text"] or "(its words are not kept)", when, address=reader.address(video, what["start"]))


def _hold(reader: PairReader, video: str, row: Any) -> Example:
    """A hold of a video, or a shorter rest, with its picture."""
    when = f"{video}, {clock(row.start_s)} to {clock(row.end_s)}"
    picture = reader.picture(f"{tar_of(video).as_posix()}#{row.image}")
    return Example(when, "", (("On screen", picture),), reader.address(video, row.start_s))


def _source(name: str) -> Step:
    """Candidates of one source other than video."""
    import pyarrow.parquet as pq

    folder = (SOURCES_DIR if name in SOURCES else MORE_SOURCES_DIR) / name
    path = folder / DROPPED.path.name
    DROPPED.read(path, [])  # says in one line what is wrong with it
    tally = _Tally(came=pq.read_metadata(folder / SOURCE_PAIRS.path.name).num_rows)
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=["key", "reason", "detail", "provenance"]):
            for row in batch.to_pandas().itertuples():
                tally.came += 1
                tally.drop(row.reason, row.key, row)
    return tally.step(f"images of {name}", "sources", "candidates", lambda row: Example(row.provenance, row.detail))


def _merge(census: Census, reader: PairReader) -> Step:
    """Candidates of all sources, those dropped with the picture of the pair that stays; nothing of what was withdrawn,
    or is a copy of it."""
    counts: Counter[str] = Counter()
    for (_, reason), count in census.dropped.items():
        counts[reason] += count
    rows = {reason: census.examples("drop", reason) for reason in counts}
    stay = census.rows_of(row.duplicate_of for own in rows.values() for row in own)

    def example(row: Any) -> Example:
        other = stay.get(row.duplicate_of)
        if row.image in census.withdrawn or (other is not None and other.image in census.withdrawn):
            return Example(row.pair_id, "withdrawn, so it is not shown")
        pictures = [(f"dropped: {row.pair_id}", row.image)]
        pictures += [(f"stays: {other.pair_id}", other.image)] if other is not None else []
        shown = tuple((alt, reader.picture(image)) for alt, image in pictures)
        return Example(row.text, pictures=shown)

    drops = [Drop(reason, count, [example(row) for row in rows[reason]]) for reason, count in counts.most_common()]
    return Step("pairs merged", "dataset", "pairs", census.candidates, drops)
