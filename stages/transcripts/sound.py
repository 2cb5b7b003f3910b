"""The sound of a video, on the same clock as its pictures."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.common.data.media import decoded
from stages.common.errors import Failed, Rejected

SAMPLE_RATE = 16000
GAP_S = 0.05  # seconds; a longer gap is filled with silence, a shorter one is rounding of time stamps
BLOCK_S = 2.0  # seconds of a track for which it is decided at once whether its two channels cancel out
CANCELS = 0.05  # power of the mean of two channels over that of the louder: 1 where they agree, 1/4 where one is silent
DIFFERS = 0.05  # power of the difference of two channels over theirs, from which each may hold something of its own
SPOKEN = ("en", "eng", "und", "")  # languages of tracks, as files name them, that are tried first

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Voice:
    """Where in a file somebody may speak: the number of a sound track, and one of its channels; None: all, mixed."""

    track: int = 0
    channel: int | None = None


def voices(path: Path) -> Iterator[Voice]:
    """Yield where to listen for speech in `path`, in the order in which it should be tried: tracks, then the single
    channels of those whose channels differ.

    Tracks that the file says are in another language than English come last. Raises Rejected("no_audio") and
    Failed("undecodable").
    """
    import av

    try:
        with av.open(str(path)) as container:
            tracks = list(enumerate(container.streams.audio))
            tracks.sort(key=lambda numbered: numbered[1].metadata.get("language", "").lower() not in SPOKEN)
            order = [(number, stream.channels) for number, stream in tracks]
    except av.FFmpegError as error:
        raise Failed("undecodable", f"{path.name}: {error}") from None
    if not order:
        raise Rejected("no_audio")
    yield from (Voice(track) for track, _ in order)
    for track, channels in order:
        if channels > 1 and _differ(windows(_stereo(path, track), BLOCK_S)):
            yield from (Voice(track, side) for side in (0, 1))


def sound(path: Path, voice: Voice = Voice()) -> Iterator[Samples]:
    """Yield the sound of `voice` in `path`, piece by piece, as mono samples in -1..1 at SAMPLE_RATE.

    The first sample is at the file's start, as in keyframes: a track that begins late, or has holes, is filled with
    silence, as damaged packets are. Downmixing: surround sound becomes two channels, and two become one, unless they
    cancel out, as they do where one was wired the wrong way round: then the louder is taken. Nothing is written to
    disk. Raises Rejected("no_audio") and Failed("undecodable").
    """
    return _mono(windows(_stereo(path, voice.track), BLOCK_S), voice.channel)


def windows(parts: Iterator[Samples], seconds: float) -> Iterator[Samples]:
    """Join parts, of which the last axis is time, to pieces of at least `seconds`; the last one may be shorter."""
    held: list[Samples] = []
    length = 0
    for part in parts:
        held.append(part)
        length += part.shape[-1]
        if length >= seconds * SAMPLE_RATE:
            yield np.concatenate(held, axis=-1)
            held, length = [], 0
    if held:
        yield np.concatenate(held, axis=-1)


def _mono(blocks: Iterator[Samples], channel: int | None) -> Iterator[Samples]:
    """The channel of `blocks` (two channels each), or the mean of both; the louder one where they cancel out."""
    for block in blocks:
        if channel is not None:
            yield block[channel]
            continue
        mean, power = block.mean(axis=0), (block**2).mean(axis=1)
        yield block[power.argmax()] if (mean**2).mean() < CANCELS * power.max() else mean


def _differ(blocks: Iterator[Samples]) -> bool:
    """Whether the two channels of `blocks` are ever more than copies of each other."""
    return any(((block[0] - block[1]) ** 2).mean() > DIFFERS * (block**2).sum(axis=0).mean() for block in blocks)


def _stereo(path: Path, track: int) -> Iterator[Samples]:
    """The sound track's samples, of two channels, alike for a mono track."""
    import av

    done = 0
    try:
        with av.open(str(path)) as container:
            if len(container.streams.audio) <= track:
                raise Rejected("no_audio")
            origin = (container.start_time or 0) / av.time_base
            resampler, form = None, None
            for frame in decoded(container, container.streams.audio[track]):
                if (frame.format.name, frame.layout.name, frame.sample_rate) != form:  # the first, or they have changed
                    for part in _rest(resampler):
                        done += part.shape[1]
                        yield part
                    resampler = av.AudioResampler(format="fltp", layout=_layout(frame), rate=SAMPLE_RATE)
                    form = (frame.format.name, frame.layout.name, frame.sample_rate)
                due = done if frame.pts is None else round((frame.time - origin) * SAMPLE_RATE)
                if due - done > GAP_S * SAMPLE_RATE:
                    yield np.zeros((2, due - done), np.float32)
                    done = due
                for part in _parts(resampler, frame):
                    done += part.shape[1]
                    yield part
            yield from _rest(resampler)
    except av.FFmpegError as error:
        raise Failed(
            "undecodable", f"{path.name}: sound breaks off after {done / SAMPLE_RATE:.1f} s: {error}"
        ) from None


def _layout(frame: Any) -> str:
    """What `frame` is resampled to: mono stays mono, since ffmpeg makes it quieter in two channels."""
    return "mono" if frame.layout.nb_channels == 1 else "stereo"


def _rest(resampler: Any) -> list[Samples]:
    """What a resampler still holds."""
    return _parts(resampler, None) if resampler else []


def _parts(resampler: Any, frame: Any) -> list[Samples]:
    return [np.broadcast_to(a, (2, a.shape[1])) for a in (p.to_ndarray() for p in resampler.resample(frame))]
