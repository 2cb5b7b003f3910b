"""docs/dependencies.md names the modules of stages/common that no stage depends on: those that no dvc.yaml lists."""

import re

from conftest import ROOT

from stages.common.data.files import read_yaml


def test_the_modules_that_are_no_dependencies_are_those_that_the_page_names():
    stages = [
        stage for path in ("dvc.yaml", "data/demo/dvc.yaml") for stage in read_yaml(ROOT / path)["stages"].items()
    ]
    listed = {dep for name, stage in stages if name != "preflight" for dep in stage.get("do", stage)["deps"]}
    modules = [path for path in (ROOT / "stages/common").rglob("*.py") if path.name != "__init__.py"]
    none = {path.name for path in modules if path.relative_to(ROOT).as_posix() not in listed}
    paragraph = re.search(r"^No stage depends on .*?\n\n", (ROOT / "docs/dependencies.md").read_text(), re.M | re.S)[0]
    assert set(re.findall(r"`(\w+\.py)`", paragraph)) == none
