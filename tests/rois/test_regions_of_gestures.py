"""Gestures are boxed in the region that they are made over."""

import numpy as np
import pandas as pd
import pytest

from stages.common.data.tars import write_tar
from stages.common.incremental.runner import Item
from stages.common.tables.keyframes import HOLDS, OVERLAYS, OVERLAYS_MEMBER
from stages.common.tables.rois import BOXES, TRACE
from stages.rois.work import in_region, rois

REGIONS = pd.DataFrame({"region": [0, 1], "x0": [0.0, 0.6], "y0": [0.2, 0.2], "x1": [0.5, 1.0], "y1": [1.0, 1.0]})


def test_a_box_is_told_in_the_region_that_most_of_it_lies_in():
    region, box = in_region((0.7, 0.4, 0.9, 0.6), REGIONS)
    assert region == 1
    assert box == pytest.approx((0.25, 0.25, 0.75, 0.5))
    assert in_region((0.4, 0.4, 0.65, 0.6), REGIONS) == (0, (0.8, 0.25, 1.0, 0.5)), "cut off where the region ends"
    assert in_region((0.0, 0.0, 1.0, 0.1), REGIONS)[1] == (0, 0, 0, 0)


def test_gestures_over_regions_are_kept_with_both_boxes_and_others_left_out(tmp_path, stage_params):
    turn = np.linspace(0, 4 * np.pi, 40)
    over = {"x": 0.8 + 0.1 * np.cos(turn), "y": 0.6 + 0.1 * np.sin(turn)}
    beside = {"x": 0.5 + 0.1 * np.cos(turn), "y": 0.1 + 0.05 * np.sin(turn)}
    parts = [pd.DataFrame({"t_s": start + np.arange(40) / 10, **path}) for start, path in ((0.0, over), (9.0, beside))]
    overlays = pd.concat(parts).assign(x0=0.0, y0=0.0, x1=0.1, y1=0.1, area=0.001, changed=1.0, hold_id="v_0000")
    write_tar(tmp_path / "in.tar", {OVERLAYS_MEMBER: OVERLAYS.to_bytes(overlays)})
    holds = REGIONS.assign(hold_id="v_0000").reindex(columns=HOLDS.names)
    text = {column.name for column in HOLDS.columns if column.type == "string"}
    holds = holds.assign(**{name: 0 if name not in text else "" for name in HOLDS.names if holds[name].isna().all()})
    HOLDS.write(tmp_path / "in.parquet", holds)
    item = Item("v", "", {"keyframes": str(tmp_path / "in.tar"), "holds": str(tmp_path / "in.parquet")})
    rois(item, tmp_path, stage_params("rois"))
    (row,) = BOXES.read(tmp_path / "v.parquet").to_dict("records")
    assert row["region"] == 1
    assert (row["frame_x0"], row["frame_x1"]) == pytest.approx((0.7, 0.9), abs=0.01)
    assert (row["x0"], row["x1"]) == pytest.approx((0.25, 0.75), abs=0.03)
    assert len(TRACE.read(tmp_path / "v.trace.parquet")) == 80
