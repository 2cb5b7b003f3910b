"""Read one of the sources beside video: pubmed, openpath, laion or table in, data/sources/NAME out.

No stages of the pipeline are `search`, which fills the folder of pubmed with open-access articles from the network, and
`hydrate`, which fills in the texts and images of tweets that openpath has the ids of.
"""

import importlib
from pathlib import Path
from typing import Any

from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base
from stages.sources.params import Params

SOURCES = ("pubmed", "openpath", "laion", "table")
FILLERS = ("search", "hydrate")  # fill the folders that sources read; no result depends on their code


def run(params: Params, base: Base, name: str) -> dict[str, Any]:
    """Read, split, clean and screen one source, or fill the folder of one."""
    module = importlib.import_module(f"stages.sources.{name}")
    if name in FILLERS:
        counts: dict[str, Any] = module.fill(params)
        return counts
    from stages.common.models.device import pick_device
    from stages.sources.collect import collect

    return collect(
        [] if _nothing(params, name) else module.candidates(params),
        name,
        Path("data/sources") / name,
        Path(f"reports/metrics/sources_{name}.json"),
        Path("models/frame_filter"),
        params,
        pick_device(base.device),
    )


def _nothing(params: Params, name: str) -> bool:
    """True where nobody has put anything into the source's folder, nor named an index to look in."""
    folder = Path(getattr(params, name).folder)
    indexed = name == "laion" and params.laion.queries.index
    return not indexed and folder.is_dir() and {path.name for path in folder.iterdir()} <= {"README.md", ".gitignore"}


if __name__ == "__main__":
    run_stage("sources", run, __doc__, choices=(*SOURCES, *FILLERS))
