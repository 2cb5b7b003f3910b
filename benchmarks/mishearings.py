"""Collect Whisper's mishearings of histology: sentences spoken at several speeds and pitches, and what it recognised.

Writes benchmarks/mishearings.csv (said, heard, speed, pitch, split). A third of the sentences is held out as split
`test`; the corrector was developed on the others. Sentences of benchmarks/right_text.csv (kind, said, heard, speed,
pitch) without `heard` are spoken too: text as people write and say it, in which nothing is misheard. The package has
one voice; its pitch is changed by resampling, which also moves the formants, so that it sounds like other speakers.
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

OUT, RIGHT_TEXT = Path("benchmarks/mishearings.csv"), Path("benchmarks/right_text.csv")
SENTENCES, SEED = 720, 11
SPEEDS, PITCHES = (0.95, 1.15, 1.3), (100, 90, 112)  # pitches in per cent of the voice's own


def spoken(text: str, number: int) -> tuple[Samples, float, int]:
    """The sentence as sound at SAMPLE_RATE, at one of the speeds and pitches."""
    speed, pitch = SPEEDS[number % 3], PITCHES[number // 3 % 3]
    speech = speak(text, number, speed * 100 / pitch)
    sound = resample_poly(speech.samples, SAMPLE_RATE * 100 // 800, SPOKEN_RATE * pitch // 800)
    pause = np.zeros(SAMPLE_RATE // 2, np.float32)
    return np.concatenate([pause, sound.astype(np.float32), pause]), speed, pitch


def main() -> None:
    """Speak and recognise."""
    import pandas as pd

    params = load_params("transcripts")[0]
    pipeline = recogniser.load(params, "cpu", cores())

    def hear(text: str, number: int) -> dict[str, str | float]:
        sound, speed, pitch = spoken(text, number)
        heard = recogniser.transcribe(pipeline, [sound], params, "cpu")
        return {"heard": " ".join(part["text"] for part in heard["segments"]), "speed": speed, "pitch": pitch}

    rows = [
        {"said": text, **hear(text, number), "split": "test" if number // 9 % 3 == 2 else "work"}
        for number, text in enumerate(tqdm(sentences(SENTENCES, SEED), unit="sentence"))
    ]
    pd.DataFrame(rows).to_csv(OUT, index=False)
    table = pd.read_csv(RIGHT_TEXT, keep_default_na=False, dtype=str).astype(object)
    for number in tqdm(table.index[table.heard == ""], unit="sentence"):
        for column, value in hear(table.said[number], number).items():
            table.loc[number, column] = value
    table.to_csv(RIGHT_TEXT, index=False)


if __name__ == "__main__":
    main()
