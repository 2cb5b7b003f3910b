"""What Whisper says where nobody speaks: segments that are no transcript of anything."""

from typing import Any

from stages.transcripts.params import Params


def hallucination(segment: dict[str, Any], before: dict[str, Any] | None, params: Params) -> str:
    """Return why `segment` ({text, avg_logprob}) is not to be believed, or "". `before` is the segment before it.

    repeats: its text compresses more than speech does; unlikely: the model itself does not believe it (both are the
    thresholds of Radford et al. 2022, section 4.5); echo: it says again, word by word, what the one before said.
    """
    from faster_whisper.transcribe import get_compression_ratio

    text = segment["text"].strip().lower()
    if get_compression_ratio(text) > params.max_compression:
        return "repeats"
    if segment["avg_logprob"] < params.min_logprob:
        return "unlikely"
    return "echo" if before is not None and text == before["text"].strip().lower() else ""
