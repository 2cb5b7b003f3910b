"""`dvc plots show` draws its charts without a network."""

import shutil
import subprocess
import sys

import pytest
from browser import Browser
from conftest import ROOT

from stages.common.data.files import read_yaml
from stages.report.vega import write_vega

DVC_YAML = """\
plots:
  - losses.csv: {title: Contrastive loss, x: epoch, y: [train, val]}
"""


@pytest.mark.slow
def test_charts_of_dvc_are_drawn_from_a_script_beside_them(tmp_path):
    (tmp_path / ".dvc").mkdir()
    for name in ("config", "plots.html"):
        shutil.copy(ROOT / ".dvc" / name, tmp_path / ".dvc")
    (tmp_path / "dvc.yaml").write_text(DVC_YAML)
    (tmp_path / "losses.csv").write_text("epoch,train,val\n1,3.0,2.5\n2,2.0,2.2\n")
    script = tmp_path / "reports/plots/vega.js"
    write_vega(script)
    made = read_yaml(ROOT / "dvc.yaml")["stages"]["report"]["outs"]
    assert script.relative_to(tmp_path).as_posix() in made
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run([sys.executable, "-m", "dvc", "plots", "show"], cwd=tmp_path, check=True, capture_output=True)
    browser = Browser(tmp_path)
    try:
        browser.open(tmp_path / "dvc_plots/index.html")
        browser.wait("document.querySelector('.vega-embed canvas, .vega-embed svg') !== null")
        assert browser.requests == []
        assert [said for said in browser.noise if said.get("type") != "warning"] == [], "DVC writes for an older Vega"
    finally:
        browser.close()
