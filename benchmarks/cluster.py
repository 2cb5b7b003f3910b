"""Videos through the work of `rois` and of `keyframes` on a Ray cluster of two nodes on this machine, against its own
workers.

The videos are those of the demo, again and again under other names: `make demo` first.
"""

import functools
import itertools
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import report, seconds
from stages.common.errors import StageError
from stages.common.incremental.dependencies import Dependencies
from stages.common.incremental.manifest import finished
from stages.common.incremental.runner import Item, Work, run_items
from stages.common.paths import FRAME_FILTER_DIR, KEYFRAMES_DIR, MAGNIFICATION_DIR, VIDEOS_DIR
from stages.common.stage.params import Base, load_params
from stages.common.tables.keyframes import HOLDS, tar_of
from stages.common.tables.videos import VIDEO_TABLE
from stages.keyframes.work import keyframes
from stages.rois.work import rois

KINDS = {"rois": 200, "keyframes": 34}  # items: of hundredths of a second, and of seconds


def items_of(kind: str) -> list[Item]:
    """As many items as KINDS says, of as many videos as the demo has."""
    try:
        videos = finished(KEYFRAMES_DIR).id.tolist()
    except StageError as error:
        sys.exit(f"benchmarks.cluster: {error}")
    films = VIDEO_TABLE.read(VIDEO_TABLE.at(), ["video_id", "file"]).set_index("video_id").file
    return [
        Item(
            f"{name}-{number:03d}",
            str(number),
            {"keyframes": str(tar_of(name).resolve()), "holds": str(HOLDS.at(id=name).resolve())}
            if kind == "rois"
            else {"path": str((VIDEOS_DIR / films[name]).resolve())},
        )
        for number, name in zip(range(KINDS[kind]), itertools.cycle(videos), strict=False)
    ]


def work_of(kind: str) -> Work:
    """What is done with an item."""
    params = load_params(kind)[0]
    if kind == "rois":
        return functools.partial(rois, params=params)
    return functools.partial(
        keyframes,
        params=params,
        model=FRAME_FILTER_DIR.resolve(),
        jobs=2,
        device="cpu",
        estimator=MAGNIFICATION_DIR.resolve(),
    )


def go(kind: str, out: Path, base: Base) -> None:
    """Do all items."""
    run_items(
        items_of(kind),
        work_of(kind),
        name=out.name,
        out=out,
        files=("{id}.parquet", "{id}.trace.parquet" if kind == "rois" else "{id}.tar"),
        keys=out.with_suffix(".parquet"),
        needs=Dependencies(),
        base=base,
        force=True,
    )


def tree(folder: Path) -> dict[str, bytes]:
    """What a folder of items holds."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def main(temporary: str) -> None:
    """Measure both. To join a cluster and to start its workers takes two seconds longer than to start local ones."""
    os.environ |= {"RAY_TMPDIR": temporary, "RAY_AUTH_MODE": "disabled"}
    from ray.cluster_utils import Cluster

    at: dict[str, Any] = {"node_ip_address": "127.0.0.2", "num_cpus": 1}
    cluster = Cluster(initialize_head=True, head_node_args={"include_dashboard": False, **at})
    cluster.add_node(**at)
    base = load_params("base")[1].model_copy(update={"jobs": 2})
    ray = base.model_copy(update={"backend": "ray", "ray_address": cluster.address})
    for kind in KINDS:
        here, there = Path(temporary, f"{kind}_by_loky"), Path(temporary, f"{kind}_by_ray")
        theirs = seconds(lambda: go(kind, here, base), 1)  # noqa: B023 - called at once
        ours = seconds(lambda: go(kind, there, ray), 1)  # noqa: B023
        note = f"{KINDS[kind]} items on two Ray nodes of one core, against two local workers"
        report(f"cluster/{kind}", ours, theirs, 1.3, note)
        left, right = tree(here), tree(there)
        different = sum(left.get(name) != right.get(name) for name in left.keys() | right.keys())
        report(f"cluster/{kind}/different", different, None, 0, f"of {len(left)} files", unit="files")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as temporary:  # sockets want short paths
        main(temporary)
