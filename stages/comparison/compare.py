"""The command that makes the table of protocols: embeds what they ask for, measures, and writes it down."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from stages.common.data.arrays import Vectors
from stages.common.data.files import write_bytes
from stages.common.data.references import ImageReader
from stages.common.errors import StageError
from stages.common.evalsets.protocol import load_protocol
from stages.common.models.clip import Clip
from stages.common.models.compared import compared_models, vectors_made_by
from stages.common.models.device import pick_device
from stages.common.models.embed import UnreadableImageError, embed_images, embed_texts, image_tower
from stages.common.models.vectors import VectorCache, files_digest, key_of, tokens_of
from stages.common.paths import COMPARISON_DIR, QUILTNET_DIR, VECTORS_DIR
from stages.common.stage.params import Base, load_params
from stages.comparison.params import Params
from stages.comparison.protocols import (
    COLUMNS,
    THERE,
    AskedSet,
    Embedded,
    all_images,
    all_prompts,
    asked_sets,
    load_protocols,
    measure,
    without_unreadable,
)
from stages.comparison.tables import write_table


def compare_protocols(params: Params, base: Base) -> dict[str, Any]:
    """Write reports/comparison/protocols.csv and .md: every model under every protocol of `comparison.protocols`.

    Vectors are kept in VECTORS_DIR: a prompt that several protocols share is embedded once, and so is an image for each
    transform.
    """
    protocols = load_protocols(params.protocols)
    (evaluation, _), (quiltnet, _), (embeddings, _) = map(load_params, ("evaluation", "quiltnet", "embeddings"))
    asked = list(asked_sets(protocols, load_protocol(evaluation.protocol), Path(evaluation.evalsets), base.seed))
    if not all_images(asked):
        raise StageError(f"evaluation.evalsets: no set of comparison.protocols can be read below {evaluation.evalsets}")
    cache = VectorCache(VECTORS_DIR, VECTORS_DIR / "keys.json")
    models = compared_models(quiltnet.model, quiltnet.start, base.seed, QUILTNET_DIR, embeddings.others)
    device = pick_device(base.device)
    contents = {one: files_digest(paths) for one, paths in all_images(asked).items()}
    unreadable: dict[str, str] = {}
    embedded = {
        name: _embed(name, build(), asked, contents, cache, embeddings.batch_size, device, base.jobs, unreadable)
        for name, build in models.items()
    }
    cache.close()
    rows = measure(without_unreadable(asked, unreadable), embedded, evaluation.bootstrap, base.seed)
    table = write_table("protocols", rows, COLUMNS)
    write_bytes(COMPARISON_DIR / "protocols.md", _page(table).encode())
    measured = table[(table.status == THERE) & (table.set != "mean")]
    return {
        "items": len(measured),
        "protocols": len(protocols),
        "models": len(models),
        "prompts": len(all_prompts(asked)),
    }


def _embed(
    name: str,
    clip: Clip,
    asked: Sequence[AskedSet],
    contents: dict[tuple[str, bool], str],
    cache: VectorCache,
    batch_size: int,
    device: str,
    jobs: int,
    unreadable: dict[str, str],
) -> Embedded:
    """All vectors of one model that the sets need, each made once. Images of a set with one that cannot be decoded have
    none: they are added to `unreadable`, with the reason."""
    made_by, prompts = vectors_made_by(name, clip), all_prompts(asked)
    images: dict[bool, dict[str, Vectors]] = {False: {}, True: {}}
    texts = cache.get(
        f"{name}/texts.safetensors",
        key_of(made_by, prompts, tokens_of(clip, prompts)),
        lambda: embed_texts(clip, prompts, batch_size, device),
    )
    tower = functools.cache(lambda: image_tower(clip, batch_size, device))
    for (evalset, squash), paths in all_images(asked).items():

        def vectors(evalset: str = evalset, paths: list[str] = paths, squash: bool = squash) -> Vectors:
            read, title = ImageReader().read, f"images of {evalset}, {name}"
            return embed_images(clip, paths, read, batch_size, device, jobs, squash=squash, tower=tower(), title=title)

        file = f"{name}/{evalset}.{'squash' if squash else 'model'}.safetensors"
        try:
            found = cache.get(file, key_of(made_by, contents[evalset, squash]), vectors)
        except UnreadableImageError as error:
            unreadable |= dict.fromkeys(paths, str(error))
        else:
            images[squash] |= zip(paths, found, strict=True)
    scale = float(clip.model.logit_scale.detach().exp())
    return Embedded(dict(zip(prompts, texts, strict=True)), images, scale)


def _page(table: pd.DataFrame) -> str:
    """A table per model in Markdown: protocols down, sets across."""
    shown = table[table.status == THERE]
    sets = [name for name in shown.set.unique() if name != "mean"]
    lines = [
        "# The same models under many protocols",
        "",
        "Score in the protocol's own metric, with its 95 % interval.",
    ]
    for model in shown.model.unique():
        own = shown[shown.model == model].set_index(["protocol", "set"])
        lines += ["", f"## {model}", "", f"| protocol | metric | {' | '.join([*sets, 'mean'])} |"]
        lines += ["|---" * (len(sets) + 3) + "|"]
        for protocol in own.index.get_level_values(0).unique():
            cells = [_cell(own, protocol, name) for name in [*sets, "mean"]]
            lines += [f"| {protocol} | {own.loc[protocol].metric.iloc[0]} | {' | '.join(cells)} |"]
    return "\n".join(lines) + "\n"


def _cell(table: pd.DataFrame, protocol: str, name: str) -> str:
    if (protocol, name) not in table.index:
        return "not measured"
    row = table.loc[protocol, name]
    return f"{row.score:.3f} ({row.score_low:.3f} to {row.score_high:.3f})"
