"""A list of experiments: read with clear errors, run once each by DVC, one that fails beside others that do not."""

import pandas as pd
import pytest
from repository import Repository

from stages.common.errors import StageError
from stages.comparison.ablations import read_experiments

STAGE = """stages:
  report:
    cmd: >-
      python -c "import json, pathlib, yaml; p = yaml.safe_load(open('params.yaml'));
      n = p['quiltnet']['epochs']; assert n != 7; pathlib.Path('reports').mkdir(exist_ok=True);
      pathlib.Path('reports/summary.json').write_text(json.dumps({'zero_shot': n / 10, 'pairs': 5}))"
    params: [quiltnet.epochs]
    metrics:
      - reports/summary.json: {cache: false}
"""
QUEUE = "# all\nshort -S quiltnet.epochs=1\n\nbroken -S quiltnet.epochs=7  # fails\nlong -S quiltnet.epochs=20\n"
COMMAND = "python -m stages.comparison ablations"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("short", "line 1: say what short changes, as in short -S quiltnet.epochs=1"),
        ("a -S x=1\nb quiltnet.epochs=1", "line 2: say what b changes"),
        ("a -S x=1\na -S x=2", "line 2: a comes twice"),
        ('a -S "x=1', "line 1: No closing quotation"),
        (None, "name a file such as profiles/ablations"),
    ],
)
def test_a_list_that_cannot_be_run_is_refused_by_its_line(tmp_path, text, said):
    path = tmp_path / "list"
    if text is not None:
        path.write_text(text)
    with pytest.raises(StageError, match=said):
        read_experiments(path)


def test_the_committed_list_changes_parameters_that_there_are():
    from conftest import ROOT

    found = read_experiments(ROOT / "profiles/ablations")
    assert len({one.name for one in found}) == len(found) > 10
    assert not any("-S" in one.changes for one in found)


@pytest.mark.slow
def test_each_runs_once_and_a_failed_one_again(tmp_path):
    """Real experiments of DVC, of a stage that only writes a summary."""
    repository = Repository(tmp_path)
    (tmp_path / "profiles/ablations").write_text(QUEUE)
    (tmp_path / "dvc.yaml").write_text(STAGE)
    (tmp_path / ".gitignore").write_text("reports/logs\nreports/comparison\nreports/timings\ndata\n")
    repository.call("dvc repro -q && git add -A && git commit -qm run")
    said = repository.call(f"{COMMAND} 2>&1 || true")
    assert "failed: broken" in said
    table = pd.read_csv(tmp_path / "reports/comparison/ablations.csv")
    assert table.experiment.tolist() == ["as committed", "short", "long"]
    assert table.zero_shot.tolist() == [1.0, 0.1, 2.0]
    assert table.changes.tolist()[1:] == ["quiltnet.epochs=1", "quiltnet.epochs=20"]
    assert (tmp_path / "reports/comparison/ablations.png").stat().st_size > 1000
    assert "AssertionError" in (tmp_path / "reports/logs/ablations@broken.log").read_text()
    repository.call("sed -i s/=7/=3/ profiles/ablations && git add -A")
    before = (tmp_path / "reports/logs/ablations@short.log").stat().st_mtime_ns
    repository.call(COMMAND)
    assert (tmp_path / "reports/logs/ablations@short.log").stat().st_mtime_ns == before
    table = pd.read_csv(tmp_path / "reports/comparison/ablations.csv")
    assert dict(zip(table.experiment, table.zero_shot, strict=True)) == {
        "as committed": 1.0,
        "short": 0.1,
        "broken": 0.3,
        "long": 2.0,
    }
