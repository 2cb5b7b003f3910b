"""The page of the machine has a chart of each number in which experiments differ, and says how to run them."""

import pandas as pd

from stages.report.machine import ablation_charts, build


def test_ablations_have_a_chart_of_each_number_that_they_change(tmp_path):
    page = build("Machine", tmp_path, tmp_path)
    assert "make ablations" in page
    assert "No stage has run here" in page
    assert 'data-chart="' not in page, "there is nothing to draw"
    rows = [["as committed", "", 5, 0.9], ["short", "quiltnet.epochs=1", 5, 0.5], ["broken", "x=1", 5, None]]
    table = pd.DataFrame(rows, columns=["experiment", "changes", "pairs", "zero_shot"])
    table.to_csv(tmp_path / "ablations.csv", index=False)
    [chart] = ablation_charts(pd.read_csv(tmp_path / "ablations.csv"))
    assert chart.table.values.tolist() == [["as committed", 0.9], ["short", 0.5]]
    layers = chart.spec["layer"]
    assert [layer["data"]["values"] for layer in layers] == [
        chart.table[:1].to_dict("records"),
        chart.table.to_dict("records"),
    ]
    (tmp_path / "pairs.json").write_text('{"seconds": 90.0}')
    page = build("Machine", tmp_path, tmp_path)
    assert "1.5 minutes together" in page
    assert "quiltnet.epochs=1" in page
    assert page.count('data-chart="') == 2
