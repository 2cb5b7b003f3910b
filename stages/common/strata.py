"""Stratified samples: as many of each stratum, as far as there are."""

from collections.abc import Mapping, Sequence

import pandas as pd

NOT_STATED = "not stated"


def draw(rows: pd.DataFrame, size: int, levels: Sequence[str]) -> pd.DataFrame:
    """The first `size` of `rows`, but as many of each value of the first of `levels`, within it of each value of the
    second, and so on; what one of them lacks the others make up for."""
    # Only the levels are parted: of a million rows with all their columns each part would be a large copy.
    return rows.iloc[_drawn(rows[[*levels]].reset_index(drop=True), size, levels)]


def _drawn(rows: pd.DataFrame, size: int, levels: Sequence[str]) -> list[int]:
    """What is drawn, by the numbers of the rows."""
    if not levels or rows.empty:
        return rows.index[:size].tolist()
    groups = dict(iter(rows.groupby(levels[0])))
    shares = share_out({name: len(own) for name, own in groups.items()}, size)
    return [number for name, share in shares.items() for number in _drawn(groups[name], share, levels[1:])]


def share_out(sizes: Mapping[str, int], total: int) -> dict[str, int]:
    """How many of `total` each gets: equal shares, but none more than it has. The smallest is served first."""
    shares, left = {}, total
    for served, (size, name) in enumerate(sorted((size, name) for name, size in sizes.items())):
        shares[name] = min(size, left // (len(sizes) - served))
        left -= shares[name]
    return shares
