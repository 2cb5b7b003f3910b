"""Make the demo world: narrated videos, labelled frames, exports of the other sources, evalsets, and gold labels.

Everything is drawn from one seed or taken from installed packages. It is a test world: numbers measured on it say
whether the machinery works, never how good a model is on tissue.
"""

from pathlib import Path
from typing import Any

from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base
from stages.demo.params import Params

ROOT = Path("data/demo")


def run(params: Params, base: Base, part: str) -> dict[str, Any]:
    """Make one part of the world below data/demo."""
    if part == "videos":
        from stages.demo.videos import make_videos

        return make_videos(ROOT / "catalog", ROOT / "gold" / "videos.json", params.size, params.seed, base.jobs)
    if part == "frames":
        from stages.demo.frames import make_frames

        return make_frames(ROOT / "frames", params.size, params.seed, base.jobs)
    if part == "evalsets":
        from stages.demo.evalsets import make_evalsets

        return make_evalsets(ROOT / "evalsets", params.size, params.seed, base.jobs)
    from stages.demo.exports import make_exports

    gold = ROOT / "gold" / "exports.json"
    return make_exports(ROOT / "exports", ROOT / "evalsets", gold, params.size, params.seed, base.jobs)


if __name__ == "__main__":
    run_stage("demo", run, __doc__, choices=("videos", "frames", "evalsets", "exports"))
