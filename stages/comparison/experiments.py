"""The model of a DVC experiment, from the cache: no file of the workspace is touched."""

import tempfile
from pathlib import Path
from typing import Any

from stages.common.data.files import read_yaml
from stages.common.errors import StageError
from stages.common.models.clip import Clip, load
from stages.common.paths import QUILTNET_DIR
from stages.common.stage.params import PARAMS_FILE


def model_of_experiment(revision: str) -> tuple[Clip, dict[str, Any]] | None:
    """The tuned model of an experiment, branch, tag or commit, and its parameters `quiltnet`; None where there is no
    such revision. Raises StageError where its model is in no cache."""
    from dvc.api import DVCFileSystem
    from dvc.scm import RevError

    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        try:
            files = DVCFileSystem(".", rev=revision)
            files.get_file(PARAMS_FILE.as_posix(), (home / PARAMS_FILE.name).as_posix())
        except RevError:
            return None
        try:
            files.get(QUILTNET_DIR.as_posix(), (home / "model").as_posix(), recursive=True)
        except OSError as error:
            why = " ".join(str(error).split())[:200]
            raise StageError(
                f"{revision}: {QUILTNET_DIR} is not in the cache: `dvc pull`, or run it again: {why}"
            ) from None
        # Not checked: an experiment may be older than a parameter of another stage.
        return load(home / "model"), read_yaml(home / PARAMS_FILE.name)["quiltnet"]
