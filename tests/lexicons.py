"""The lexicon of the committed parameters, built once for all tests."""

import pytest


@pytest.fixture(scope="session")
def lexicon(tmp_path_factory):
    from conftest import ROOT

    from stages.common.stage.params import load_params
    from stages.common.text.lexicon import Lexicon
    from stages.lexicon.build import build

    folder = tmp_path_factory.mktemp("lexicon")
    params = load_params("lexicon", ROOT / "params.yaml")[0]
    own = {name: str(ROOT / getattr(params, name)) for name in ("glossary", "abbreviations", "general")}
    build(params.model_copy(update=own), folder, folder / "metrics.json")
    found = Lexicon(folder)
    found.folder = folder
    return found
