"""Zero-shot classification while a run trains: points of its curves."""

import logging
from pathlib import Path
from typing import Any

import numpy as np

from stages.common.data.references import ImageReader
from stages.common.errors import StageError
from stages.common.evalsets.protocol import load_protocol, read_sets
from stages.common.models.clip import Clip
from stages.common.models.embed import UnreadableImageError, embed_classes, embed_images
from stages.common.scores import SCORES
from stages.quiltnet.params import Params

log = logging.getLogger(__name__)

BATCH = 64  # images or prompts at once


class ZeroShot:
    """Scores a model, as its weights are now, on the sets with classes of a protocol."""

    def __init__(self, params: Params, clip: Clip, device: str) -> None:
        path = params.zero_shot_protocol
        self.clip, self.device, self.jobs = clip, device, max(1, params.workers)
        if not Path(path).is_file():
            raise StageError(f"quiltnet.zero_shot_protocol: {path} not found: see protocols/ for those there are")
        self.protocol = load_protocol(path)
        self.sets = {}
        tables, failed = read_sets(self.protocol, path, params.zero_shot_evalsets)
        for name, why in failed.items():
            log.warning(f"quiltnet.zero_shot_protocol: without {name}: {why}")
        for name, table in tables.items():
            evalset = self.protocol.evalsets[name]
            there = evalset.split == "all" or (table.split == "").all()
            rows = table[(table.label >= 0) & (there | (table.split == evalset.split))]
            if not evalset.pairs and len(rows):
                self.sets[name] = rows.drop_duplicates("path")
        if not self.sets:
            raise StageError(f"quiltnet.zero_shot_protocol: {path} has no set with classes that is there")

    def scores(self, when: str) -> dict[str, float]:
        """The protocol's metric on each set and the mean over sets, as points of curves; `when` is for the log."""
        found = {}
        for name in list(self.sets):
            try:
                found[name] = self._score(name)
            except UnreadableImageError as error:
                self._leave_out(name, error)
        sizes = [len(rows) if self.protocol.averaging == "images" else 1 for rows in self.sets.values()]
        found["mean"] = float(np.average(list(found.values()), weights=sizes))
        log.info("%s, zero-shot %s: %s", when, self.protocol.metric, _shown(found))
        return {f"zero_shot/{name}": value for name, value in found.items()}

    def _score(self, name: str) -> float:
        rows, prompts = self.sets[name], self.protocol.prompts_of(name)
        module = self.clip.model.eval()

        def tower(pixels: Any) -> Any:
            return module.encode_image(pixels.to(self.device), normalize=True).float().cpu().numpy()

        squash, images = self.protocol.transform == "squash", rows.path.tolist()
        read, title = ImageReader().read, f"images of {name}"
        image = embed_images(
            self.clip, images, read, BATCH, self.device, self.jobs, squash=squash, tower=tower, title=title
        )
        text = embed_classes(self.clip, prompts, BATCH, self.device)
        confusion = np.zeros((len(prompts), len(prompts)))
        np.add.at(confusion, (rows.label.to_numpy(), (image @ text.T).argmax(1)), 1)
        return float(SCORES[self.protocol.metric](confusion))

    def _leave_out(self, name: str, why: Exception) -> None:
        """Score a set no more, where the protocol allows it and others are left: a run is worth more than a curve."""
        message = f"quiltnet.zero_shot_protocol: evalset {name}: {why}"
        if self.protocol.missing == "fail" or len(self.sets) == 1:
            raise StageError(message)
        log.warning(message)
        del self.sets[name]


def _shown(scores: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in scores.items())
