"""A time for every word that Whisper recognised: by its own attention, or by forced alignment with wav2vec2."""

import functools
from collections.abc import Sequence
from typing import Any

from stages.common.errors import StageError
from stages.common.models.weights import why_missing
from stages.common.tables.transcripts import Segment, Word
from stages.transcripts.sound import Samples

FRAME_S = 0.02  # seconds of sound for each position of Whisper's encoder
LONGEST_S = 1.2  # seconds of a word; attention stays with the last one before a pause until the pause is over


def by_attention(model: Any, encoded: Sequence[Any], segments: list[dict[str, Any]], language: str) -> list[Any]:
    """Return `segments` with their words, timed by dynamic time warping over the decoder's attention.

    `encoded` holds the output of the encoder of `model` for the segments, batch by batch. Source: Radford et al. 2022.
    """
    from faster_whisper.tokenizer import Tokenizer

    tokenizer = Tokenizer(model.hf_tokenizer, model.model.is_multilingual, task="transcribe", language=language)
    timed: list[Any] = []
    for batch in encoded:
        part = segments[len(timed) : len(timed) + batch.shape[0]]
        tokens = [tokenizer.encode(segment["text"]) for segment in part]
        frames = [int((segment["end"] - segment["start"]) / FRAME_S * 2) for segment in part]
        found = model.find_alignment(tokenizer, tokens, batch, frames)
        timed += [_with_words(segment, words) for segment, words in zip(part, found, strict=True)]
    return timed


def _with_words(segment: dict[str, Any], found: list[dict[str, Any]]) -> Segment:
    words: list[Word] = [
        {
            "word": word["word"].strip(),
            "start": round(float(segment["start"] + word["start"]), 3),
            "end": round(float(segment["start"] + min(word["end"], word["start"] + LONGEST_S)), 3),
            "score": round(float(word["probability"]), 2),
        }
        for word in found
        if word["word"].strip()
    ]
    return {"start": segment["start"], "end": segment["end"], "text": segment["text"].strip(), "words": joined(words)}


def joined(words: list[Word]) -> list[Word]:
    """Attach to the word before it a lone punctuation mark, and a part that begins with a hyphen or an apostrophe."""
    out: list[Word] = []
    for word in words:
        text = word["word"]
        if out and (text[0] in "-'’" or not any(c.isalnum() for c in text)):
            out[-1] = out[-1] | {"word": out[-1]["word"] + text, "end": word["end"]}
        else:
            out.append(word)
    return out


@functools.cache
def _aligner(language: str, name: str, device: str) -> Any:
    import whisperx

    try:
        return whisperx.load_align_model(language, device, model_name=name or None)
    except (ValueError, OSError) as error:
        raise StageError(
            f"transcripts.align_model '{name}' cannot be loaded ({why_missing(error)}): use transcripts.words=attention"
        ) from None


def by_alignment(segments: list[dict[str, Any]], audio: Samples, language: str, name: str, device: str) -> list[Any]:
    """Return `segments` with their words, timed by the wav2vec2 model `name` ("": whisperx's choice)."""
    import whisperx

    model, metadata = _aligner(language, name, device)
    return [
        {key: segment[key] for key in ("start", "end")}
        | {"text": segment["text"].strip(), "words": interpolated(segment["words"], segment["start"], segment["end"])}
        for segment in whisperx.align(segments, model, metadata, audio, device)["segments"]
    ]


def interpolated(words: list[dict[str, Any]], start: float, end: float) -> list[dict[str, Any]]:
    """Give words that alignment could not time (digits, symbols; whisperX issue 409) times between their neighbours.

    Such words are marked `interpolated`. Words that share a gap share it evenly.
    """
    import pandas as pd

    table = pd.DataFrame(words).reindex(columns=["word", "start", "end", "score"])
    untimed = table.start.isna()
    before = table.end.astype(float).ffill().fillna(start)
    after = table.start.astype(float).bfill().fillna(end)
    gap = (~untimed).cumsum()
    place, count = table.groupby(gap).cumcount(), untimed.groupby(gap).transform("sum")
    first = place - (gap > 0)  # a gap's group begins with the timed word before it
    step = (after - before) / count.clip(lower=1)
    table["start"] = table.start.astype(float).where(~untimed, before + first * step).round(3)
    table["end"] = table.end.astype(float).where(~untimed, before + (first + 1) * step).round(3)
    table["score"] = table.score.astype(float).fillna(0.0).round(2)
    records: list[dict[str, Any]] = table.to_dict("records")
    return [row | {"interpolated": True} if missing else row for row, missing in zip(records, untimed, strict=True)]
