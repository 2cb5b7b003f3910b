"""Normalised image and text embeddings of one model."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from PIL import Image

from stages.common.clip import Clip, Vectors, embed_texts


def embed_images(clip: Clip, images: Sequence[bytes], batch_size: int, device: str, jobs: int) -> Vectors:
    """Return one unit vector a row for encoded images, under the model's evaluation transform."""
    import torch
    from tqdm import tqdm

    transform, rows = clip.transform(), []
    model = clip.model.to(device, memory_format=torch.channels_last).eval()
    with Parallel(n_jobs=jobs, backend="threading") as pool, torch.inference_mode():
        for begin in tqdm(range(0, len(images), batch_size), desc="images", unit="batch", leave=False):
            pixels = torch.stack(pool(delayed(_pixels)(data, transform) for data in images[begin : begin + batch_size]))
            vectors = model.encode_image(
                pixels.to(device).contiguous(memory_format=torch.channels_last), normalize=True
            )
            rows.append(vectors.float().cpu().numpy())
    return np.concatenate(rows)


def embed_classes(clip: Clip, names: Sequence[str], templates: Sequence[str], device: str) -> Vectors:
    """Return one unit vector a class: the mean of its templates' embeddings, normalised again (section 10a)."""
    prompts = [template.format(c=name) for name in names for template in templates]
    vectors = embed_texts(clip, prompts, len(templates) * 16, device).reshape(len(names), len(templates), -1).mean(1)
    unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def write(path: Path, arrays: dict[str, Any]) -> None:
    """Write named arrays as safetensors."""
    from safetensors.numpy import save

    from stages.common.files import write_bytes

    write_bytes(path, save({name: np.ascontiguousarray(value) for name, value in arrays.items()}))


def _pixels(data: bytes, transform: Any) -> Any:
    with Image.open(io.BytesIO(data)) as image:
        return transform(image.convert("RGB"))
