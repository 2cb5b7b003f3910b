"""A source's candidates, filtered and written."""

import functools
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from stages.common.data.files import write_json
from stages.common.data.lookup import ADDRESS, AMBIGUOUS, MISSING
from stages.common.errors import StageError
from stages.common.frame_filter.classifier import filter_digest
from stages.common.incremental.dependencies import Dependencies
from stages.common.incremental.process import Call, Lost
from stages.common.incremental.workers import run_calls
from stages.common.paths import UNFINISHED_DIR
from stages.common.stage.params import Base
from stages.common.tables.pairs import pairs_table
from stages.common.tables.sources import DROPPED, SOURCE_PAIRS
from stages.sources.batches import Done, batch_digest, batched, filter_batch
from stages.sources.candidate import Candidate
from stages.sources.params import Params

READ = "read"  # how a magnification that the source states is known
# Reasons for which an image was not to be had, and what to do where this is so of nearly all images of a source.
LOST = {
    MISSING: "put the images below sources.{source}.folder",
    ADDRESS: "put the images below sources.{source}.folder, or give the table to sources.laion, which fetches them",
    AMBIGUOUS: "give their paths in the table, or leave one of each name below sources.{source}.folder",
    "missing_graphic": "put the graphics into the articles' folders or archives",
    "unknown_host": "check the network",
    "connection_failed": "check the network",
}
MOST = 0.9  # share of a source's images that may be lost


def collect(
    candidates: Iterable[Candidate],
    source: str,
    out: Path,
    metrics: Path,
    model: Path,
    params: Params,
    base: Base,
    device: str = "cpu",
) -> dict[str, Any]:
    """Write the candidates that show histology to `out`/pairs.parquet and `out`/images-NNNNNN.tar, the others with
    their reasons to `out`/dropped.parquet, and the counts to `metrics`.

    Batches are filtered by `base.jobs` workers; those that a killed run had finished are not filtered again. Raises
    StageError where nearly all images are missing.
    """
    from tqdm import tqdm

    work = UNFINISHED_DIR / source
    images = _Images(source)
    stream = tqdm(images.counted(candidates), desc=source, unit="image", mininterval=1)
    finished = _filtered(_unique_keys(map(_encodable, stream)), work, model, params, base, device)
    images.check()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    rows: list[dict[str, Any]] = []
    dropped: list[pd.DataFrame] = []
    tars = 0
    for done in finished:
        record = done.read()
        if record["kept"]:
            tar = out / f"images-{tars:06d}.tar"
            done.tar.replace(tar)
            tars += 1
            rows += [_row(one, source, tar) for one in record["kept"]]
        dropped.append(DROPPED.frame(record["dropped"]).astype("string[pyarrow]"))
    SOURCE_PAIRS.write(out / SOURCE_PAIRS.path.name, pairs_table(rows))
    refused = pd.concat([DROPPED.frame([]).astype("string[pyarrow]"), *dropped])
    DROPPED.write(out / DROPPED.path.name, refused.sort_values(["key", "reason"], ignore_index=True))
    reasons = {str(name): int(count) for name, count in refused.groupby("reason").size().items()}
    write_json(metrics, {"candidates": len(rows) + len(refused), "pairs": len(rows), "dropped": reasons})
    shutil.rmtree(work, ignore_errors=True)
    return {"items": len(rows) + len(refused), "pairs": len(rows)}


