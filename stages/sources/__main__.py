"""Read one of the other sources: pubmed, openpath, laion, table or one of `sources.more` in, data/sources out.

Two commands are not stages of the pipeline: `search` fills the folder of pubmed with open-access articles from the
network, and `hydrate` adds texts and images to tweets of which openpath has only the ids.
"""

import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stages.common.errors import StageError
from stages.common.paths import FRAME_FILTER_DIR, MORE_SOURCES_DIR, SOURCES_DIR, metrics_file
from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base, load_params
from stages.common.tables.sources import SOURCES
from stages.sources.added import added
from stages.sources.candidate import Candidate
from stages.sources.params import Params

FILLERS = ("search", "hydrate")  # fill the folders that sources read; no result depends on their code


def run(params: Params, base: Base, name: str) -> dict[str, Any]:
    """Read, split, clean and filter one source, or fill the folder of one."""
    if name in params.more:
        return _collected(added(name, params.more[name]), name, MORE_SOURCES_DIR / name, params, base)
    module = importlib.import_module(f"stages.sources.{name}")
    if name in FILLERS:
        counts: dict[str, Any] = module.fill(params)
        return counts
    return _collected(
        [] if _nothing(params, name) else module.candidates(params), name, SOURCES_DIR / name, params, base
    )


def _collected(candidates: Iterable[Candidate], name: str, out: Path, params: Params, base: Base) -> dict[str, Any]:
    from stages.common.models.device import pick_device
    from stages.sources.collect import collect

    return collect(
        candidates,
        name,
        out,
        metrics_file(f"sources_{name}"),
        FRAME_FILTER_DIR,
        params,
        base,
        pick_device(base.device),
    )


def _names() -> tuple[str, ...]:
    """The sources of `sources.more`; none where params.yaml is wrong, which the stage reports when it starts."""
    try:
        return tuple(load_params("sources")[0].more)
    except StageError:
        return ()


def _nothing(params: Params, name: str) -> bool:
    """True where nobody has put anything into the source's folder, nor named an index to look in."""
    folder = Path(getattr(params, name).folder)
    indexed = name == "laion" and params.laion.queries.index
    return not indexed and folder.is_dir() and {path.name for path in folder.iterdir()} <= {"README.md", ".gitignore"}


if __name__ == "__main__":
    run_stage("sources", run, __doc__, choices=(*SOURCES, *_names(), *FILLERS))
