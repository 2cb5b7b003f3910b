"""whisperx, loaded once per worker: voice activity, Whisper, and a time for every word."""

import functools
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stages.common.errors import Rejected, StageError
from stages.common.models.weights import is_local, locate, why_missing
from stages.common.tables.transcripts import DroppedSegment, Segment, Transcript
from stages.transcripts.languages import ENGLISH, Piece, muted, other_languages, tells_languages
from stages.transcripts.params import Params
from stages.transcripts.sound import SAMPLE_RATE, Samples
from stages.transcripts.words import by_alignment, by_attention

VAD_STEP_S = 2.5  # between windows of 5 s of the voice-activity model; whisperx's 0.5 s takes 5 times as long
ECHO_S = 10.0  # seconds after a segment in which its words, heard again, are an echo; later, somebody says them again


@functools.cache
def load(params: Params, device: str, threads: int) -> Any:
    """Return whisperx's pipeline for `params`, which decodes by beam search; raises StageError for a model that is not
    available.

    A packaged or local model is a folder in CTranslate2 form; its model.bin must have `params.sha256`, where given.
    """
    import whisperx
    from whisperx.asr import WhisperModel

    class RecordingModel(WhisperModel):
        """Keeps the encoder's output of each batch, so that words can be timed without encoding again."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.encoded: list[Any] = []

        def encode(self, features: Any) -> Any:
            self.encoded.append(super().encode(features))
            return self.encoded[-1]

    whisperx.setup_logging(level="warning")
    place = params.model
    if is_local(place) or place.startswith("package:"):
        folder = locate(place)
        locate(f"{place}/model.bin", params.sha256 or None)
        place = str(folder)
    try:
        model = RecordingModel(place, device=device, compute_type=params.compute_type, cpu_threads=threads)
        pipeline = whisperx.load_model(
            place,
            device,
            language=params.language or None,
            model=model,
            asr_options={"beam_size": params.beam_size, "initial_prompt": params.prompt or None},
        )
    except (ValueError, RuntimeError, OSError) as error:
        raise StageError(f"transcripts.model '{params.model}' cannot be loaded: {why_missing(error)}") from None
    pipeline.vad_model.vad_pipeline._segmentation.step = VAD_STEP_S
    return pipeline


def transcribe(pipeline: Any, windows: Iterable[Samples], params: Params, device: str) -> Transcript:
    """Return {language, audio_s, segments: [{start, end, text, words}], dropped: [{start, end, text, reason}]}.

    `windows` are pieces of mono sound at SAMPLE_RATE, one after the other; two are held at once. A segment that may
    go on beyond the end of a piece is transcribed again, from its start, with the next. A word is {word, start, end,
    score}, times in seconds, from wav2vec2 alignment (`params.words` = align) or from Whisper's cross-attention
    (attention); `interpolated` is true where its time comes from its neighbours. A multilingual model leaves out what
    is said in other languages; raises Rejected("language") where it leaves fewer than `params.min_words`.
    """
    transcriber = _Transcriber(pipeline, params, device)
    held: Samples | None = None
    for window in windows:
        held = window if held is None else np.concatenate([transcriber.add(held, last=False), window])
    rest = transcriber.add(held if held is not None else np.zeros(0, np.float32), last=True)
    transcriber.check_language()
    length = round(transcriber.begin + len(rest) / SAMPLE_RATE, 3)
    return {"language": ENGLISH, "audio_s": length, "segments": transcriber.segments, "dropped": transcriber.dropped}


@dataclass
class _Transcriber:
    """The transcript so far; `begin` is the time in the recording, in seconds, at which the next sound starts."""

    pipeline: Any
    params: Params
    device: str
    begin: float = 0.0
    segments: list[Segment] = field(default_factory=list)
    dropped: list[DroppedSegment] = field(default_factory=list)
    foreign: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))  # seconds, by language

    def add(self, audio: Samples, last: bool) -> Samples:
        """Transcribe `audio`; return its end, where a segment may not be over, to be transcribed again with more."""
        if not len(audio):
            return audio
        batch_size = self.params.batch_size
        other = other_languages(self.pipeline, audio, batch_size) if tells_languages(self.pipeline) else []
        english = muted(audio, other)
        self.pipeline.model.encoded.clear()
        recognised = self.pipeline.transcribe(english, batch_size=batch_size, language=ENGLISH)["segments"]
        whole = recognised if last else recognised[:-1]
        reasons = [
            hallucination(segment, before, self.params) for before, segment in zip([None, *whole], whole, strict=False)
        ]
        self.dropped += [
            self._moved(segment | {"reason": reason}, "text", "reason")
            for segment, reason in zip(whole, reasons, strict=True)
            if reason
        ]
        timed = self._timed(recognised, [not reason for reason in reasons], english)
        self.segments += [self._moved(segment, "text", "words") for segment in timed if segment["words"]]
        cut = int(recognised[-1]["start"] * SAMPLE_RATE) if recognised and not last else len(audio)
        self._leave_out([piece for piece in other if piece.start * SAMPLE_RATE < cut])
        if last:
            return audio
        self.begin = round(self.begin + cut / SAMPLE_RATE, 6)
        return audio[cut:]

    def check_language(self) -> None:
        """Raise Rejected("language") when other languages have left next to nothing."""
        words = sum(len(segment["words"]) for segment in self.segments)
        if self.foreign and words < self.params.min_words:
            language = max(self.foreign, key=self.foreign.__getitem__)
            raise Rejected("language", f"{language}, {self.foreign[language]:.0f} s; {words} words of English")

    def _leave_out(self, pieces: list[Piece]) -> None:
        for piece in pieces:
            self.foreign[piece.language] += piece.end - piece.start
            part = {"start": piece.start, "end": piece.end, "text": "", "reason": "language"}
            self.dropped.append(self._moved(part, "text", "reason"))

    def _timed(self, recognised: list[dict[str, Any]], believed: list[bool], audio: Samples) -> list[dict[str, Any]]:
        """The segments that are not hallucinated, with their words."""
        if self.params.words == "align":
            kept = [segment for segment, good in zip(recognised, believed, strict=False) if good]
            return by_alignment(kept, audio, ENGLISH, self.params.align_model, self.device) if kept else []
        model = self.pipeline.model
        timed = by_attention(model, model.encoded, recognised, ENGLISH)
        return [segment for segment, good in zip(timed, believed, strict=False) if good]

    def _moved(self, segment: dict[str, Any], *fields: str) -> Any:
        """`segment` in the recording's time, with its times and `fields` only."""
        moved = self._later(segment) | {name: segment[name] for name in fields}
        if "words" in fields:
            moved["words"] = [word | self._later(word) for word in segment["words"]]
        return moved | {"text": segment["text"].strip()}

    def _later(self, span: dict[str, Any]) -> dict[str, float]:
        return {key: round(self.begin + span[key], 3) for key in ("start", "end")}


def hallucination(segment: dict[str, Any], before: dict[str, Any] | None, params: Params) -> str:
    """Return why `segment` ({text, avg_logprob}) is not to be believed, or "". `before` is the segment before it.

    repeats: its text compresses more than speech does; unlikely: the model itself does not believe it (both are the
    thresholds of Radford et al. 2022, section 4.5); echo: it says at once, word by word, what the one before said.
    """
    from faster_whisper.transcribe import get_compression_ratio

    text = segment["text"].strip().lower()
    if get_compression_ratio(text) > params.max_compression:
        return "repeats"
    if segment["avg_logprob"] < params.min_logprob:
        return "unlikely"
    if before is None or segment["start"] - before["end"] > ECHO_S:
        return ""
    return "echo" if text == before["text"].strip().lower() else ""
