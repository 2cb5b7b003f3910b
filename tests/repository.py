"""A repository of one stage, which does nothing, in which DVC reads `-S` and writes params.yaml."""

import difflib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from conftest import ROOT
from dvc.cli.parser import get_main_parser
from dvc.utils.cli_parse import to_path_overrides
from dvc.utils.hydra import apply_overrides, get_hydra_sweeps

from stages.common.stage.params import load_all_params

STAGE = "stages:\n  quiltnet:\n    cmd: 'true'\n    params: [base, captions, pairs, quiltnet, report]\n"


class Repository:
    """A Git and DVC repository with our params.yaml and one stage."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copy(ROOT / "params.yaml", folder)
        shutil.copytree(ROOT / "profiles", folder / "profiles")
        (folder / "dvc.yaml").write_text(STAGE)
        self.call("git init -q && dvc init -q && git add -A && git commit -qm start")

    def call(self, command: str) -> str:
        env = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "GIT_CONFIG_GLOBAL": os.devnull,
            **{f"GIT_{who}_{what}": "t@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        }
        done = subprocess.run(["bash", "-c", command], cwd=self.folder, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout

    def run(self, words: str):
        """Parameters of all stages as `dvc exp run` with these words, which a shell expands, would write them first.

        Raises StageError, as every stage would, for values that no stage can use.
        """
        expanded = self.call(f"set -f; printf '%s\\0' {words}").split("\0")[:-1]
        asked = get_main_parser().parse_args(["exp", "run", *expanded])
        shutil.copy(ROOT / "params.yaml", self.folder)
        for sweep in get_hydra_sweeps(to_path_overrides(asked.set_param or [])):
            for path, overrides in sweep.items():
                apply_overrides(self.folder / path, overrides)
        return load_all_params(self.folder / "params.yaml")

    def changed_lines(self) -> list[str]:
        """Lines of params.yaml that are not in ours."""
        ours, theirs = ((folder / "params.yaml").read_text().splitlines() for folder in (ROOT, self.folder))
        return [line for line in difflib.ndiff(ours, theirs) if line.startswith("+ ")]
