"""Two hundred videos through the work of `rois` on a Ray cluster of two nodes on this machine, against its own workers.

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
from stages.common.incremental.runner import Item, run_items
from stages.common.paths import KEYFRAMES_DIR
from stages.common.stage.params import Base, load_params
from stages.common.tables.keyframes import HOLDS, tar_of
from stages.rois.work import rois

COUNT = 200


def demo_items() -> list[Item]:
    """COUNT items, of as many videos as the demo has."""
    try:
        videos = finished(KEYFRAMES_DIR).id.tolist()
    except StageError as error:
        sys.exit(f"benchmarks.cluster: {error}")
    return [
        Item(
            f"{name}-{number:03d}",
            str(number),
            {"keyframes": str(tar_of(name).resolve()), "holds": str(HOLDS.at(id=name).resolve())},
        )
        for number, name in zip(range(COUNT), itertools.cycle(videos), strict=False)
    ]


def go(items: list[Item], out: Path, base: Base) -> None:
    """Do all items."""
    run_items(
        items,
        functools.partial(rois, params=load_params("rois")[0]),
        name=out.name,
        out=out,
        files=("{id}.parquet", "{id}.trace.parquet"),
        keys=out.with_suffix(".parquet"),
        needs=Dependencies(),
        base=base,
        force=True,
    )


def tree(folder: Path) -> dict[str, bytes]:
    """What a folder of items holds."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def main(temporary: str) -> None:
    """Measure each twice, since to join a cluster and to start its workers takes seconds, and once a stage."""
    os.environ |= {"RAY_TMPDIR": temporary, "RAY_AUTH_MODE": "disabled"}
    from ray.cluster_utils import Cluster

    at: dict[str, Any] = {"node_ip_address": "127.0.0.2", "num_cpus": 1}
    cluster = Cluster(initialize_head=True, head_node_args={"include_dashboard": False, **at})
    cluster.add_node(**at)
    base = load_params("base")[1].model_copy(update={"jobs": 2})
    ray = base.model_copy(update={"backend": "ray", "ray_address": cluster.address})
    items, here, there = demo_items(), Path(temporary, "loky"), Path(temporary, "ray")
    for name in ("cluster/first", "cluster"):
        theirs = seconds(lambda: go(items, here, base), 1)
        ours = seconds(lambda: go(items, there, ray), 1)
        report(name, ours, theirs, 1.3, f"{COUNT} items on two Ray nodes of one core, against two local workers")
    left, right = tree(here), tree(there)
    different = sum(left.get(name) != right.get(name) for name in left.keys() | right.keys())
    report("cluster/different", different, None, 0, f"of {len(left)} files", unit="files")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as temporary:  # sockets want short paths
        main(temporary)
