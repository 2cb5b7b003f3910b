"""The vectors of one model: of the images, and of the texts or classes, of every set."""

import functools
from dataclasses import dataclass

import pandas as pd

from stages.common.data.references import ImageReader
from stages.common.evalsets.protocol import Protocol
from stages.common.models.clip import Clip
from stages.common.models.embed import Tower, embed_classes, embed_images, embed_texts, image_tower
from stages.common.models.vectors import VectorCache, key_of, tokens_of


@dataclass
class Embedder:
    """Embeds sets with the model `name` and keeps the vectors in `cache`. `made_by` is a digest of the model and of the
    code, for their keys."""

    name: str
    clip: Clip
    made_by: str
    cache: VectorCache
    protocol: Protocol
    batch_size: int
    device: str
    jobs: int

    @functools.cached_property
    def _tower(self) -> Tower:
        """Prepared once for all sets, and only when one has to be embedded."""
        return image_tower(self.clip, self.batch_size, self.device)

    def embed(self, evalset: str, table: pd.DataFrame, contents: str) -> int:
        """Keep the vectors of a set, and return how many of its two files stay as they were.

        `contents` is a digest of the set's images. Images are in order of `table.path.unique()`; texts in that of the
        classes, or of the sorted unique texts.
        """
        name = f"{self.name}/{evalset}"
        stay = [self._keep_images(name, table, evalset, contents), self._keep_texts(name, table, evalset)]
        return sum(stay)

    def _keep_images(self, name: str, table: pd.DataFrame, evalset: str, contents: str) -> bool:
        images = table.path.unique().tolist()
        squash = self.protocol.transform == "squash"
        return self.cache.keep(
            f"{name}.images.safetensors",
            key_of([self.made_by, contents], squash),
            lambda: embed_images(
                self.clip,
                images,
                ImageReader().read,
                self.batch_size,
                self.device,
                self.jobs,
                squash=squash,
                tower=self._tower,
                title=f"images of {evalset}, {self.name}",
            ),
        )

    def _keep_texts(self, name: str, table: pd.DataFrame, evalset: str) -> bool:
        labelled = self.protocol.evalsets.get(evalset)
        prompts = self.protocol.prompts_of(evalset) if labelled else []
        texts = [prompt for one in prompts for prompt in one] or sorted(table.text.unique())
        return self.cache.keep(
            f"{name}.texts.safetensors",
            key_of([self.made_by], prompts, texts, tokens_of(self.clip, texts)),
            lambda: (
                embed_classes(self.clip, prompts, self.batch_size, self.device)
                if prompts
                else embed_texts(self.clip, texts, self.batch_size, self.device)
            ),
        )
