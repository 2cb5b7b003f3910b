"""Prompts drawn at random from a protocol's pool, for the prompt sensitivity: one name for each class, in some of the
templates (MI-Zero)."""

from collections.abc import Sequence

import numpy as np


def draw_prompts(
    names: Sequence[Sequence[str]], templates: Sequence[str], draws: int, seed: int
) -> list[list[list[str]]]:
    """Return `draws` times the prompts of each class: a name for each class and a set of templates, its size and its
    members drawn at random, which all classes share. Where there is nothing to draw from, there is one."""
    if len(templates) == 1 and all(len(one) == 1 for one in names):
        draws = 1
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        size = rng.integers(1, len(templates) + 1)
        chosen = [templates[n] for n in sorted(rng.choice(len(templates), size, replace=False).tolist())]
        own = [one[int(rng.integers(len(one)))] for one in names]
        found.append([[template.format(c=name) for template in chosen] for name in own])
    return found
