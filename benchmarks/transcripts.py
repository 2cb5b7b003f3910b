"""Timed words of one lecture, against listening to it; the model's load is left out."""

import os
import tempfile
from pathlib import Path

from benchmarks import report, seconds
from stages.common.params import load
from stages.demo import film, script
from stages.transcripts import recogniser
from stages.transcripts.work import read_audio

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        movie = Path(folder) / "lecture.mp4"
        film.shoot(script.write(*script.cast("small")[0], seed=7, holds=2), movie)
        audio = read_audio(movie)
        block = load("transcripts")[0]
        pipeline = recogniser.load(block, "cpu", os.cpu_count() or 1)
        ours = seconds(lambda: recogniser.transcribe(pipeline, audio, block, "cpu"))
        report("transcripts", ours, len(audio) / recogniser.SAMPLE_RATE, 0.2, "on the CPU, against real time")
