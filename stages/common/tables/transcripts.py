"""What stage transcripts writes: one JSON file per video, of timed words."""

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from stages.common.paths import TRANSCRIPTS_DIR
from stages.common.tables.schema import Record

Seconds = Annotated[float, Field(description="s, from the beginning of the video")]


class Word(TypedDict):
    """A word as it was recognised, with the punctuation that follows it."""

    word: Annotated[str, Field(description="as it was recognised")]
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
    text: Annotated[str, Field(description="its words, as they were recognised")]
    words: Annotated[list[Word], Field(description="in order of time")]


class DroppedSegment(TypedDict):
    """A segment that is left out: a hallucination of the recogniser, or in another language."""

    start: Seconds
    end: Seconds
    text: Annotated[str, Field(description="its words, as they were recognised; none of another language")]
    reason: Annotated[str, Field(description="repeats, unlikely, echo or language")]


class Transcript(TypedDict):
    """What was said in a video."""

    language: Annotated[str, Field(description="two letters")]
    audio_s: Annotated[float, Field(description="length of the sound, s")]
    segments: Annotated[list[Segment], Field(description="in order of time")]
    dropped: Annotated[list[DroppedSegment], Field(description="segments that were left out")]


TRANSCRIPT = Record("transcripts", TRANSCRIPTS_DIR / "{id}.json", Transcript)
