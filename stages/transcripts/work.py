"""One video's transcript."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stages.common.errors import Rejected
from stages.common.files import write_json
from stages.common.itemwise import Item
from stages.common.threads import limit_threads
from stages.transcripts.params import Params
from stages.transcripts.recogniser import SAMPLE_RATE, load, transcribe


def transcript(item: Item, scratch: Path, block: Params, device: str, jobs: int) -> None:
    """Write ID.json below `scratch`; raises Rejected("no_speech") or Rejected("language")."""
    pipeline = load(block, device, limit_threads(jobs))
    audio = read_audio(Path(item.data["path"]))
    heard = transcribe(pipeline, audio, block, device)
    words = sum(len(segment["words"]) for segment in heard["segments"])
    if words < block.min_words:
        raise Rejected("no_speech")
    if heard["language"] != "en":
        raise Rejected("language")
    write_json(scratch / f"{item.id}.json", heard | {"audio_s": len(audio) / SAMPLE_RATE})


def read_audio(path: Path) -> NDArray[np.float32]:
    """Return the first sound track of `path` as mono samples in -1..1 at SAMPLE_RATE, decoded in memory."""
    import av

    parts = []
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        for frame in container.decode(audio=0):
            parts += [part.to_ndarray()[0] for part in resampler.resample(frame)]
        parts += [part.to_ndarray()[0] for part in resampler.resample(None)]
    return np.concatenate(parts).astype(np.float32) if parts else np.zeros(0, np.float32)
