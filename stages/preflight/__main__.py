"""Check params.yaml as a whole, and what it names, before any other stage is touched.

Every stage depends on this one: DVC removes a stage's outputs before it runs, so a mistake has to be found earlier.
`deps` writes the lines of dvc.yaml that say which code and parameters each stage depends on.
"""

from pathlib import Path
from typing import Any

from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base

CHECKED = Path("data/preflight/checked.json")
PIPELINES = (Path("dvc.yaml"), Path("data/demo/dvc.yaml"))


def run(base: Base, what: str) -> dict[str, Any]:
    """Check, or write the dependency lines."""
    from stages.common.data.files import write_json
    from stages.common.incremental.named import link_named_files
    from stages.common.stage.params import load_all_params
    from stages.preflight.check import check
    from stages.preflight.lines import write_lines

    all_params = load_all_params()
    if what == "deps":
        return {"stages": sum(write_lines(path, all_params) for path in PIPELINES)}
    check(all_params)
    link_named_files(all_params)  # only now: a mistaken value is to leave nothing behind
    write_json(CHECKED, {"stages": sorted(all_params)})
    return {"stages": len(all_params)}


if __name__ == "__main__":
    run_stage("preflight", run, __doc__, choices=("check", "deps"), default="check")
