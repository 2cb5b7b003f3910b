"""Make the demo world: narrated videos, labelled frames, exports of the other sources, evalsets, and gold labels.

Everything is drawn from one seed or taken from installed packages. It is a test world: numbers measured on it say
whether the machinery works, never how good a model is on tissue.
"""

from typing import Any

from stages.common.paths import DEMO_DIR
from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base
from stages.demo.params import Params


def run(params: Params, base: Base, part: str) -> dict[str, Any]:
    """Make one part of the world below data/demo."""
    if part == "videos":
        from stages.demo.videos import make_videos

        return make_videos(DEMO_DIR / "catalog", DEMO_DIR / "gold" / "videos.json", params.size, params.seed, base.jobs)
    if part == "frames":
        from stages.demo.frames import make_frames

        return make_frames(DEMO_DIR / "frames", params.size, params.seed, base.jobs)
    if part == "tissue":
        from stages.demo.scales import make_scales

        return make_scales(DEMO_DIR / "tissue", params.seed, base.jobs)
    if part == "evalsets":
        from stages.demo.evalsets import make_evalsets

        return make_evalsets(DEMO_DIR / "evalsets", params.size, params.seed, base.jobs)
    from stages.demo.exports import make_exports

    gold = DEMO_DIR / "gold" / "exports.json"
    return make_exports(DEMO_DIR / "exports", DEMO_DIR / "evalsets", gold, params.size, params.seed, base.jobs)


if __name__ == "__main__":
    run_stage("demo", run, __doc__, choices=("videos", "frames", "tissue", "evalsets", "exports"))
