"""Zero-shot scores under many protocols: the same models and sets, asked as each paper asks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stages.common.data.arrays import Vectors
from stages.common.errors import StageError
from stages.common.evalsets.listing import measured_side, set_folder
from stages.common.evalsets.protocol import Protocol, load_protocol, read_evalset
from stages.common.models.embed import ensemble
from stages.common.scores import SCORES, calibration_error, odds_of
from stages.common.stats import Estimate, codes_of, mean_of
from stages.comparison.prompts import draw_prompts
from stages.comparison.scores import confusions, score

THERE, NOT_THERE = "measured", "not there"
COLUMNS = [
    *("protocol", "model", "set", "status", "metric", "score", "score_low", "score_high"),
    *("prompt_min", "prompt_median", "prompt_max", "ece", "images", "classes", "classes_there", "chance"),
    *("class_names", "prompts", "transform", "split", "digest"),
]


@dataclass(frozen=True)
class AskedSet:
    """A set as one protocol asks it: the measured images (`table`, none where it cannot be measured), all prompts of
    each class, and prompts that are drawn from them."""

    protocol: Protocol
    name: str
    status: str
    table: pd.DataFrame
    prompts: list[list[str]]
    drawn: list[list[list[str]]]

    @property
    def transform(self) -> tuple[str, bool]:
        """Whose vectors of images it needs: the set, and whether pictures are squashed."""
        return self.name, self.protocol.transform == "squash"


def load_protocols(paths: Sequence[str]) -> list[Protocol]:
    """Return the protocols of these files. Raises StageError where two have the same name."""
    found = {protocol.name: (path, protocol) for path in paths for protocol in [load_protocol(path)]}
    if len(found) < len(paths):
        twice = next(path for path in paths if path not in {kept for kept, _ in found.values()})
        raise StageError(f"comparison.protocols: {twice} has the name of another protocol: give it one of its own")
    return [protocol for _, protocol in found.values()]


def asked_sets(protocols: Sequence[Protocol], places: Protocol, folder: Path, seed: int) -> Iterator[AskedSet]:
    """Yield what each protocol asks of each of its sets of classes.

    A set that `places` has, too, is where and in the form that `places` says. One that is not there, or cannot be read,
    is there with that status. A class may have no image: the protocol asks for it all the same.
    """
    for protocol in protocols:
        for name, evalset in protocol.evalsets.items():
            if evalset.pairs:
                continue
            known = places.evalsets.get(name, evalset)
            here = evalset.model_copy(update={"root": known.root, "loader": known.loader})
            status, table = THERE, pd.DataFrame(columns=["path", "label"])
            if not set_folder(folder, here.root).is_dir():
                status = NOT_THERE
            else:
                try:
                    table = measured_side(read_evalset(folder, name, here, whole=False), here.split)
                except StageError as error:
                    status = str(error)
            drawn = draw_prompts(evalset.names, protocol.templates_of(name), protocol.draws, seed)
            yield AskedSet(protocol, name, status, table, protocol.prompts_of(name), drawn)


def all_prompts(asked: Sequence[AskedSet]) -> list[str]:
    """Every distinct prompt of what can be measured."""
    return sorted({prompt for one in asked if one.status == THERE for texts in one.prompts for prompt in texts})


def all_images(asked: Sequence[AskedSet]) -> dict[tuple[str, bool], list[str]]:
    """Every distinct image of each set and transform, without those of a set before it (skin_tumor is a part of
    skin_cancer)."""
    found: dict[tuple[str, bool], set[str]] = {}
    for one in asked:
        if one.status == THERE:
            found.setdefault(one.transform, set()).update(one.table.path)
    seen: dict[bool, set[str]] = {False: set(), True: set()}
    for name, squash in sorted(found):
        found[name, squash] -= seen[squash]
        seen[squash] |= found[name, squash]
    return {key: sorted(paths) for key, paths in sorted(found.items()) if paths}


def without_unreadable(asked: Sequence[AskedSet], unreadable: Mapping[str, str]) -> list[AskedSet]:
    """The sets, those that hold one of the `unreadable` images with what is wrong with it as their status."""
    found = []
    for one in asked:
        wrong = [unreadable[path] for path in one.table.path if path in unreadable]
        found.append(replace(one, status=wrong[0]) if wrong else one)
    return found


@dataclass(frozen=True)
class Embedded:
    """The vectors of a model: of texts by prompt, of images by whether they are squashed and path, and its
    temperature."""

    texts: Mapping[str, Vectors]
    images: Mapping[bool, Mapping[str, Vectors]]
    scale: float


def measure(asked: Sequence[AskedSet], models: Mapping[str, Embedded], rounds: int, seed: int) -> list[dict[str, Any]]:
    """Return a row of COLUMNS for each protocol, model and set, and for the mean over the sets that were measured.

    `score` is the protocol's metric with its interval over resampled images, or groups of them: of all prompts,
    averaged, or the median over those drawn, as the protocol says. `prompt_min`, `prompt_median` and `prompt_max` are
    over those drawn: how much hangs on the choice of prompts.
    """
    rows: list[dict[str, Any]] = []
    by_protocol: dict[str, list[AskedSet]] = {}
    for one in asked:
        by_protocol.setdefault(one.protocol.name, []).append(one)
    for own in by_protocol.values():
        for model, embedded in models.items():
            scores, sizes = [], []
            for number, one in enumerate(own):
                row, found = _row(one, embedded, rounds, [seed, number])
                rows.append({"model": model, **row})
                if found is not None:
                    scores.append(found)
                    sizes.append(row["images"])
            if scores:
                rows.append({"model": model, **_mean_row(own[0].protocol, scores, sizes)})
    return rows


def _row(one: AskedSet, embedded: Embedded, rounds: int, seed: list[int]) -> tuple[dict[str, Any], Estimate | None]:
    protocol = one.protocol
    row: dict[str, Any] = _heading(protocol) | {
        "set": one.name,
        "status": one.status,
        "classes": len(one.prompts),
        "chance": 1 / len(one.prompts),
        "class_names": "published" if one.name in protocol.published else "borrowed",
        "prompts": sum(map(len, one.prompts)),
        "split": protocol.evalsets[one.name].split,
    }
    if one.status != THERE or one.table.empty:
        return row | {"status": one.status if one.status != THERE else "no image on the measured side"}, None
    known = embedded.images[one.transform[1]]
    image = np.stack([known[path] for path in one.table.path])
    truth = one.table.label.to_numpy(np.int64)
    logits = image @ _classes(embedded, one.prompts).T
    drawn = np.stack([(image @ _classes(embedded, prompts).T).argmax(1) for prompts in one.drawn])
    counted = drawn if protocol.prompts == "sampled" else logits.argmax(1)[None]
    group = codes_of(one.table.group)
    found = score(truth, counted, len(one.prompts), protocol.metric, rounds, seed, group)
    spread = SCORES[protocol.metric](confusions(truth, drawn, len(one.prompts), np.ones(len(truth))))
    return row | {
        **found.metrics("score"),
        "prompt_min": float(spread.min()),
        "prompt_median": float(np.median(spread)),
        "prompt_max": float(spread.max()),
        "ece": calibration_error(truth, odds_of(logits, embedded.scale)),
        "images": len(truth),
        "classes_there": len(np.unique(truth)),
    }, found


def _heading(protocol: Protocol) -> dict[str, Any]:
    names = ("metric", "transform", "digest")
    return {"protocol": protocol.name, **{name: getattr(protocol, name) for name in names}}


def _mean_row(protocol: Protocol, scores: Sequence[Estimate], sizes: Sequence[int]) -> dict[str, Any]:
    """The mean over sets, whose images are drawn independently of each other."""
    weights = sizes if protocol.averaging == "images" else [1] * len(scores)
    mean = mean_of(scores, weights).metrics("score")
    return _heading(protocol) | {"set": "mean", "status": THERE, **mean, "images": sum(sizes)}


def _classes(embedded: Embedded, prompts: Sequence[Sequence[str]]) -> Vectors:
    return ensemble([np.stack([embedded.texts[prompt] for prompt in one]) for one in prompts])
