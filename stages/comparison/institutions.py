"""Across institutions: what a model loses on an institution's images when it has learned from none of its pairs."""

import logging
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from stages.common.data.arrays import Ints, Vectors
from stages.common.data.references import ImageReader
from stages.common.errors import StageError
from stages.common.evalsets.listing import measured_side
from stages.common.evalsets.protocol import HELD_OUT, Protocol, read_protocol
from stages.common.models.clip import Clip, load
from stages.common.models.device import pick_device
from stages.common.models.embed import embed_classes, embed_images, embed_texts
from stages.common.paths import QUILTNET_DIR
from stages.common.ranks import ranks_of
from stages.common.stage.params import Base, load_params
from stages.common.stats import Estimate, PairedBootstrap, codes_of, difference
from stages.common.tables.dataset import DATASET_TABLE
from stages.common.tables.embeddings import EVALSET
from stages.common.tables.query import rows_of
from stages.comparison.experiments import model_of_experiment
from stages.comparison.params import Params
from stages.comparison.scores import score
from stages.comparison.tables import write_table

log = logging.getLogger(__name__)

COLUMNS = [
    *("institution", "task", "set", "setting", "metric", "trained_with", "trained_with_low", "trained_with_high"),
    *("trained_without", "trained_without_low", "trained_without_high"),
    *("difference", "difference_low", "difference_high", "tested_on", "pairs_left_out", "experiment"),
]


def compare_institutions(params: Params, base: Base) -> dict[str, Any]:
    """Write reports/comparison/institutions.csv: for each of `comparison.institutions`, the scores of the workspace's
    model, and of the model of the experiment without-NAME, on what has its name in the column `institution`: images of
    the protocol's sets, and held-out pairs.

    Raises StageError where there is no such experiment at all, with the command that makes one, and where a model has
    learned from pairs that it is said to be without.
    """
    revisions = revisions_of(params.institutions)
    quiltnet, _ = load_params("quiltnet")
    pairs = DATASET_TABLE.read(DATASET_TABLE.at())
    train = pairs[pairs.split == "train"]
    learned = ids_of(train, quiltnet.subset, "quiltnet.subset")
    tested = Tested.of_run(base)
    clip, rows, missing = load(QUILTNET_DIR), [], []
    vectors = tested.held_out_vectors(clip)
    for name, query in params.institutions.items():
        own, revision = ids_of(train, query, f"comparison.institutions.{name}"), revisions[name]
        make = command(revision, query, quiltnet.subset)
        if not own & learned:
            raise StageError(f"comparison.institutions.{name}: the model has learned from no pair of '{query}'")
        found = model_of_experiment(revision)
        if found is None:
            missing.append(make)
            continue
        without, recipe = found
        if kept := own & ids_of(train, recipe.get("subset", ""), f"quiltnet.subset of {revision}"):
            raise StageError(f"{revision}: the model has learned from {len(kept)} pairs of '{query}': {make}")
        if other := changed(quiltnet.results(), recipe):
            raise StageError(
                f"{revision}: its model was tuned by another quiltnet.{other}, so the two differ in more "
                f"than pairs: {make}"
            )
        facts = {"institution": name, "pairs_left_out": len(own & learned), "experiment": revision}
        scores = [*tested.classes(name, clip, without), *tested.retrieval(name, vectors, without)]
        rows += [facts | row for row in scores]
    for make in missing:
        log.warning(f"no experiment yet: {make}")
    if len(missing) == len(params.institutions):
        raise StageError(f"comparison.institutions: no model was trained without one: {' '.join(missing[:1])}")
    write_table("institutions", rows, COLUMNS)
    return {"items": len(rows), "institutions": len(params.institutions) - len(missing), "missing": len(missing)}


def revisions_of(institutions: Iterable[str]) -> dict[str, str]:
    """The name of each institution's experiment. Raises StageError where two would have the same, or none."""
    found: dict[str, str] = {}
    for name in institutions:
        part = slug(name)
        if not part or f"without-{part}" in found.values():
            raise StageError(f"comparison.institutions.{name}: no experiment can be called 'without-{part}': rename it")
        found[name] = f"without-{part}"
    return found


