"""Filters that every text and image of a source must pass."""

import functools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from filelock import FileLock

from stages.common.data.arrays import Picture
from stages.common.data.pictures import MAX_BYTES, as_jpeg, pixels_of, shrunk
from stages.common.data.references import ImageReader
from stages.common.errors import Rejected
from stages.common.paths import UNFINISHED_DIR
from stages.common.text.characters import UNSPACED_LETTER, count_words, one_line, unescaped
from stages.common.text.english import common
from stages.sources.candidate import Candidate
from stages.sources.params import Params

# How a cell begins that a spreadsheet would run: a sign alone ("-ve", "+3", "-> IHC") does no harm.
FORMULA = re.compile(r"^(?:[=@\s]+|-\s+|[+-]+(?!ve\b)(?=.*(?:\||\w\(|['\w]!['$\w])))+")
SURE = 0.5  # probability from which a text counts as one in another language
TELLING_WORDS = 4  # words; the language of a shorter text cannot be identified
LOOKED_AT = 1000  # letters of a text, at most, from which its language is identified
LARGE = 16_000_000  # pixels of a picture for the frame filter, at most; an image of more is decoded while no other is
EVERYDAY = 20_000  # most common words of English


@dataclass(frozen=True)
class Image:
    """An image that has passed the filters: size, JPEG bytes, and a picture that may be smaller."""

    width: int
    height: int
    data: bytes
    picture: Picture

    @property
    def held(self) -> int:
        """Bytes of memory."""
        return len(self.data) + self.picture.nbytes


def clean_text(text: str) -> str:
    """`text` on one line, without what is no text and without what a spreadsheet would run as a formula."""
    return FORMULA.sub("", one_line(unescaped(text))).strip()


def foreign(text: str, languages: list[str]) -> bool:
    """Whether a text of some length is surely in none of `languages` (two-letter codes; [] takes all).

    Terms from Latin look foreign, so a text that is mostly of everyday English words is English whatever it looks like.
    """
    words = re.findall(r"[^\W\d_]+", text.lower())
    if not languages or max(len(words), len(UNSPACED_LETTER.findall(text))) < TELLING_WORDS:
        return False
    if "en" in languages and sum(common(word, EVERYDAY) for word in words) >= len(words) / 2:
        return False
    language, probability = _identifier().classify(text[:LOOKED_AT].lower())
    return language not in languages and float(probability) >= SURE


@functools.cache
def _identifier() -> Any:
    from py3langid import langid

    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)


@contextmanager
def _turn(encoded: bytes) -> Iterator[None]:
    """Wait until no other worker decodes a large image: several at once would need gigabytes."""
    if pixels_of(encoded) <= LARGE:
        yield
        return
    UNFINISHED_DIR.mkdir(parents=True, exist_ok=True)
    with FileLock(UNFINISHED_DIR / "large.lock"):
        yield


def apply_filters(candidate: Candidate, params: Params, reader: ImageReader) -> Image:
    """Return the candidate's image, which `reader` reads where there is a reference.

    Raises Rejected with the candidate's own reason, text_too_short, text_too_long, language, image_too_small, or what
    stages.common.data.pictures says of the image.
    """
    if candidate.drop:
        raise Rejected(candidate.drop, candidate.detail)
    text = clean_text(candidate.text)
    words = count_words(text)
    if words < params.min_words:
        raise Rejected("text_too_short", text)
    if words > params.max_words:
        raise Rejected("text_too_long", f"{words} words")
    if foreign(text, params.languages):
        raise Rejected("language", text)
    encoded = candidate.image
    if isinstance(encoded, str):
        encoded = reader.bounded(encoded, MAX_BYTES)
    with _turn(encoded):
        image = _image(encoded)
    if min(image.height, image.width) < params.min_side:
        raise Rejected("image_too_small", f"{image.width} x {image.height} pixels")
    return image


def _image(encoded: bytes) -> Image:
    data, picture = as_jpeg(encoded)
    height, width = picture.shape[:2]
    return Image(width, height, data, shrunk(picture, (LARGE / (width * height)) ** 0.5))
