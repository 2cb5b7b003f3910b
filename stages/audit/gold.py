"""Gold labels: what is true of videos and exports, as far as it was labelled. data/gold/README.md explains them.

What a label leaves out is unknown and not scored; an empty list means that there is none.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from stages.common.errors import StageError

Seconds = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Label(BaseModel):
    """A part of a label; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Span(Label):
    """A stretch of a video."""

    start: Seconds
    end: Seconds

    @model_validator(mode="after")
    def _in_order(self) -> "Span":
        if self.end < self.start:
            raise ValueError(f"end {self.end} is before start {self.start}")
        return self


class GoldShot(Span):
    """What the camera shows. `kind` is hold where it rests; magnification 0, 1, 2: nearest to up to 10x, 20x, more."""

    kind: Literal["hold", "move", "title", "head"]
    histology: bool
    tissue: str | None = None
    magnification: Literal[0, 1, 2] | None = None


class GoldSentence(Span):
    """A spoken sentence; `tissue` is what it is about, "" for none; `words` are (word, start, end)."""

    text: str
    kind: Literal["medical", "roi", "other"] | None = None
    tissue: str | None = None
    words: list[tuple[str, Seconds, Seconds]] = []


class GoldGesture(Span):
    """The cursor circles `box`: x0, y0, x1, y1 as shares of the picture."""

    box: Annotated[list[Share], Field(min_length=4, max_length=4)]


class GoldVideo(Label):
    """The labels of one video. `decoy` says why it should be rejected, "" for a lecture to be kept."""

    field: str | None = None
    decoy: str = ""
    sha256: str = ""
    duration_s: Seconds | None = None
    cuts: list[Seconds] | None = None
    shots: list[GoldShot] | None = None
    sentences: list[GoldSentence] | None = None
    gestures: list[GoldGesture] | None = None


class Export(Label):
    """What is true of one item of an export: "", `leak`, or the way in which it is a copy of another."""

    source: str
    key: str
    planted: str
    tissue: str = ""


def read_videos(folder: Path) -> dict[str, GoldVideo]:
    """Labels by video id from `folder`/videos.json, none where there is no file. Raises StageError for a wrong one."""
    found: dict[str, GoldVideo] = _read(folder / "videos.json", dict[str, GoldVideo], {})
    return found


def read_exports(folder: Path) -> list[Export]:
    """Labels of `folder`/exports.json, none where there is no file. Raises StageError for a wrong one."""
    found: list[Export] = _read(folder / "exports.json", list[Export], [])
    return found


def _read(path: Path, kind: Any, empty: Any) -> Any:
    if not path.exists():
        return empty
    try:
        return TypeAdapter(kind).validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        message = " ".join(first["msg"].split())
        raise StageError(f"{path}: {where + ': ' if where else ''}{message}{more}: see data/gold/README.md") from None
