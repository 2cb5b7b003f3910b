"""What a source of the user's own yields, checked before it takes the way of all sources."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from stages.common.data.files import SAFE_ID, SHORT_WORD
from stages.common.errors import StageError
from stages.common.stage.extensions import iterate, load_extension
from stages.common.tables.captions import FIELDS, UNKNOWN
from stages.common.tables.pairs import PAIR_TABLE
from stages.sources.candidate import Candidate
from stages.sources.params import Added

# Columns that `more` may fill; all others come from the other fields, or from the stage.
OPEN = ("video_id", "hold_id", "start_s", "end_s", "sub_pathology", "magnification", "confidence")
MORE = {column.name: column.type for column in PAIR_TABLE.columns if column.name in OPEN}
TYPES = {"string": str, "double": float | int}


def added(name: str, source: Added) -> Iterator[Candidate]:
    """What the function of a source of the user's own yields, called with the folder and its other parameters.

    A pair whose key or group cannot be part of a file's name is to be dropped. Raises StageError where the function is
    at fault: where it yields no Candidates, or such as hold values of a wrong type or columns that are not theirs.
    """
    parameter = f"sources.more.{name}.read"
    found = load_extension(source.read, parameter, "folder", **source.options)(Path(source.folder), **source.options)
    if not isinstance(found, Iterable):
        raise StageError(f"{parameter}: {source.read} must yield candidates, not return {type(found).__name__}")
    for number, candidate in enumerate(iterate(found, source.read, parameter), 1):
        if not isinstance(candidate, Candidate):
            raise StageError(f"{parameter}: {source.read} must yield stages.sources.candidate.Candidate")
        if wrong := _wrong(candidate):
            raise StageError(f"{parameter}: {source.read}: row {number}: {wrong}")
        yield _safe(candidate)


def _wrong(candidate: Candidate) -> str:
    """What is wrong with a field or with a column of `more`; "" where nothing is."""
    hints = get_type_hints(Candidate)
    for field in fields(Candidate):
        value, hint = getattr(candidate, field.name), hints[field.name]
        wanted = get_args(hint) if isinstance(hint, UnionType) else (get_origin(hint) or hint,)
        if not isinstance(value, wanted):
            names = " or ".join(one.__name__ for one in wanted)
            return f"{field.name} is {type(value).__name__}, should be {names}"
    for column, value in candidate.more.items():
        if column not in MORE:
            return f"more has {column!r}, which is none of {', '.join(MORE)}"
        if value is not None and (not isinstance(value, TYPES[MORE[column]]) or isinstance(value, bool)):
            return f"more[{column!r}] is {type(value).__name__}, should be {MORE[column]}"
    if candidate.drop and not SHORT_WORD.fullmatch(candidate.drop):
        return f"drop is {candidate.drop!r}, should be a lower-case word, with underscores, or ''"
    confidence, subject = candidate.more.get("confidence"), candidate.more.get("sub_pathology")
    if confidence is not None and not 0 <= confidence <= 1:
        return f"more['confidence'] is {confidence!r}, should be between 0 and 1"
    if subject and subject not in (*FIELDS, UNKNOWN):
        return f"more['sub_pathology'] is {subject!r}, should be '' or one of {', '.join(FIELDS)}"
    return ""


def _safe(candidate: Candidate) -> Candidate:
    """The candidate; under digests of its names, and to be dropped, where one of them cannot be part of a file's."""
    bad = [field for field in ("key", "group") if not SAFE_ID.fullmatch(getattr(candidate, field))]
    if not bad:
        return candidate
    shown = f"{bad[0]} {getattr(candidate, bad[0])!r}: use 1 to 128 letters, digits, '-' and '_'"
    names: dict[str, Any] = {field: _digest(getattr(candidate, field)) for field in bad}
    return replace(candidate, **names, drop=f"bad_{bad[0]}", detail=shown)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
