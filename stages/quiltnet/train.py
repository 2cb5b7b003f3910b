"""Fine-tune CLIP on the shards with open_clip's loss, transforms and schedule."""

import math
from pathlib import Path
from typing import Any

import pandas as pd

from stages.common.clip import Clip, build, save
from stages.common.errors import StageError
from stages.common.files import write_bytes, write_json
from stages.quiltnet.data import Samples, count_samples
from stages.quiltnet.params import Params


def train(block: Params, data: Path, out: Path, metrics: Path, curve: Path, device: str, seed: int) -> dict[str, Any]:
    """Tune the model of `block` on `data`/train-*.tar, save it to `out`, its loss curve to `curve`; return counts."""
    import torch
    from open_clip import ClipLoss
    from open_clip_train.scheduler import cosine_lr
    from tqdm import tqdm

    clip = build(block.model, block.start, seed)
    # Convolutions run about twice as fast on two cores with channels last.
    model = clip.model.to(device, memory_format=torch.channels_last)
    if block.lock_text:
        _lock_text(model)
    count = count_samples(data, "train")
    steps = math.ceil(count / block.batch_size) * block.epochs
    optimizer = torch.optim.AdamW(
        _groups(model, block.weight_decay), lr=block.lr, betas=(block.beta1, block.beta2), eps=block.eps
    )
    schedule = cosine_lr(optimizer, block.lr, min(block.warmup, steps // 2), max(steps, 1))
    loss_of, step = ClipLoss(), 0
    rows: list[dict[str, Any]] = []
    with tqdm(total=block.epochs * count, desc="quiltnet", unit="sample") as bar:
        for epoch in range(block.epochs):
            losses = []
            torch.manual_seed(seed * 1_000_003 + epoch)
            for pixels, tokens in _samples(clip, data, "train", block, seed, epoch).batches(
                block.batch_size, block.workers
            ):
                model.train()
                schedule(step)
                loss = _loss(model, loss_of, pixels.to(device), tokens.to(device), device)
                _check(loss, step, epoch)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                model.logit_scale.data.clamp_(0, math.log(100))
                losses.append(float(loss))
                step += 1
                bar.update(len(pixels))
            rows.append(
                {
                    "epoch": epoch + 1,
                    "train": sum(losses) / len(losses),
                    "val": _validate(clip, data, block, seed, device),
                }
            )
            bar.set_postfix(rows[-1])
    save(clip, out)
    table = pd.DataFrame(rows, columns=["epoch", "train", "val"])
    write_bytes(curve, table.round(6).to_csv(index=False).encode())
    last: dict[str, Any] = rows[-1] if rows else {"train": None, "val": None}
    facts = {
        "train_loss": last["train"],
        "val_loss": last["val"],
        "gap": None if last["val"] is None else last["val"] - last["train"],
        "logit_scale": float(model.logit_scale.exp()),
        "images": count,
        "steps": step,
        "parameters": sum(p.numel() for p in model.parameters()),
        "tuned_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
    }
    write_json(metrics, facts)
    return {"items": count * block.epochs, "steps": step, "train_loss": round(last["train"], 3) if rows else "-"}


def _samples(clip: Clip, data: Path, split: str, block: Params, seed: int, epoch: int) -> Samples:
    transform = clip.transform(scale=(block.crop_scale, 1.0)) if split == "train" else clip.transform()
    return Samples(data, split, transform, clip.tokenizer, seed, epoch)


def _loss(model: Any, loss_of: Any, pixels: Any, tokens: Any, device: str) -> Any:
    import torch

    with torch.autocast(device, dtype=torch.bfloat16, enabled=device == "cuda"):
        images, texts, scale = model(pixels.contiguous(memory_format=torch.channels_last), tokens)[:3]
    return loss_of(images.float(), texts.float(), scale)


def _validate(clip: Clip, data: Path, block: Params, seed: int, device: str) -> float | None:
    """Mean contrastive loss over the val split, None where it is empty."""
    import torch
    from open_clip import ClipLoss

    if not list(data.glob("val-*.tar")):
        return None
    clip.model.eval()
    with torch.inference_mode():
        losses = [
            float(_loss(clip.model, ClipLoss(), pixels.to(device), tokens.to(device), device))
            for pixels, tokens in _samples(clip, data, "val", block, seed, 0).batches(block.batch_size, 0)
        ]
    return sum(losses) / len(losses) if losses else None


def _groups(model: Any, weight_decay: float) -> list[dict[str, Any]]:
    """Weights decay, gains, biases and the temperature do not (as in open_clip)."""
    tuned = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in tuned if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in tuned if p.ndim < 2], "weight_decay": 0.0},
    ]


def _lock_text(model: Any) -> None:
    """Keep the text tower as it is; its projection is still tuned."""
    tower = getattr(getattr(model, "text", None), "transformer", None)
    if tower is None:
        raise StageError("quiltnet.lock_text: this model has no separate text tower: set it to false")
    for parameter in tower.parameters():
        parameter.requires_grad = False


def _check(loss: Any, step: int, epoch: int) -> None:
    import torch

    if not torch.isfinite(loss):
        raise StageError(
            f"loss is {float(loss)} at step {step} of epoch {epoch + 1}: lower quiltnet.lr or raise quiltnet.warmup"
        )
