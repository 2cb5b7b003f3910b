"""Significance of differences, from their intervals."""

import math
from collections.abc import Sequence
from statistics import NormalDist


def p_value(difference: float, low: float, high: float) -> float:
    """Two-sided p of a difference with its interval of 95 % (Altman and Bland 2011): below 0.05 where the interval
    leaves zero out. What the interval rests on holds for p, too: pairs, and groups of images that err together."""
    if difference == 0:
        return 1.0
    towards_zero = difference - low if difference > 0 else high - difference
    if towards_zero <= 0:
        return 0.0
    normal = NormalDist()
    return 2 * normal.cdf(-abs(difference) / towards_zero * normal.inv_cdf(0.975))


def holm(p_values: Sequence[float]) -> list[float]:
    """p of each after Holm's correction (1979) for there being several; of NaN, NaN."""
    known = sorted((p, number) for number, p in enumerate(p_values) if not math.isnan(p))
    corrected, largest = [math.nan] * len(p_values), 0.0
    for rank, (p, number) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * p))
        corrected[number] = largest
    return corrected
