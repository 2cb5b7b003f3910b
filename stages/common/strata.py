"""Stratified samples: as many of each stratum, as far as there are."""

from collections.abc import Mapping, Sequence

import pandas as pd

NOT_STATED = "not stated"


def draw(rows: pd.DataFrame, size: int, levels: Sequence[str]) -> pd.DataFrame:
    """The first `size` of `rows`, but as many of each value of the first of `levels`, within it of each value of the
    second, and so on; what one of them lacks the others make up for."""
    if not levels or rows.empty:
        return rows.head(size)
    groups = dict(iter(rows.groupby(levels[0])))
    shares = share_out({name: len(own) for name, own in groups.items()}, size)
    return pd.concat([draw(groups[name], share, levels[1:]) for name, share in shares.items()])


def share_out(sizes: Mapping[str, int], total: int) -> dict[str, int]:
    """How many of `total` each gets: equal shares, but none more than it has. The smallest is served first."""
    shares, left = {}, total
    for served, (size, name) in enumerate(sorted((size, name) for name, size in sizes.items())):
        shares[name] = min(size, left // (len(sizes) - served))
        left -= shares[name]
    return shares
