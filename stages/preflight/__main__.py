"""Check params.yaml as a whole, and what it names, before any other stage is touched.

Every stage depends on this one: DVC removes a stage's outputs before it runs, so a mistake has to be found earlier.
`deps` writes the lines of dvc.yaml that say which code and parameters each stage depends on; `docs` writes the pages of
docs/ that are made from the code. `withdrawals` looks, before a push, whether outputs were made from data that has
changed since.
"""

import shutil
from pathlib import Path
from typing import Any

from stages.common.paths import CHECKED_FILE, DEMO_DIR, MORE_SOURCES_DIR, metrics_file
from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base

PIPELINES = (Path("dvc.yaml"), DEMO_DIR / "dvc.yaml")


def run(base: Base, what: str) -> dict[str, Any]:
    """Check parameters or withdrawals, or write the dependency lines or the pages of docs/."""
    from stages.common.data.files import write_json
    from stages.common.incremental.named import link_named_files
    from stages.common.stage.params import load_all_params
    from stages.common.withdrawals import check_up_to_date
    from stages.preflight.check import check
    from stages.preflight.lines import write_lines
    from stages.preflight.pages import write_pages

    if what == "withdrawals":
        check_up_to_date()
        return {}
    all_params = load_all_params()
    if what == "deps":
        return {"stages": sum(write_lines(path, all_params) for path in PIPELINES)}
    if what == "docs":
        return {"pages": write_pages(all_params)}
    check(all_params)
    link_named_files(all_params)  # only after the check: a mistaken value must leave no links behind
    added = all_params["sources"].more  # type: ignore[attr-defined]
    for folder in [path for path in MORE_SOURCES_DIR.glob("*/") if path.name not in added]:
        shutil.rmtree(folder)  # of a source that was removed: stages that read all sources must not find it
        metrics_file(f"sources_{folder.name}").unlink(missing_ok=True)
    write_json(CHECKED_FILE, {"stages": sorted(all_params)})
    return {"stages": len(all_params)}


if __name__ == "__main__":
    run_stage("preflight", run, __doc__, choices=("check", "deps", "docs", "withdrawals"), default="check")
