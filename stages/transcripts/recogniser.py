"""whisperx, loaded once per worker: voice activity, Whisper, and a time for every word."""

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.common.errors import StageError
from stages.common.weights import is_local, locate
from stages.transcripts.params import Params

SAMPLE_RATE = 16000
FRAME_S = 0.02  # one position of Whisper's encoder


@functools.cache
def load(block: Params, device: str, threads: int) -> Any:
    """Return whisperx's pipeline for `block`; raises StageError for a model that cannot be had.

    A packaged or local model is a folder in CTranslate2 form; its model.bin must have `block.sha256`, where given.
    """
    import whisperx

    whisperx.setup_logging(level="error")
    place = block.model
    if is_local(place) or place.startswith("package:"):
        folder = locate(place)
        locate(f"{place}/model.bin", block.sha256 or None)
        place = str(folder)
    try:
        return whisperx.load_model(
            place,
            device,
            compute_type=block.compute_type,
            language=block.language or None,
            threads=threads,
            asr_options={"beam_size": block.beam_size, "initial_prompt": block.prompt or None},
        )
    except (ValueError, RuntimeError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise StageError(f"transcripts.model '{block.model}' cannot be loaded: {reason}") from None


def transcribe(pipeline: Any, audio: NDArray[np.float32], block: Params, device: str) -> dict[str, Any]:
    """Return {language, segments: [{start, end, text, words: [{word, start, end, score}]}]}, times in seconds.

    `audio` is mono at SAMPLE_RATE. Words come from wav2vec2 alignment (`block.words` = align) or from Whisper's
    cross-attention over each segment (attention).
    """
    heard = pipeline.transcribe(audio, batch_size=block.batch_size)
    if block.words == "align":
        return _aligned(heard, audio, block, device)
    segments = [_with_words(pipeline, audio, segment, heard["language"]) for segment in heard["segments"]]
    return {"language": heard["language"], "segments": [segment for segment in segments if segment["words"]]}


def _with_words(pipeline: Any, audio: NDArray[np.float32], segment: dict[str, Any], language: str) -> dict[str, Any]:
    """Time the words of one segment by dynamic time warping over the decoder's attention (Radford et al. 2022)."""
    from faster_whisper.tokenizer import Tokenizer
    from whisperx.audio import N_SAMPLES, log_mel_spectrogram

    model = pipeline.model
    tokenizer = Tokenizer(model.hf_tokenizer, model.model.is_multilingual, task="transcribe", language=language)
    part = audio[int(segment["start"] * SAMPLE_RATE) : int(segment["end"] * SAMPLE_RATE)]
    mels = model.feat_kwargs.get("feature_size") or 80
    encoded = model.encode(log_mel_spectrogram(part, n_mels=mels, padding=max(0, N_SAMPLES - len(part))))
    tokens = tokenizer.encode(segment["text"])
    found = model.find_alignment(tokenizer, [tokens], encoded, int(len(part) / SAMPLE_RATE / FRAME_S * 2))[0]
    words = [
        {
            "word": word["word"].strip(),
            "start": round(float(segment["start"] + word["start"]), 3),
            "end": round(float(segment["start"] + word["end"]), 3),
            "score": round(float(word["probability"]), 3),
        }
        for word in found
        if word["word"].strip()
    ]
    return {"start": segment["start"], "end": segment["end"], "text": segment["text"].strip(), "words": _joined(words)}


def _joined(words: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Attach a lone punctuation mark to the word before it, and parts after a hyphen or apostrophe too."""
    out: list[dict[str, Any]] = []
    for word in words:
        if out and not any(c.isalnum() for c in word["word"]):
            out[-1] = out[-1] | {"word": out[-1]["word"] + word["word"]}
        else:
            out.append(word)
    return out


@functools.cache
def _aligner(language: str, name: str, device: str) -> Any:
    import whisperx

    try:
        return whisperx.load_align_model(language, device, model_name=name or None)
    except (ValueError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise StageError(
            f"transcripts.align_model '{name}' cannot be loaded ({reason}): use transcripts.words=attention"
        ) from None


def _aligned(heard: dict[str, Any], audio: NDArray[np.float32], block: Params, device: str) -> dict[str, Any]:
    """Time words by wav2vec2; words it cannot time (digits, symbols) take a share of the gap between neighbours."""
    import whisperx

    model, metadata = _aligner(heard["language"], block.align_model, device)
    timed = whisperx.align(heard["segments"], model, metadata, audio, device)["segments"]
    segments = []
    for segment in timed:
        words = _interpolated(segment["words"], segment["start"], segment["end"])
        segments.append(
            {"start": segment["start"], "end": segment["end"], "text": segment["text"].strip(), "words": words}
        )
    return {"language": heard["language"], "segments": segments}


def _interpolated(words: list[dict[str, Any]], start: float, end: float) -> list[dict[str, Any]]:
    import pandas as pd

    table = pd.DataFrame(words).reindex(columns=["word", "start", "end", "score"])
    for column, edge in (("start", start), ("end", end)):
        series = table[column].astype(float)
        table[column] = series.interpolate().fillna(edge).round(3)
    table["score"] = table.score.astype(float).fillna(0.0).round(3)
    records: list[dict[str, Any]] = table.to_dict("records")
    return records
