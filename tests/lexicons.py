"""The lexicon of the committed parameters, built once for all processes of tests."""

import os

import pytest
from filelock import FileLock


@pytest.fixture(scope="session")
def lexicon(tmp_path_factory):
    from conftest import ROOT

    from stages.common.stage.params import load_params
    from stages.common.text.lexicon import Lexicon
    from stages.lexicon.build import build

    home = tmp_path_factory.getbasetemp()
    home = home.parent if "PYTEST_XDIST_WORKER" in os.environ else home
    folder = home / "lexicon"
    with FileLock(home / "lexicon.lock"):
        if not (folder / "metrics.json").exists():
            params = load_params("lexicon", ROOT / "params.yaml")[0]
            own = {name: str(ROOT / getattr(params, name)) for name in ("glossary", "abbreviations", "general")}
            build(params.model_copy(update=own), folder, folder / "metrics.json")
    found = Lexicon(folder)
    found.folder = folder
    return found
