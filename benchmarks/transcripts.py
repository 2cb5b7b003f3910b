"""Timed words of one lecture: against real time, and against faster-whisper's batched pipeline, loading left out."""

import tempfile
from pathlib import Path

import numpy as np
from faster_whisper import BatchedInferencePipeline

from benchmarks import report, seconds
from stages.common.models.device import cores
from stages.common.stage.params import load_params
from stages.demo import render, script
from stages.transcripts import recogniser
from stages.transcripts.sound import SAMPLE_RATE, sound

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        movie = Path(folder) / "lecture.mp4"
        render.shoot(script.write(*script.cast("small")[0], seed=7, holds=2), movie)
        audio = np.concatenate(list(sound(movie)))
    params = load_params("transcripts")[0]
    pipeline = recogniser.load(params, "cpu", cores())
    ours = recogniser.transcribe(pipeline, [audio], params, "cpu")
    took = seconds(lambda: recogniser.transcribe(pipeline, [audio], params, "cpu"))
    report("transcripts, real time", took, len(audio) / SAMPLE_RATE, 0.2, "on the CPU")
    peer = BatchedInferencePipeline(pipeline.model)
    options = {
        "language": "en",
        "batch_size": params.batch_size,
        "beam_size": params.beam_size,
        "word_timestamps": True,
    }
    options["temperature"] = 0.0  # whisperx does not try again
    clips = [{"start": one["start"], "end": one["end"]} for one in ours["segments"]]

    def theirs(**more: object) -> str:
        """The words that faster-whisper hears."""
        return " ".join(segment.text.strip() for segment in peer.transcribe(audio, **options, **more)[0])

    note = "faster-whisper, same model and timed words; its voice activity model is Silero, ours pyannote"
    report("transcripts, faster-whisper", took, seconds(theirs), 1.1, note)
    same = theirs(clip_timestamps=clips) == " ".join(segment["text"] for segment in ours["segments"])
    report("transcripts, same words", float(same), None, 1, "heard over the same clips", unit="", at_least=True)
