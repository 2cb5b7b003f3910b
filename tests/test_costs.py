"""The page on costs says what the rates come to."""

import pytest
from conftest import ROOT

from benchmarks.costs import LINE, Machine, Size, Work, steps, table, wall_s

PAGE = (ROOT / "docs/costs.md").read_text()


@pytest.mark.parametrize("times", [1, 10])
def test_the_tables_are_those_that_are_printed(times):
    assert f"\n{table(Size(times))}\n" in PAGE


def test_a_step_takes_as_long_as_the_slowest_of_what_it_needs():
    two, node, nodes = Machine("", 2, 0), Machine("", 32, 1), Machine("", 32, 1, 4)
    step = Work("", core_s=640, gpu_s=100, core_s_beside_gpu=64, network=50 * LINE)
    assert [wall_s(step, machine) for machine in (two, node, nodes)] == [320, 100, 50]
    assert wall_s(Work("", core_s=640), nodes) == 5
    assert wall_s(Work("", core_s=640, one_machine=True), nodes) == 20
    assert wall_s(Work("", core_s=640, most_cores=1), nodes) == 640


def test_ten_times_as_much_takes_ten_times_as_long_but_for_the_test_sets():
    small, large = ({one.name: one.core_s for one in steps(Size(times))} for times in (1, 10))
    grown = {name for name, seconds in small.items() if large[name] == pytest.approx(10 * seconds)}
    assert small.keys() - grown == {"`fingerprints`", "`embeddings`", "`evaluation`, `audit`, `report`"}
