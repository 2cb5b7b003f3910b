"""Alignment against gold, our rule beside the paper's, on what the last `dvc repro` of a demo world left in data/."""

from pathlib import Path
from typing import Any

from benchmarks import report
from stages.audit.gold import read_videos
from stages.audit.timeline import pair_metrics
from stages.common.incremental.manifest import finished
from stages.common.paths import CAPTIONS_DIR
from stages.common.stage.params import load_params
from stages.common.tables.keyframes import HOLDS
from stages.common.tables.pairs import pairs_table
from stages.common.tables.videos import VIDEO_TABLE
from stages.pairs.__main__ import video_rows


def scores(rule: str) -> dict[str, Any]:
    """Precision and recall of `rule` over all captioned videos."""
    params = load_params("pairs")[0].model_copy(update={"rule": rule})
    videos = VIDEO_TABLE.read(VIDEO_TABLE.at()).set_index("video_id")
    names = finished(CAPTIONS_DIR).id
    pairs = pairs_table([row for name in names for row in video_rows(name, videos.loc[name], params)])
    gold = read_videos(Path(load_params("audit")[0].gold))
    holds = {name: HOLDS.read(HOLDS.at(id=name)).drop_duplicates("hold_id") for name in names}
    found: dict[str, Any] = pair_metrics(gold, pairs, holds)["pairs"]
    return found


if __name__ == "__main__":
    ours, paper = scores("words"), scores("paper")
    note = f"demo figures, seed {load_params('demo')[0].seed}; the paper's rule on the same data: "
    for name, threshold in (("precision", 0.9), ("recall", 0.85)):
        report(
            f"pairs, {name}",
            ours[name],
            None,
            threshold,
            f"{note}{paper[name]:.3f} of {paper['pairs']} pairs",
            unit="",
            at_least=True,
        )
