"""Fine-tune CLIP on the shards, with open_clip's models, loss, transforms and schedule."""

import logging
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from stages.common.data.files import write_bytes, write_json
from stages.common.errors import StageError
from stages.common.incremental.dependencies import Dependencies
from stages.common.models.clip import build, save
from stages.quiltnet.card import write_card
from stages.quiltnet.checkpoints import Checkpoints, data_digest
from stages.quiltnet.distributed import DistributedContext
from stages.quiltnet.loader import Loader, SampleView, as_bytes
from stages.quiltnet.loss import make_loss
from stages.quiltnet.params import Params
from stages.quiltnet.samples import Samples, batches_of, order_of, read_samples, subset_of
from stages.quiltnet.step import Stepper, interpolate, make_optimizer, set_rate
from stages.quiltnet.towers import load_teacher, prepare
from stages.quiltnet.tracker import Tracker
from stages.quiltnet.zero_shot import ZeroShot

log = logging.getLogger(__name__)

TRAIN, VAL = "train", "val"
BY_TIMM, BY_OPEN_CLIP = {"ratio", "re_prob", "re_count"}, {"color_jitter_prob", "gray_scale_prob"}  # parts of aug_cfg
JITTERED = 0.8  # share of crops whose colours vary


@dataclass(frozen=True)
class Places:
    """Files and folders of one training."""

    data: Path  # shards and pairs.parquet
    out: Path  # the model
    state: Path  # checkpoints that an interrupted run resumes from
    metrics: Path
    curve: Path  # losses by epoch, CSV
    live: Path  # DVCLive's folder


def train(params: Params, places: Places, context: DistributedContext, seed: int, note: str = "") -> dict[str, Any]:
    """Tune the model of `params` and write what `places` names; return counts.

    An interrupted run of the same parameters, data and code resumes where it was, and ends with the same weights.
    Raises StageError for a loss that is not finite; the last state before it is kept.
    """
    run = Run(params, places, context, seed)
    while run.state.epoch < params.epochs:
        run.epoch()
    run.finish()
    counts = {"items": run.seen, "steps": run.state.step, "stepping": run.seconds, "waited": run.waited}
    counts |= {name: round(counts[name], 2) for name in ("stepping", "waited")}
    if context.first:
        facts = run.facts()
        save(run.clip, places.out)
        run.save_epochs()
        write_card(places.out, run.clip, params, facts, note)
        epochs = pd.DataFrame(run.state.epochs, columns=["epoch", "train", "val"])
        write_bytes(places.curve, epochs.round(6).to_csv(index=False).encode())
        write_json(places.metrics, facts)
        run.checkpoints.clear()
    context.wait()
    return counts


