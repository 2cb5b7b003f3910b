"""Check params.yaml as a whole, and what it names, before any other stage is touched.

Every stage depends on this one: DVC removes a stage's outputs before it runs, so a mistake has to be found earlier.
`deps` writes the lines of dvc.yaml that say which code and parameters each stage depends on.
"""

from pathlib import Path
from typing import Any

from stages.common.cli import run_stage
from stages.common.params import Base

CHECKED = Path("data/preflight/checked.json")
PIPELINES = (Path("dvc.yaml"), Path("data/demo/dvc.yaml"))


def make(base: Base, what: str) -> dict[str, Any]:
    """Check, or write the dependency lines."""
    from stages.common.files import write_json
    from stages.common.named import link_named_files
    from stages.common.params import load_all
    from stages.preflight.check import check
    from stages.preflight.lines import write_lines

    blocks = load_all()
    if what == "deps":
        return {"stages": sum(write_lines(path, blocks) for path in PIPELINES)}
    check(blocks)
    link_named_files(blocks)  # only now: a mistaken value is to leave nothing behind
    write_json(CHECKED, {"blocks": sorted(blocks)})
    return {"blocks": len(blocks)}


if __name__ == "__main__":
    run_stage("preflight", make, __doc__, choices=("check", "deps"), default="check")
