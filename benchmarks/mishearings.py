"""Collect Whisper's mishearings of histology: sentences spoken at several speeds and pitches, and what it recognised.

Writes benchmarks/mishearings.csv (said, heard, speed, pitch, split). A third of the sentences is held out as split
`test`; the corrector was developed on the others. The package has one voice; its pitch is changed by resampling, which
also moves the formants, so that it sounds like other speakers.
"""

from pathlib import Path

import numpy as np
from scipy.signal import resample_poly
from tqdm import tqdm

from benchmarks.narration import sentences
from stages.common.models.device import cores
from stages.common.stage.params import load_params
from stages.demo.voice import SAMPLE_RATE as SPOKEN_RATE
from stages.demo.voice import speak
from stages.transcripts import recogniser
from stages.transcripts.sound import SAMPLE_RATE, Samples

OUT = Path("benchmarks/mishearings.csv")
SENTENCES, SEED = 720, 11
SPEEDS, PITCHES = (0.95, 1.15, 1.3), (100, 90, 112)  # pitches in per cent of the voice's own


def spoken(text: str, number: int) -> tuple[Samples, float, int]:
    """The sentence as sound at SAMPLE_RATE, at one of the speeds and pitches."""
    speed, pitch = SPEEDS[number % 3], PITCHES[number // 3 % 3]
    speech = speak(text, number, speed * 100 / pitch)
    sound = resample_poly(speech.samples, SAMPLE_RATE * 100 // 800, SPOKEN_RATE * pitch // 800)
    pause = np.zeros(SAMPLE_RATE // 2, np.float32)
    return np.concatenate([pause, sound.astype(np.float32), pause]), speed, pitch


if __name__ == "__main__":
    import pandas as pd

    params = load_params("transcripts")[0]
    pipeline = recogniser.load(params, "cpu", cores())
    rows = []
    for number, text in enumerate(tqdm(sentences(SENTENCES, SEED), unit="sentence")):
        sound, speed, pitch = spoken(text, number)
        heard = recogniser.transcribe(pipeline, [sound], params, "cpu")
        split = "test" if number // 9 % 3 == 2 else "work"
        rows.append((text, " ".join(part["text"] for part in heard["segments"]), speed, pitch, split))
    pd.DataFrame(rows, columns=["said", "heard", "speed", "pitch", "split"]).to_csv(OUT, index=False)
