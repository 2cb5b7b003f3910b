"""What stage transcripts writes: one JSON file a video, of timed words."""

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from stages.common.paths import TRANSCRIPTS_DIR
from stages.common.tables.schema import Record

Seconds = Annotated[float, Field(description="s, from the beginning of the video")]


class Word(TypedDict):
    """A word as it was recognised, with the punctuation that follows it."""

    word: str
    start: Seconds
    end: Seconds
    score: Annotated[float, Field(description="probability to the model, 0..1")]
    interpolated: NotRequired[
        Annotated[bool, Field(description="true where alignment left its time to its neighbours")]
    ]


class Segment(TypedDict):
    """A stretch of speech as the recogniser cut it."""

    start: Seconds
    end: Seconds
    text: str
    words: list[Word]


class DroppedSegment(TypedDict):
    """A segment that is taken for a hallucination of the recogniser."""

    start: Seconds
    end: Seconds
    text: str
    reason: Annotated[str, Field(description="a short word")]


class Transcript(TypedDict):
    """What was said in a video."""

    language: Annotated[str, Field(description="two letters")]
    audio_s: Annotated[float, Field(description="length of the sound, s")]
    segments: list[Segment]
    dropped: list[DroppedSegment]


TRANSCRIPT = Record("transcripts", TRANSCRIPTS_DIR / "{id}.json", Transcript)
