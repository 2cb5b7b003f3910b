"""Turn English speech into timed words: videos that keyframes kept in, data/transcripts out."""

import functools
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from stages.common.paths import KEYFRAMES_DIR, KEYS_DIR, TRANSCRIPTS_DIR, VIDEOS_DIR, metrics_file
from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base
from stages.common.tables.transcripts import Transcript
from stages.transcripts.params import Params


def run(params: Params, base: Base) -> dict[str, Any]:
    """Transcribe every video that has keyframes."""
    from stages.common.data.files import write_json
    from stages.common.incremental.dependencies import Dependencies
    from stages.common.incremental.forced import forced
    from stages.common.incremental.manifest import counts, finished
    from stages.common.incremental.runner import Item, run_items
    from stages.common.incremental.workers import worker_count
    from stages.common.models.device import pick_device
    from stages.common.tables.transcripts import TRANSCRIPT
    from stages.common.tables.videos import VIDEO_TABLE
    from stages.transcripts.work import transcript

    device = pick_device(base.device)
    videos = VIDEO_TABLE.read(VIDEO_TABLE.at(), ["video_id", "file", "digest", "duration_s"]).set_index("video_id")
    kept = videos.loc[finished(KEYFRAMES_DIR).id]
    items = [Item(str(row.Index), row.digest, {"path": str(VIDEOS_DIR / row.file)}) for row in kept.itertuples()]
    began = time.perf_counter()
    manifest, done = run_items(
        items,
        functools.partial(transcript, params=params, device=device, jobs=worker_count(base, device)),
        name="transcripts",
        out=TRANSCRIPTS_DIR,
        files=("{id}.json",),
        keys=KEYS_DIR / "transcripts.parquet",
        needs=Dependencies(
            code=(transcript,), params=params, libraries=("whisperx", "faster-whisper", "ctranslate2", "av")
        ),
        base=base,
        device=device,
        media_s=kept.duration_s.to_dict(),
        force=forced(),
    )
    took = time.perf_counter() - began
    transcripts = (TRANSCRIPT.read(TRANSCRIPT.at(id=name)) for name in manifest[manifest.status == "ok"].id)
    metrics = counts(manifest) | _metrics(transcripts)
    write_json(metrics_file("transcripts"), metrics)
    summary = {"items": done, "videos": len(items), "words": metrics["words"]}
    if done == len(items) and metrics["audio_s"]:
        summary["real_time_factor"] = round(took / metrics["audio_s"], 4)  # of a whole run only
    return summary


def _metrics(transcripts: Iterable[Transcript]) -> dict[str, Any]:
    """Sums over all transcripts, which are read one at a time: those of thousands of videos are gigabytes."""
    words = interpolated = 0
    speech_s = audio_s = 0.0
    dropped: Counter[str] = Counter()
    for one in transcripts:
        audio_s += one["audio_s"]
        dropped.update(part["reason"] for part in one["dropped"])
        for segment in one["segments"]:
            words += len(segment["words"])
            speech_s += segment["end"] - segment["start"]
            interpolated += sum(bool(word.get("interpolated")) for word in segment["words"])
    return {
        "words": words,
        "speech_s": speech_s,
        "audio_s": audio_s,
        "interpolated": interpolated,
        "dropped": dict(sorted(dropped.items())),
    }


if __name__ == "__main__":
    run_stage("transcripts", run, __doc__)
