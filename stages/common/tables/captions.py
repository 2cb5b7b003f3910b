"""What stage captions writes: one JSON file per video, of corrected and sorted sentences."""

from typing import Annotated, Literal, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from stages.common.paths import CAPTIONS_DIR
from stages.common.tables.schema import Record
from stages.common.tables.transcripts import Seconds

Kind = Literal["medical", "roi", "other"]
# The 18 fields of pathology of the paper (section 3).
FIELDS = (
    "Bone",
    "Breast",
    "Cardiac",
    "Cytopathology",
    "Dermatopathology",
    "Endocrine",
    "Gastrointestinal",
    "Genitourinary",
    "Gynecologic",
    "Head and Neck",
    "Hematopathology",
    "Hepatobiliary",
    "Neuropathology",
    "Ophthalmic",
    "Pediatric",
    "Pulmonary",
    "Renal",
    "Soft tissue",
)
UNKNOWN = "unknown"  # the field of a video of which none can be told
Correction = TypedDict(
    "Correction",
    {
        "from": Annotated[str, Field(description="words as they were recognised")],
        "to": Annotated[str, Field(description="the term that replaces them")],
        "by": Annotated[str, Field(description="lexicon or llm, with _unconditioned where no word was suspected")],
        "score": Annotated[float, Field(description="similarity of spelling and sound, 0..1")],
    },
)
Correction.__doc__ = "Misheard words and the term that replaces them."


class Entity(TypedDict):
    """A term of the lexicon in a text."""

    term: Annotated[str, Field(description="as it is written in the text")]
    id: Annotated[str, Field(description="concept id, UMLS:... where there is one")]
    semantic_type: Annotated[str, Field(description="as in the lexicon: Anatomy, Cell, Disease, ...")]
    negated: NotRequired[Annotated[bool, Field(description="true where the text says that it is absent")]]


class CaptionSentence(TypedDict):
    """A sentence; one with personal data has its times and the kinds of that data, and no words."""

    start: Seconds
    end: Seconds
    times: Annotated[list[tuple[float, float]], Field(description="start and end of each word, s")]
    raw: Annotated[str, Field(description="as it was recognised")]
    text: Annotated[str, Field(description="with corrections made")]
    corrections: Annotated[list[Correction], Field(description="corrections made, in order")]
    kind: Annotated[Kind, Field(description="medical text, region-of-interest text, or neither")]
    entities: Annotated[list[Entity], Field(description="terms of the lexicon in `text`")]
    personal_data: Annotated[list[str], Field(description="kinds found: name, email, phone, ...")]


@with_config(ConfigDict(extra="forbid"))
class SubPathology(TypedDict):
    """A guess at the video's sub-pathology."""

    field: Annotated[str, Field(description="one of the paper's 18 fields, or unknown")]
    probability: Annotated[float, Field(ge=0, le=1, description="0..1")]


class Captions(TypedDict):
    """The captions of a video."""

    sentences: Annotated[list[CaptionSentence], Field(description="in order of time")]
    sub_pathology: Annotated[
        list[SubPathology],
        Field(
            description="one to three, the likeliest first; unknown before them all where none stands out", min_length=1
        ),
    ]
    refused: Annotated[dict[str, int], Field(description="corrections proposed and not made, by who proposed them")]


CAPTIONS = Record("captions", CAPTIONS_DIR / "{id}.json", Captions)
