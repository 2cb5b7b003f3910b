"""Embed the evalsets and the test split with the model before and after fine-tuning: data/embeddings out."""

import json
from pathlib import Path
from typing import Any

from stages.common.cli import run_stage
from stages.common.params import Base
from stages.embeddings.params import Params

OUT, DATASET, TUNED = Path("data/embeddings"), Path("data/dataset"), Path("models/quiltnet")
SPLITS = {"train": 0, "validation": 1, "test": 2, "": 3}


def make(block: Params, base: Base) -> dict[str, Any]:
    """Embed everything that evaluation needs, once per model and set."""
    from stages.common.clip import build, load
    from stages.common.device import pick_device
    from stages.common.evalsets import load_protocol, read_evalset
    from stages.common.params import load as load_block

    quiltnet, _ = load_block("quiltnet")
    evaluation, _ = load_block("evaluation")
    device = pick_device(base.device)
    protocol = load_protocol(evaluation.protocol)
    sets = {name: read_evalset(Path(evaluation.evalsets), name, one) for name, one in protocol.evalsets.items()}
    held_out = _held_out()
    done = 0
    for model in ("start", "tuned"):
        clip = build(quiltnet.model, quiltnet.start, base.seed) if model == "start" else load(TUNED)
        for name, table in sets.items():
            _evalset(clip, model, name, table, protocol, block.batch_size, device, base.jobs)
            done += len(table)
        done += _retrieval(clip, model, held_out, block.batch_size, device, base.jobs)
    return {"items": done, "evalsets": len(sets), "held_out_images": len(held_out)}


def _evalset(
    clip: Any, model: str, name: str, table: Any, protocol: Any, batch_size: int, device: str, jobs: int
) -> None:
    """Write image, label, split and class vectors of one evalset."""
    import numpy as np

    from stages.embeddings.embed import embed_classes, embed_images, write

    images = [Path(path).read_bytes() for path in table.path]
    arrays = {
        "image": embed_images(clip, images, batch_size, device, jobs),
        "label": table.label.to_numpy(np.int64),
        "split": table.split.map(SPLITS).to_numpy(np.int64),
        "text": embed_classes(clip, list(protocol.evalsets[name].classes.values()), protocol.templates, device),
    }
    write(OUT / model / f"{name}.safetensors", arrays)


def _held_out() -> list[tuple[bytes, list[str]]]:
    """Images of the test split, each with all its texts."""
    from stages.common.files import read_tar

    samples = []
    for shard in sorted(DATASET.glob("test-*.tar")):
        members = read_tar(shard)
        samples += [
            (data, json.loads(members[name.replace(".jpg", ".json")])["texts"])
            for name, data in members.items()
            if name.endswith(".jpg")
        ]
    return samples


def _retrieval(
    clip: Any, model: str, samples: list[tuple[bytes, list[str]]], batch_size: int, device: str, jobs: int
) -> int:
    """Write image and text vectors of the held-out pairs, and which match; equal texts are one text."""
    import numpy as np

    from stages.embeddings.embed import embed_images, embed_texts, write

    if not samples:
        return 0
    texts = sorted({text for _, own in samples for text in own})
    number = {text: n for n, text in enumerate(texts)}
    matches = np.array([(i, number[text]) for i, (_, own) in enumerate(samples) for text in own], np.int64)
    arrays = {
        "image": embed_images(clip, [data for data, _ in samples], batch_size, device, jobs),
        "text": embed_texts(clip, texts, batch_size, device),
        "matches": np.unique(matches, axis=0),
    }
    write(OUT / model / "held_out.safetensors", arrays)
    return len(samples)


if __name__ == "__main__":
    run_stage("embeddings", make, __doc__)