class Run:
    """One training under way: what it works with, and its state."""

    def __init__(self, params: Params, places: Places, context: DistributedContext, seed: int) -> None:
        import torch

        self.params, self.places, self.context, self.seed = params, places, context, seed
        siglip = params.loss == "siglip"
        self.clip = build(params.model, params.start, seed, patch_dropout=params.patch_dropout, siglip=siglip)
        module = self.clip.model.to(context.device, memory_format=torch.channels_last)
        self.start = (
            {name: tensor.clone() for name, tensor in module.state_dict().items()} if params.wise_ft < 1 else {}
        )
        rates = prepare(module, params, context)
        self.samples = read_samples(places.data, TRAIN, subset_of(places.data / "pairs.parquet", params.subset))
        held = any(places.data.glob("val-*.tar"))
        self.held: Samples | None = read_samples(places.data, VAL) if held and context.first else None
        self.pairs = params.epoch_of == "pairs"
        views = {
            TRAIN: SampleView(
                self.samples, as_bytes(self._transform(True)), self.clip.tokenizer, seed, True, self.pairs
            )
        }
        if self.held:
            views[VAL] = SampleView(self.held, as_bytes(self._transform(False)), self.clip.tokenizer, seed, False)
        self.loader = Loader(views, params.workers, params.batch_size // context.world)
        optimizer = make_optimizer(module, params, context.device, rates)
        self.digest = data_digest(places.data)
        needs = Dependencies(code=(Run, build), params=params, libraries=("torch", "open_clip_torch"))
        self.checkpoints = Checkpoints(places.state, f"{needs.digest()} {seed} {self.digest}")
        self.state = self.checkpoints.load(module, optimizer, context.device)
        if not context.agree((self.digest, self.state.step)):
            raise StageError(f"nodes differ in {places.data} or {places.state}: put these on a disk that they share")
        model = context.wrap(torch.compile(module) if params.compile else module)
        loss = make_loss(params, context.rank, context.world)
        teacher = load_teacher(self.clip, params.teacher, context.device) if params.teacher else None
        normalize = self.clip.transform().transforms[-1]
        self.stepper = Stepper(module, model, loss, optimizer, params, context, teacher, normalize)
        self.alone = Stepper(module, module, make_loss(params, 0, 1), None, params, context, teacher, normalize)
        self.zero_shot = (
            ZeroShot(params, self.clip, context.device) if params.zero_shot_epochs and context.first else None
        )
        self.tracker = Tracker(places.live, params.tracker) if context.first else None
        for row in self.state.rows:
            self._track(row)
        self.seen, self.seconds, self.waited = 0, 0.0, 0.0

    def epoch(self) -> None:
        """Learn from every image or pair once, or from the rest of an interrupted epoch; then validate."""
        import torch
        from open_clip_train.scheduler import cosine_lr
        from tqdm import tqdm

        params, state, context = self.params, self.state, self.context
        order = order_of(self.samples, self.seed, state.epoch, self.pairs, params.source_weights)
        every = batches_of(order, params.batch_size, context.rank, context.world)
        if not every:
            raise StageError(
                f"{self.places.data}: {len(order)} sample to learn from, which has no negatives, or fewer than "
                "processes: check quiltnet.subset"
            )
        steps = len(every) * params.epochs
        schedule = cosine_lr(self.stepper.optimizer, params.lr, min(params.warmup, steps // 2), max(steps, 1))
        batches = self.loader.batches(TRAIN, state.epoch, every[state.batch :])
        title = f"epoch {state.epoch + 1}/{params.epochs}"
        began = time.perf_counter()
        done = state.batch * params.batch_size
        with tqdm(total=len(order), initial=done, desc=title, unit="sample", disable=not context.first) as bar:
            for batch in batches:
                self.waited += time.perf_counter() - began
                set_rate(self.stepper.optimizer, schedule(state.step))
                torch.manual_seed((self.seed * 1_000_003 + state.step) * 1009 + context.rank)  # dropout
                loss, left_out = self.stepper.step(batch)
                # These stay tensors until they are logged, so that no step waits for the GPU.
                learned = len(batch[0]) * context.world - left_out
                state.loss_sum = state.loss_sum + loss.double() * learned
                state.loss_count, state.broken = state.loss_count + learned, state.broken + left_out
                state.step, state.batch = state.step + 1, state.batch + 1
                self.seen += len(batch[0]) * context.world
                bar.update(len(batch[0]) * context.world)
                saving = state.step % params.save_steps == 0
                if saving or state.step % params.log_steps == 0 or state.batch == len(every):
                    self._log(title, len(every), bar, began)  # also checks that the loss is finite, before it is saved
                if saving:
                    self._save()
                self.seconds += time.perf_counter() - began
                began = time.perf_counter()
        self._close_epoch()

    def _close_epoch(self) -> None:
        """Validate, and keep the weights if they are the best. All epochs are trained: there is no early stopping."""
        state = self.state
        row = {"epoch": state.epoch + 1, "train": self._mean_loss(), "val": self._validate()}
        state.epochs.append(row)
        shown = {"val/loss": row["val"]} if row["val"] else {}
        if self.zero_shot and (state.epoch + 1) % self.params.zero_shot_epochs == 0:
            shown |= self.zero_shot.scores(f"epoch {state.epoch + 1}")
        self._note({"step": state.step} | shown)
        state.epoch, state.batch, state.loss_sum, state.loss_count = state.epoch + 1, 0, 0.0, 0
        better = row["val"] is None or state.best_val is None or row["val"] < state.best_val
        if self.params.keep == "last" or better:
            state.best_epoch, state.best_val = state.epoch, row["val"]
            if self.context.first:
                self.checkpoints.save_best(self.stepper.module)
        if self.context.first and self.params.save_epochs and state.epoch % self.params.save_epochs == 0:
            self.checkpoints.save_epoch(state.epoch, self.stepper.module, self.params.save_limit)
        self._save()

    def finish(self) -> None:
        """Set the model to the weights that are kept."""
        module = self.stepper.module
        if self.context.first and self.state.best_epoch:
            self.checkpoints.load_best(module, self.context.device)
            if self.start:
                module.load_state_dict(interpolate(self.start, module.state_dict(), self.params.wise_ft))
        if self.tracker:
            self.tracker.close()

    def save_epochs(self) -> None:
        """Write the models of the epochs that are kept besides, and leave the last of them in place."""
        for epoch in self.checkpoints.load_epochs(self.stepper.module, self.context.device):
            save(self.clip, self.places.out / "epochs" / f"{epoch:04d}")

    def facts(self) -> dict[str, Any]:
        """The metrics of the run; `val_loss` is that of the weights that are saved."""
        state, module = self.state, self.stepper.module
        best = state.epochs[state.best_epoch - 1] if state.best_epoch else {"train": None}
        val = self._validate() if self.start or not state.best_epoch else best["val"]
        return {
            "train_loss": best["train"],
            "val_loss": val,
            "gap": None if val is None or best["train"] is None else val - best["train"],
            "best_epoch": state.best_epoch,
            "logit_scale": float(module.logit_scale.detach().exp()),
            "images": len(self.samples),
            "texts": len(self.samples.texts),
            "steps": state.step,
            "skipped": self.samples.skipped | {"unreadable_image": state.broken},
            "parameters": sum(p.numel() for p in module.parameters()),
            "tuned_parameters": sum(p.numel() for p in module.parameters() if p.requires_grad),
            "data": self.digest,
        }

    def _transform(self, augmented: bool) -> Any:
        """open_clip's transform; with data augmentation a random crop and colour jitter, and no flip or rotation."""
        if not augmented:
            return self.clip.transform()
        share = self.params.color_jitter
        jitter: dict[str, Any] = (
            {"color_jitter": (share, share, share, share / 6), "color_jitter_prob": JITTERED} if share else {}
        )
        given = self.params.aug_cfg
        if unused := sorted(set(given) & (BY_OPEN_CLIP if given.get("use_timm") else BY_TIMM)):
            raise StageError(f"quiltnet.aug_cfg: {unused[0]} does nothing with use_timm as it is: change one of them")
        whole = {"scale": (self.params.crop_scale, 1.0)} | jitter | given
        if "color_jitter" in given and not (given.get("use_timm") or whole.get("color_jitter_prob")):
            raise StageError("quiltnet.aug_cfg: color_jitter does nothing without color_jitter_prob: give it, too")
        try:
            transform = self.clip.transform(**whole)
            transform(Image.new("RGB", (256, 256)))  # some values are looked at no earlier
        except (TypeError, AssertionError, ValueError, LookupError, RuntimeError) as error:
            why = " ".join(str(error).split()) or "a number is out of its range"
            raise StageError(f"quiltnet.aug_cfg: open_clip cannot augment by {given}: {why}: change it") from None
        return transform

    def _validate(self) -> float | None:
        """Mean loss over the images of the val split, None where it is empty or another process's work."""
        if self.held is None:
            return None
        batches = batches_of(order_of(self.held, self.seed, 0), self.params.batch_size)
        losses = [self.alone.measure(batch) for batch in self.loader.batches(VAL, 0, batches)]
        return float(np.average(losses, weights=[len(batch) for batch in batches])) if losses else None

    def _log(self, title: str, batches: int, bar: Any, began: float) -> None:
        """Check the loss, and say where the run is; `began` is when the last step did."""
        from tqdm import tqdm

        state = self.state
        mean = self._mean_loss()
        if not math.isfinite(mean):
            kept = f"epoch {state.epoch} is kept in {self.places.state}" if state.epoch else "nothing was learned yet"
            raise StageError(
                f"loss is {mean} at step {state.step} of {title}: lower quiltnet.lr or raise quiltnet.warmup; {kept}"
            )
        rate = float(self.stepper.optimizer.param_groups[0]["lr"])
        scale = float(self.stepper.module.logit_scale.detach().exp())
        if not self.context.first:
            return
        self._note({"step": state.step, "train/loss": mean, "train/lr": rate, "train/logit_scale": scale})
        elapsed = self.seconds + time.perf_counter() - began
        speed = float(bar.format_dict["rate"] or 0)
        tqdm.write(
            f"{title}, step {state.batch}/{batches}: loss {mean:.4f}, lr {rate:.2e}, scale {scale:.1f}, "
            f"{speed:.1f} samples/s, {speed / self.context.world:.1f} samples/s/process, "
            f"{self.waited / elapsed:.0%} waiting for data"
        )

    def _mean_loss(self) -> float:
        """The epoch's loss so far, the mean over samples of all processes."""
        state = self.state
        # The same in every process from here on, so that the one that saves it knows what all have lost.
        state.loss_sum = self.context.total(float(state.loss_sum)) / self.context.world
        state.loss_count = int(state.loss_count)
        return state.loss_sum / max(state.loss_count, 1)

    def _note(self, row: dict[str, Any]) -> None:
        self.state.rows.append(row)
        self._track(row)

    def _track(self, row: dict[str, Any]) -> None:
        if self.tracker:
            self.tracker.log(row["step"], {name: value for name, value in row.items() if name != "step"})

    def _save(self) -> None:
        """Write the state, in which everything is a number."""
        self._mean_loss()
        self.state.broken = int(self.state.broken)
        if self.context.first:
            self.checkpoints.save(self.state, self.stepper.module, self.stepper.optimizer)
        self.context.wait()
