"""The sound of a video, on the same clock as its pictures."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.common.data.media import decoded
from stages.common.errors import Failed, Rejected

SAMPLE_RATE = 16000
GAP_S = 0.05  # seconds; a longer gap is filled with silence, a shorter one is rounding of time stamps

Samples = NDArray[np.float32]


def sound(path: Path) -> Iterator[Samples]:
    """Yield the first sound track of `path`, piece by piece, as mono samples in -1..1 at SAMPLE_RATE.

    The first sample is at the file's start, as in keyframes: a track that begins late, or has holes, is filled with
    silence, as damaged packets are. Nothing is written to disk. Raises Rejected("no_audio") and Failed("undecodable").
    """
    import av

    done = 0
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise Rejected("no_audio")
            origin = (container.start_time or 0) / av.time_base
            resampler, form = None, None
            for frame in decoded(container, container.streams.audio[0]):
                if (frame.format.name, frame.layout.name, frame.sample_rate) != form:  # the first, or they have changed
                    for part in _rest(resampler):
                        done += len(part)
                        yield part
                    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
                    form = (frame.format.name, frame.layout.name, frame.sample_rate)
                due = done if frame.pts is None else round((frame.time - origin) * SAMPLE_RATE)
                if due - done > GAP_S * SAMPLE_RATE:
                    yield np.zeros(due - done, np.float32)
                    done = due
                for part in _parts(resampler, frame):
                    done += len(part)
                    yield part
            yield from _rest(resampler)
    except av.FFmpegError as error:
        raise Failed(
            "undecodable", f"{path.name}: sound breaks off after {done / SAMPLE_RATE:.1f} s: {error}"
        ) from None


def windows(parts: Iterator[Samples], seconds: float) -> Iterator[Samples]:
    """Join parts to pieces of at least `seconds`; the last one may be shorter."""
    held: list[Samples] = []
    length = 0
    for part in parts:
        held.append(part)
        length += len(part)
        if length >= seconds * SAMPLE_RATE:
            yield np.concatenate(held)
            held, length = [], 0
    if held:
        yield np.concatenate(held)


def _rest(resampler: Any) -> list[Samples]:
    """What a resampler still holds."""
    return _parts(resampler, None) if resampler else []


def _parts(resampler: Any, frame: Any) -> list[Samples]:
    return [part.to_ndarray()[0] for part in resampler.resample(frame)]
