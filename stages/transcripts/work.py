"""One video's transcript."""

from pathlib import Path

from stages.common.errors import Failed, Rejected
from stages.common.incremental.runner import Item
from stages.common.models.device import limit_threads
from stages.common.tables.transcripts import TRANSCRIPT
from stages.transcripts.params import Params
from stages.transcripts.recogniser import load, transcribe
from stages.transcripts.sound import sound, voices, windows

WINDOW_S = 600.0  # seconds of sound in memory at once, 38 MB however long the video is


def transcript(item: Item, scratch: Path, params: Params, device: str, jobs: int) -> None:
    """Write ID.json below `scratch`, of the first sound track, or of its first channel, in which somebody speaks.

    Raises what the first one tried gave: Rejected("no_audio"), Rejected("language") or Rejected("no_speech"), or
    Failed("undecodable").
    """
    pipeline = load(params, device, limit_threads(jobs))
    path = Path(item.data["path"])
    refusals: list[Rejected | Failed] = []
    for voice in voices(path):
        try:
            transcribed = transcribe(pipeline, windows(sound(path, voice), WINDOW_S), params, device)
            words = sum(len(segment["words"]) for segment in transcribed["segments"])
            if words < params.min_words:
                raise Rejected("no_speech", f"{words} words")
        except (Rejected, Failed) as refusal:
            refusals.append(refusal)
        else:
            TRANSCRIPT.write(scratch / f"{item.id}.json", transcribed)
            return
    raise refusals[0]
