"""Merge the sources into one table: filters with their reasons, deduplication, and the split."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stages.common.reviews import WITHDRAWN_REASON, WRONG_REASON
from stages.common.tables.dataset import DATASET_TABLE
from stages.common.text.characters import count_words
from stages.dataset.duplicates import Verify, copies, leaks
from stages.dataset.filters import filter_reasons
from stages.dataset.fingerprints import Fingerprints, hash_rows
from stages.dataset.neighbours import hamming_pairs
from stages.dataset.params import Params
from stages.dataset.reviewed import Marked, withdrawn_rows
from stages.dataset.texts import text_groups

UNMARKED = Marked()


def merge(
    pairs: pd.DataFrame,
    images: pd.DataFrame,
    tests: pd.DataFrame,
    fingerprints: Callable[[pd.Series], Fingerprints],
    params: Params,
    seed: int,
    verify: Verify,
    jobs: int = 1,
    marked: Marked = UNMARKED,
) -> pd.DataFrame:
    """Return `pairs` with split, drop, duplicate_of and text_group, sorted by pair_id.

    Args:
        pairs: rows of stages.common.tables.pairs, with similarity (NaN where no model compared a pair).
        images: rows of stages.fingerprints, of the pairs' images.
        tests: rows of stages.fingerprints, of the evalsets' images (column evalset).
        fingerprints: returns what is compared of images of `images`, in the order of their references.
        verify: tells which of two images' references show the same place.
        jobs: threads of the search for shared visual words.
        marked: what readers of the review page say must go.

    A row has a split (train, val, test) or a drop reason. An image that is a copy of an evalset's is a leak and goes.
    Among copies in different groups the one of the earliest of `params.sources` stays, then the larger, then the
    smaller pair_id; the pairs of the others point to it in duplicate_of. Without `params.deduplicate` all stay. Groups
    that share copies fall into one split. text_group is the pair_id of the first text that says nearly the same. Pairs
    of Quilt-1M as it was released keep their split, and copies of them in other groups follow. A pair that a reader
    called wrong goes alone; an image that was withdrawn goes with all its pairs, after its copies have gone for its
    sake.
    """
    table = _by_preference(pairs, params.sources).merge(
        images.drop(columns=["width", "height"]), on="image", how="left"
    )
    table["drop"], table["duplicate_of"] = "", ""
    faults = _faults(table, params) | {WRONG_REASON: table.pair_id.isin(marked.wrong)}
    for reason, rows in faults.items():
        _drop(table, rows, reason)
    for extension in params.filters:
        left = table[table["drop"] == ""]
        table.loc[left.index, "drop"] = filter_reasons(left, extension, faults)
    alive = table[table["drop"] == ""].drop_duplicates("image")
    own = fingerprints(alive.image)
    usable = tests[tests.error == ""].reset_index(drop=True)
    leaked = leaks(own, Fingerprints.of(usable), params.phash_distance, params.crop_cosine, verify, jobs)
    for evalset, rows in leaked.groupby(usable.evalset[leaked.j].to_numpy()):
        _drop(table, table.image.isin(own.images[rows.i]), f"leak_{evalset}")
    groups, names = pd.factorize(alive.group)
    found = copies(own, groups, params.phash_distance, params.crop_cosine, verify, jobs)
    if params.deduplicate:
        _drop_copies(table, alive, found)
    firsts = text_groups(table.text.tolist(), params.text_jaccard)
    table["text_group"] = table.pair_id.to_numpy()[firsts]
    repeated = table[table["drop"] == ""].duplicated(["image", "text_group"])
    _drop(table, table.index.isin(repeated[repeated].index), "same_image_and_text")
    withdrawn = marked.images if params.deduplicate else _with_copies(marked.images, own.images, found)
    _drop(table, withdrawn_rows(table, withdrawn), WITHDRAWN_REASON)
    # Of an image with texts of both, val; "" is before train, and train before val.
    released = table.groupby("image").released_split.transform("max")
    fixed = released.groupby(table.group).max().to_dict()
    splits = _splits(groups, names.to_numpy(object), found, fixed, params, seed)
    table["split"] = released.where(released != "", table.group.map(splits).fillna(""))
    table.loc[table["drop"] != "", "split"] = ""
    return table[DATASET_TABLE.names].sort_values("pair_id", ignore_index=True)


def _by_preference(pairs: pd.DataFrame, sources: Sequence[str]) -> pd.DataFrame:
    """`pairs` in order of preference."""
    rank = pairs.source.map({name: number for number, name in enumerate(sources)})
    table = pairs.assign(rank=rank, area=-pairs.width * pairs.height)
    return table.sort_values(["rank", "area", "pair_id"], ignore_index=True).drop(columns=["rank", "area"])


def _faults(table: pd.DataFrame, params: Params) -> dict[str, pd.Series]:
    """Rows that are to be dropped, by reason; of several reasons the first is given."""
    words = table.text.map(count_words)
    faults: dict[str, Any] = {
        "unreadable_image": table.error.fillna("unknown") != "",
        "image_too_small": table.width.lt(params.min_side) | table.height.lt(params.min_side),
        "text_too_short": words.lt(params.min_words),
        "text_too_long": words.gt(params.max_words),
        "low_confidence": table.confidence.lt(params.min_confidence),
        "low_similarity": table.similarity.lt(params.min_similarity),
        "blurred": table.blur.gt(params.max_blur),
        "background": table.background.gt(params.max_background),
    }
    return faults | {f"flag_{flag}": table[f"flag_{flag}"].ge(0.5) for flag in params.flags}


def _drop(table: pd.DataFrame, rows: pd.Series | NDArray[np.bool_], reason: str) -> None:
    table.loc[np.asarray(rows, bool) & (table["drop"] == "").to_numpy(), "drop"] = reason


def _drop_copies(table: pd.DataFrame, alive: pd.DataFrame, found: pd.DataFrame) -> None:
    """Keep one image of each set of copies; `alive` has one row per image, in order of preference."""
    leaked = set(table.image[table["drop"].str.startswith("leak_")])
    images, ids = alive.image.to_numpy(object), alive.pair_id.to_numpy(object)
    kept_by: dict[int, tuple[int, str]] = {}
    for i, j, how in found.itertuples(index=False):
        if i not in kept_by and j not in kept_by and images[i] not in leaked and images[j] not in leaked:
            kept_by[j] = (i, how)
    first = {images[j]: ids[i] for j, (i, _) in kept_by.items()}
    ways = {images[j]: f"{how}_duplicate" for j, (_, how) in kept_by.items()}
    rows = table.image.isin(list(first)) & (table["drop"] == "")
    table.loc[rows, "duplicate_of"] = table.image[rows].map(first)
    table.loc[rows, "drop"] = table.image[rows].map(ways)


def _with_copies(withdrawn: frozenset[str], images: NDArray[np.object_], found: pd.DataFrame) -> frozenset[str]:
    """The images that were withdrawn, and the copies of them that have not gone as such."""
    left, right = images[found.i], images[found.j]
    named = list(withdrawn)
    return withdrawn | set(right[np.isin(left, named)]) | set(left[np.isin(right, named)])


def _splits(
    groups: NDArray[np.int64],
    names: NDArray[np.object_],
    found: pd.DataFrame,
    fixed: dict[str, str],
    params: Params,
    seed: int,
) -> dict[str, str]:
    """The split of each group: a hash of its name, or of the first name among the groups it shares copies with, so that
    new groups move old ones only where they are copies of them. Where one of these is `fixed`, it is that one's."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    edges = (np.ones(len(found), bool), (groups[found.i], groups[found.j]))
    _, component = connected_components(coo_matrix(edges, shape=(len(names), len(names))), directed=False)
    first = pd.Series(names).groupby(component).min()
    given = pd.Series(names).map(fixed).fillna("").groupby(component).max()
    split = {number: given[number] or _split_of(name, params, seed) for number, name in first.items()}
    return {name: split[number] for name, number in zip(names, component, strict=True)}


def _split_of(name: str, params: Params, seed: int) -> str:
    draw = int(hashlib.sha256(f"{seed} {name}".encode()).hexdigest()[:12], 16) / 16**12
    if draw < params.test_share:
        return "test"
    return "val" if draw < params.test_share + params.val_share else "train"


def leaks_left(table: pd.DataFrame, images: pd.DataFrame, tests: pd.DataFrame, bits: int) -> dict[str, int]:
    """Count, by hashes alone, what must not be there: images of train or val that are copies of an evalset's
    (`evalsets`) or of the test split's (`test`), and groups in two splits (`groups`)."""
    kept = table[table.split != ""].drop_duplicates("image").merge(images[["image", "hash"]], on="image")
    learnt, held = (hash_rows(kept[kept.split.isin(splits)].hash) for splits in (("train", "val"), ("test",)))
    others = hash_rows(tests[tests.error == ""].hash)
    return {
        "evalsets": len(np.unique(hamming_pairs(learnt, others, bits)[:, 0])),
        "test": len(np.unique(hamming_pairs(learnt, held, bits)[:, 0])),
        "groups": int((table[table.split != ""].groupby("group").split.nunique() > 1).sum()),
    }
