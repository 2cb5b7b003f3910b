"""The narrator: hibari's packaged voice, the same samples for the same words and seed on every processor."""

import functools
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.demo.network import load

SAMPLE_RATE = 24000


@dataclass(frozen=True)
class Speech:
    """One spoken sentence: mono samples in -1..1 at SAMPLE_RATE, and (word, start, end) in seconds from its start.

    Word times are shares of the sentence by the number of letters: good to a few tenths of a second.
    """

    samples: NDArray[np.float32]
    words: tuple[tuple[str, float, float], ...]


@functools.cache
def _voice() -> Any:
    from hibari import Hibari

    voice = Hibari(threads=1)
    voice.sess = load(voice.model_path)
    return voice


def speak(text: str, seed: int, speed: float) -> Speech:
    """Return `text` spoken at `speed` (1 is the voice's own pace), leading and trailing silence cut."""
    samples = np.asarray(_voice()(text, speed=speed, seed=seed), np.float32)
    loud = np.nonzero(np.abs(samples) > 0.01)[0]
    samples = samples[max(0, loud[0] - 600) : loud[-1] + 1200]
    words = re.findall(r"[\w'-]+", text)
    edges = np.cumsum([0, *(len(word) + 1 for word in words)], dtype=float)
    edges *= len(samples) / SAMPLE_RATE / edges[-1]
    timed = tuple(
        (word, round(float(a), 3), round(float(b), 3)) for word, a, b in zip(words, edges, edges[1:], strict=False)
    )
    return Speech(samples, timed)
