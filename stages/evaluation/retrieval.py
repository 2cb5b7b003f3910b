"""Cross-modal retrieval: recall at k, both ways, with many texts per image and many images per text (section 10e)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stages.common.data.arrays import Floats, Ints, Vectors
from stages.common.ranks import ranks_of
from stages.common.stats import Estimate, PairedBootstrap, difference
from stages.evaluation.parts import rows_of_institutions
from stages.evaluation.sets import Paired


def retrieval(models: Mapping[str, Paired], recall_at: Sequence[int], rounds: int, seed: int) -> dict[str, Any]:
    """Return per model {image_to_text, text_to_image: {rK with its interval, median_rank, queries, candidates}},
    `difference` to the first model, paired by query, and `institution`: the recalls of each one's queries, per model;
    intervals resample groups of images where they are known.

    A query is answered at k when one of its matches is among the k nearest. Candidates with the same score, as exact
    duplicates have it, count neither for the query nor against it: their order is random, and a query's share of
    answers is the mean over it. A k larger than the number of candidates counts as all of them.
    """
    metrics: dict[str, Any] = {model: {} for model in models}
    others = list(models)[1:]
    for way in ("image_to_text", "text_to_image"):
        ranks = {}
        for model, pairs in models.items():
            queries, candidates, matches = _sides(pairs, way)
            ranks[model] = ranks_of(queries, candidates, matches)
            metrics[model][way] = {"median_rank": float(np.median(ranks[model].expected))}
            metrics[model][way] |= {"queries": len(ranks[model].better), "candidates": len(candidates)}
        rows = _first_images(matches, way)
        groups = None if pairs.group is None else pairs.group[rows]
        places = {} if pairs.institution is None else rows_of_institutions(pairs.institution[rows])
        for k in recall_at:
            hits = [found.within(k) for found in ranks.values()]
            shares = _shares(hits, rounds, seed, groups)
            for number, model in enumerate(models):
                metrics[model][way] |= shares[number].metrics(f"r{k}")
            for number, model in enumerate(others, start=1):
                apart = metrics.setdefault("difference", {}).setdefault(model, {}).setdefault(way, {})
                apart |= difference(shares[number], shares[0]).metrics(f"r{k}")
            for place, own in places.items():
                parts = _shares([hit[own] for hit in hits], rounds, seed, None if groups is None else groups[own])
                for model, share in zip(models, parts, strict=True):
                    facts = metrics.setdefault("institution", {}).setdefault(place, {}).setdefault(model, {})
                    facts.setdefault(way, {"queries": len(own)}).update(share.metrics(f"r{k}"))
    return metrics


def _shares(hits: Sequence[Floats], rounds: int, seed: int, groups: Ints | None) -> list[Estimate]:
    """The mean of each model's hits, of the same draws of queries or of their groups."""
    drawn = PairedBootstrap(hits, rounds, seed, groups)
    return [drawn.share(number) for number in range(len(hits))]


def _sides(pairs: Paired, way: str) -> tuple[Vectors, Vectors, Ints]:
    """Queries, candidates and their matches, sorted by query."""
    sides = (pairs.image, pairs.text, pairs.matches)
    if way == "text_to_image":
        sides = (pairs.text, pairs.image, pairs.matches[:, ::-1])
    return sides[0], sides[1], sides[2][np.argsort(sides[2][:, 0], kind="stable")]


def _first_images(matches: Ints, way: str) -> Ints:
    """Whose group and institution a query that has a match is of: the image itself, or a text's first image."""
    queries, first = np.unique(matches[:, 0], return_index=True)
    found: Ints = queries if way == "image_to_text" else matches[first, 1]
    return found