def slug(name: str) -> str:
    """The name as part of the name of an experiment."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def command(revision: str, query: str, subset: str) -> str:
    """What trains the model without the pairs of `query`."""
    rest = f"({subset}) and not ({query})" if subset else f"not ({query})"
    quoted = re.sub(r"(\\*)('|$)", lambda end: 2 * end[1] + end[2].replace("'", "\\'"), rest)  # as Hydra reads it
    value = f"quiltnet.subset='{quoted}'"
    return f"dvc exp run --temp -n {revision} -S {shlex.quote(value)} quiltnet"


def changed(own: dict[str, Any], other: dict[str, Any]) -> str:
    """A parameter of training that two recipes do not share, with both values; empty where only their pairs differ. An
    experiment may be older than a parameter."""
    named = sorted(own.keys() & other.keys() - {"subset"})
    return next((f"{name}: {other[name]}, here {own[name]}" for name in named if own[name] != other[name]), "")


def ids_of(train: pd.DataFrame, query: str, what: str) -> set[str]:
    """Ids of the training pairs that a query finds; of all for an empty one."""
    return set((rows_of(train, query, what) if query else train).pair_id)


@dataclass(frozen=True)
class Tested:
    """What models are tested on, the measured images of each set and the held-out pairs, and how."""

    protocol: Protocol
    sides: dict[str, pd.DataFrame]
    held_out: pd.DataFrame
    recall_at: list[int]
    rounds: int
    base: Base
    batch_size: int

    @classmethod
    def of_run(cls, base: Base) -> "Tested":
        """By the parameters of the stages evaluation and embeddings."""
        (evaluation, _), (embeddings, _) = map(load_params, ("evaluation", "embeddings"))
        protocol, tables = read_protocol(evaluation.protocol, evaluation.evalsets)
        sides = {
            name: measured_side(table, protocol.evalsets[name].split)
            for name, table in tables.items()
            if not protocol.evalsets[name].pairs
        }
        path = EVALSET.at(name=HELD_OUT)
        held_out = EVALSET.read(path) if path.exists() else EVALSET.frame([])
        return cls(protocol, sides, held_out, evaluation.recall_at, evaluation.bootstrap, base, embeddings.batch_size)

    def classes(self, institution: str, *clips: Clip) -> Iterator[dict[str, Any]]:
        """Zero-shot scores of two models on each set that has images of the institution."""
        device = pick_device(self.base.device)
        for name, side in self.sides.items():
            rows = side[side.institution == institution]
            if rows.empty:
                continue
            prompts, predicted = self.protocol.prompts_of(name), []
            for clip in clips:
                text = embed_classes(clip, prompts, self.batch_size, device)
                predicted.append((self._images(clip, rows.path.tolist()) @ text.T).argmax(1))
            scores = classified(predicted, rows, len(prompts), self.protocol.metric, self.rounds, self.base.seed)
            yield {"task": "zero_shot", "set": name, "metric": self.protocol.metric} | scores

    def retrieval(
        self, institution: str, vectors: tuple[Vectors, Vectors] | None, without: Clip
    ) -> Iterator[dict[str, Any]]:
        """Recalls of two models for the held-out pairs of the institution; the first one's vectors are there."""
        other = self.held_out_vectors(without) if (self.held_out.institution == institution).any() else None
        if vectors and other:
            both = (vectors, other)
            for scores in recalled(both, self.held_out, institution, self.recall_at, self.rounds, self.base.seed):
                yield {"task": "retrieval", "set": HELD_OUT} | scores

    def held_out_vectors(self, clip: Clip) -> tuple[Vectors, Vectors] | None:
        """Unit vectors of the images of held-out pairs, in their order, and of their texts, sorted; None without."""
        if self.held_out.empty:
            return None
        texts = sorted(self.held_out.text.unique())
        image = self._images(clip, self.held_out.path.unique().tolist())
        return image, embed_texts(clip, texts, self.batch_size, pick_device(self.base.device))

    def _images(self, clip: Clip, paths: Sequence[str]) -> Vectors:
        read, device, squash = ImageReader().read, pick_device(self.base.device), self.protocol.transform == "squash"
        return embed_images(clip, paths, read, self.batch_size, device, self.base.jobs, squash=squash)


def classified(
    predicted: Sequence[Ints], rows: pd.DataFrame, classes: int, metric: str, rounds: int, seed: int
) -> dict[str, Any]:
    """Scores of what two models predict for these images, and their difference."""
    truth, group = rows.label.to_numpy(np.int64), codes_of(rows.group)
    scores = [score(truth, found[None], classes, metric, rounds, seed, group) for found in predicted]
    return _compared(scores[0], scores[1], len(rows))


def recalled(
    vectors: Sequence[tuple[Vectors, Vectors]],
    pairs: pd.DataFrame,
    institution: str,
    recall_at: Sequence[int],
    rounds: int,
    seed: int,
) -> Iterator[dict[str, Any]]:
    """Recalls at k of two models for queries of one institution among the candidates of all, and their differences.

    `vectors` are of the images of `pairs`, in their order, and of their texts, sorted. Equal texts are one text, of the
    institution of its first image.
    """
    images, texts = pd.factorize(pairs.path)[0], pd.factorize(pairs.text, sort=True)[0]
    matches = np.unique(np.stack([images, texts], 1).astype(np.int64), axis=0)
    first = pairs.drop_duplicates("path")
    own, group = (first.institution == institution).to_numpy(), codes_of(first.group)
    for way, side in (("image_to_text", 0), ("text_to_image", 1)):
        turned = matches[:, [side, 1 - side]]
        ranks = [ranks_of(both[side], both[1 - side], turned) for both in vectors]
        _, row = np.unique(turned[:, 0], return_index=True)  # of the query's first match
        image_of = matches[row, 0]
        asked = own[image_of]
        for k in recall_at:
            groups = None if group is None else group[image_of][asked]
            hits = PairedBootstrap([found.within(k)[asked] for found in ranks], rounds, seed, groups)
            compared = _compared(hits.share(0), hits.share(1), int(asked.sum()))
            yield {"setting": way, "metric": f"r{k}"} | compared


def _compared(learned: Estimate, without: Estimate, count: int) -> dict[str, Any]:
    return {
        **learned.metrics("trained_with"),
        **without.metrics("trained_without"),
        **difference(learned, without).metrics("difference"),
        "tested_on": count,
    }
