"""Language identification: which parts of a recording are in English, told by a multilingual Whisper."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.transcripts.sound import SAMPLE_RATE, Samples

ENGLISH = "en"
PIECE_S = 5.0  # longest stretch of speech that is told at once: a language lasts longer, a chunk of 30 s may hold two
EDGE_S = 0.1  # seconds around a piece that are silenced with it, lest a sound be left that is taken for a word
SURE = 0.9  # probability of a language from which a piece is not told by its neighbours


@dataclass(frozen=True)
class Piece:
    """A stretch of speech, in seconds; its likeliest language; and the probability that it is English."""

    start: float
    end: float
    language: str
    english: float

    @property
    def sure(self) -> bool:
        """Whether the probability alone tells."""
        return not 1 - SURE < self.english < SURE


def tells_languages(pipeline: Any) -> bool:
    """Whether whisperx's `pipeline` can and may tell languages: not a model, or a parameter, for English only."""
    return pipeline.preset_language is None and bool(pipeline.model.model.is_multilingual)


def other_languages(pipeline: Any, audio: Samples, batch_size: int) -> list[Piece]:
    """The pieces of `audio` that are not in English, in order of time.

    Of a short piece the model is often unsure (a greeting, a name); the nearest one of which it is sure has a say then.
    """
    told = list(_pieces(pipeline, audio, batch_size))
    sure = [piece for piece in told if piece.sure]
    return [piece for piece in told if _english(piece, sure) < 0.5]


def _english(piece: Piece, sure: list[Piece]) -> float:
    """The probability that `piece` is English, given the pieces of which the model is sure."""
    if piece.sure or not sure:
        return piece.english
    nearest = min(sure, key=lambda other: _apart(piece, other))
    return (2 * piece.english + nearest.english) / 3


def muted(audio: Samples, pieces: list[Piece]) -> Samples:
    """`audio` with silence in place of `pieces`."""
    quiet = audio.copy()
    for piece in pieces:
        begin, end = (int(second * SAMPLE_RATE) for second in (max(piece.start - EDGE_S, 0), piece.end + EDGE_S))
        quiet[begin:end] = 0
    return quiet


def _apart(piece: Piece, other: Piece) -> float:
    """Seconds between two pieces."""
    return max(piece.start - other.end, other.start - piece.end, 0.0)


def _pieces(pipeline: Any, audio: Samples, batch_size: int) -> Iterator[Piece]:
    """The speech in `audio`, piece by piece."""
    from faster_whisper.transcribe import get_ctranslate2_storage

    vad, options = pipeline.vad_model, pipeline._vad_params
    scores = vad({"waveform": vad.preprocess_audio(audio), "sample_rate": SAMPLE_RATE})
    spans = vad.merge_chunks(scores, PIECE_S, onset=options["vad_onset"], offset=options["vad_offset"])
    model = pipeline.model.model
    for first in range(0, len(spans), batch_size):
        some = spans[first : first + batch_size]
        cut = [audio[int(span["start"] * SAMPLE_RATE) : int(span["end"] * SAMPLE_RATE)] for span in some]
        features = np.stack([pipeline.preprocess({"inputs": part})["inputs"] for part in cut])
        told = model.detect_language(model.encode(get_ctranslate2_storage(features)))
        for span, languages in zip(some, told, strict=True):
            shares = {token[2:-2]: probability for token, probability in languages}
            yield Piece(span["start"], span["end"], languages[0][0][2:-2], shares.get(ENGLISH, 0.0))
