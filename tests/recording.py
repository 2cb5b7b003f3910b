"""Small films for tests."""

from fractions import Fraction

import av
import numpy as np


def record(path, frames, fps=25, times=None, codec="libx264", pix_fmt="yuv420p", sound=False, **options):
    """Write RGB `frames` to `path`, at `times` in seconds where given; `options` go to the encoder; returns `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = list(frames)
    seconds = len(frames) / fps
    with av.open(str(path), "w") as out:
        video = out.add_stream(codec, rate=Fraction(fps).limit_denominator(1001), options={"preset": "ultrafast"})
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = pix_fmt
        for name, value in options.items():
            setattr(video.codec_context, name, value)
        clock = Fraction(1, 1000) if times is not None else 1 / Fraction(fps).limit_denominator(1001)
        video.codec_context.time_base = clock
        audio = out.add_stream("aac", rate=16000, layout="mono") if sound else None
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts = number if times is None else round(times[number] * 1000)
            picture.time_base = clock
            out.mux(video.encode(picture))
        out.mux(video.encode(None))
        for number in range(int(seconds * 16000 / 1024) if audio else 0):
            params = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            params.sample_rate, params.pts = 16000, number * 1024
            out.mux(audio.encode(params))
        if audio:
            out.mux(audio.encode(None))
    return path


def noise(count, height=96, width=160, seed=0):
    """`count` RGB frames of noise that drifts sideways."""
    picture = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return [np.roll(picture, n, 1) for n in range(count)]