def _filtered(
    candidates: Iterable[Candidate], work: Path, model: Path, params: Params, base: Base, device: str
) -> list[Done]:
    """The batches of all candidates, in order, filtered. Of a batch that is lost with its worker, candidates that are
    lost alone as well are dropped. Raises StageError where these are more than `base.max_failed` of all."""
    rules = {name: getattr(params, name) for name in ("languages", "min_side", "min_words", "max_words")}
    needs = Dependencies(code=(filter_batch,), params=rules, models={"frame_filter": filter_digest(model)})
    made_by = needs.digest()
    finished: list[Done] = []
    unfinished: dict[str, tuple[list[Candidate], Done]] = {}
    total = deadly = 0

    def call(name: str, batch: list[Candidate], done: Done) -> Call:
        return Call(name, functools.partial(filter_batch, batch, done, model, device, params), base.item_timeout_s)

    def todo() -> Iterator[Call]:
        nonlocal total
        for batch in batched(candidates):
            total += len(batch)
            name = batch_digest(batch, made_by)
            done = Done(work / f"{name}.json", work / f"{name}.tar")
            finished.append(done)
            if not done.whole:
                name = f"images {batch[0].key} to {batch[-1].key}"
                unfinished[name] = batch, done
                yield call(name, batch, done)

    with closing(run_calls(todo(), base, device)) as results:
        for name, result in results:
            if not isinstance(result, Lost):
                del unfinished[name]
    for name, (batch, done) in unfinished.items():
        alone = [call(one.key, [one], Done(work / f"{n}.json", work / f"{n}.tar")) for n, one in enumerate(batch)]
        lost = _lost(alone, base, device)
        deadly += len(lost)
        rest = [_without_image(one, lost[one.key]) if one.key in lost else one for one in batch]
        if deadly > base.max_failed * total or (lost := _lost([call(name, rest, done)], base, device)):
            why = next(iter(lost.values()))
            raise StageError(f"{work.name}: {name}: {why.reason}: {why.message}")
    return finished


def _lost(calls: Iterable[Call], base: Base, device: str) -> dict[str, Lost]:
    """Make calls; those that were lost, and why."""
    with closing(run_calls(calls, base, device)) as results:
        return {name: why for name, why in results if isinstance(why, Lost)}


def _without_image(candidate: Candidate, why: Lost) -> Candidate:
    """The candidate, to be dropped: a worker was lost with its image."""
    return replace(candidate, image=b"", drop=why.reason, detail=why.message)


class _Images:
    """Counts the images of a source that are there and those that are not."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._found = self._lost = 0
        self._first: Candidate | None = None

    def counted(self, candidates: Iterable[Candidate]) -> Iterator[Candidate]:
        """The candidates as they are."""
        for candidate in candidates:
            self._found += bool(candidate.image)
            if candidate.drop in LOST:
                self._lost += 1
                self._first = self._first or candidate
            yield candidate

    def check(self) -> None:
        """Raise StageError where more than MOST of the images are not there."""
        first, total = self._first, self._lost + self._found
        if first is None or self._lost <= MOST * total:
            return
        remedy = LOST[first.drop].format(source=self._source)
        if self._source == "table":
            remedy += "; or set sources.table.images to the folder that they are below"
        what = " ".join(filter(None, (first.drop, first.detail)))
        raise StageError(
            f"sources.{self._source}: {self._lost} of {total} images are not there; first: {what} "
            f"({first.provenance}): {remedy}"
        )


def _encodable(candidate: Candidate) -> Candidate:
    """The candidate with texts that UTF-8 can hold: halves of a character (surrogates) are joined, or replaced."""
    names = ("key", "group", "text", "provenance", "license", "detail")
    texts: dict[str, Any] = {name: _joined(getattr(candidate, name)) for name in names}
    more = {name: _joined(value) if isinstance(value, str) else value for name, value in candidate.more.items()}
    return replace(candidate, **texts, more=more)


def _joined(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _unique_keys(candidates: Iterable[Candidate]) -> Iterator[Candidate]:
    """The candidates, a number after each key that came before: a tweet's images, an article that is there twice."""
    seen: set[int] = set()  # of hashes: keys take more memory
    times: Counter[str] = Counter()
    for candidate in candidates:
        key = candidate.key
        while hash(key) in seen:
            times[candidate.key] += 1
            key = f"{candidate.key}_{times[candidate.key] + 1}"
        seen.add(hash(key))
        yield candidate if key == candidate.key else replace(candidate, key=key)


def _row(kept: dict[str, Any], source: str, tar: Path) -> dict[str, Any]:
    more = kept.pop("more")
    key = kept.pop("key")
    return {
        **kept,
        "pair_id": f"{source}_{key}",
        "source": source,
        "group": f"{source}_{kept['group']}",
        "image": f"{tar.as_posix()}#{key}.jpg",
        "kind": "medical",
        "box": "[]",
        "entities": "[]",
        "confidence": 1.0,
        "reason": "captioned",
        "magnification_how": READ if pd.notna(more.get("magnification")) else "",
        **more,
    }
