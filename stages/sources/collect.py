"""A source's candidates, filtered and written."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from stages.common.data.arrays import Picture
from stages.common.data.files import write_json
from stages.common.data.tars import TarShards
from stages.common.errors import Rejected
from stages.common.frame_filter.classifier import load_filter
from stages.common.tables.pairs import pairs_table
from stages.common.tables.sources import DROPPED, SOURCE_PAIRS
from stages.sources.candidate import Candidate
from stages.sources.filters import apply_filters, clean_text
from stages.sources.params import Params

BATCH = 64  # images given to the frame filter at once
PER_TAR = 2000
READ = "read"  # how a magnification that the source states is known

Kept = tuple[Candidate, Picture, bytes]
Refusal = tuple[Candidate, Rejected]


def collect(
    candidates: Iterable[Candidate],
    source: str,
    out: Path,
    metrics: Path,
    model: Path,
    params: Params,
    device: str = "cpu",
) -> dict[str, Any]:
    """Write the candidates that show histology to `out`/pairs.parquet and `out`/images-NNNNNN.tar, the others with
    their reasons to `out`/dropped.parquet, and the counts to `metrics`. Images pass through in batches."""
    from tqdm import tqdm

    frame_filter = load_filter(model, device)
    rows: list[dict[str, Any]] = []
    dropped: list[dict[str, str]] = []
    stream = _unique_keys(map(_encodable, tqdm(candidates, desc=source, unit="image", mininterval=1)))
    with TarShards(out, "images", PER_TAR) as shards:
        while part := list(islice(stream, BATCH)):
            kept, rejected = _filtered(part, frame_filter, params)
            for candidate, picture, data in kept:
                reference = shards.add(f"{candidate.key}.jpg", data)
                rows.append(_row(candidate, source, reference, picture))
            dropped += [_dropped(candidate, why) for candidate, why in rejected]
    SOURCE_PAIRS.write(out / SOURCE_PAIRS.path.name, pairs_table(rows))
    DROPPED.write(out / DROPPED.path.name, _dropped_table(dropped))
    reasons = Counter(row["reason"] for row in dropped)
    seen = len(rows) + len(dropped)
    write_json(metrics, {"candidates": seen, "pairs": len(rows), "dropped": dict(sorted(reasons.items()))})
    return {"items": seen, "pairs": len(rows)}


def _encodable(candidate: Candidate) -> Candidate:
    """The candidate with texts that UTF-8 can hold: halves of a character (surrogates) are joined, or replaced."""
    names = ("text", "provenance", "license", "detail")
    texts: dict[str, Any] = {name: _joined(getattr(candidate, name)) for name in names}
    more = {name: _joined(value) if isinstance(value, str) else value for name, value in candidate.more.items()}
    return replace(candidate, **texts, more=more)


def _joined(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _unique_keys(candidates: Iterable[Candidate]) -> Iterator[Candidate]:
    """The candidates, a number after each key that came before: a tweet's images, an article that is there twice."""
    times: Counter[str] = Counter()
    for candidate in candidates:
        key = candidate.key
        while times[key]:
            times[candidate.key] += 1
            key = f"{candidate.key}_{times[candidate.key]}"
        times[key] += 1
        yield replace(candidate, key=key)


def _filtered(part: Sequence[Candidate], frame_filter: Any, params: Params) -> tuple[list[Kept], list[Refusal]]:
    """The candidates that pass the filters and show histology, and the others with their reasons."""
    passed: list[Kept] = []
    rejected: list[Refusal] = []
    for candidate in part:
        try:
            passed.append((candidate, *apply_filters(candidate, params)))
        except Rejected as why:
            rejected.append((candidate, why))
    predicted = frame_filter.predict([picture for _, picture, _ in passed]).histology if passed else []
    kept = []
    for one, probability in zip(passed, predicted, strict=True):
        if frame_filter.is_histology(float(probability)):
            kept.append(one)
        else:
            rejected.append((one[0], Rejected("not_histology", f"probability {probability:.2f}")))
    return kept, rejected


def _row(candidate: Candidate, source: str, reference: str, picture: Picture) -> dict[str, Any]:
    return {
        "pair_id": f"{source}_{candidate.key}",
        "source": source,
        "group": f"{source}_{candidate.group}",
        "image": reference,
        "text": clean_text(candidate.text),
        "kind": "medical",
        "box": "[]",
        "entities": "[]",
        "width": picture.shape[1],
        "height": picture.shape[0],
        "confidence": 1.0,
        "reason": "captioned",
        "provenance": candidate.provenance,
        "license": candidate.license,
        "magnification_how": READ if pd.notna(candidate.more.get("magnification")) else "",
        **candidate.more,
    }


def _dropped(candidate: Candidate, why: Rejected) -> dict[str, str]:
    detail = clean_text(why.message)[:200]
    values = (candidate.key, candidate.group, why.reason, detail, candidate.provenance, candidate.license)
    return dict(zip(DROPPED.names, values, strict=True))


def _dropped_table(rows: list[dict[str, str]]) -> Any:

    table = DROPPED.frame(rows).astype("string")
    return table.sort_values(["key", "reason"], ignore_index=True)
