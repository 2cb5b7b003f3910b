"""Strata get equal shares, as far as they have so many."""

from stages.common.strata import share_out


def test_equal_shares_as_far_as_there_are_pairs():
    assert share_out({"a": 100, "b": 3, "c": 100}, 43) == {"a": 20, "b": 3, "c": 20}
    assert share_out({"a": 2, "b": 1}, 9) == {"a": 2, "b": 1}
    assert share_out({"a": 2, "b": 2}, 0) == {"a": 0, "b": 0}
    assert share_out({}, 5) == {}
