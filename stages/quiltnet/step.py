"""One training step: parameter groups, the step with gradient accumulation and mixed precision, and its loss."""

from collections.abc import Mapping, Sequence
from typing import Any

from stages.common.errors import StageError
from stages.quiltnet.distributed import DistributedContext
from stages.quiltnet.loader import as_numbers
from stages.quiltnet.loss import by_name
from stages.quiltnet.params import Params

SCALARS = ("logit_scale", "logit_bias")
MAX_SCALE = 4.6052  # log of 100: the temperature's bound (Radford et al. 2021)


def weight_groups(model: Any, weight_decay: float, rates: Mapping[str, float] | None = None) -> list[dict[str, Any]]:
    """Parameter groups: matrices have weight decay; gains, biases and the temperature have none (as in open_clip).

    With `rates`, shares of the learning rate by parameter, there are two groups for each share, which is their
    `lr_scale`.
    """
    tuned = [(p, (rates or {}).get(name, 1.0)) for name, p in model.named_parameters() if p.requires_grad]
    return [
        {"params": found, "weight_decay": decay, "lr_scale": rate}
        for rate in sorted({rate for _, rate in tuned} or {1.0}, reverse=True)
        for found, decay in (
            ([p for p, own in tuned if own == rate and p.ndim >= 2], weight_decay),
            ([p for p, own in tuned if own == rate and p.ndim < 2], 0.0),
        )
    ]


def set_rate(optimizer: Any, rate: float) -> None:
    """Let each group of `weight_groups` learn at its share of `rate`."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["lr_scale"]


def make_optimizer(model: Any, params: Params, device: str, rates: Mapping[str, float] | None = None) -> Any:
    """AdamW over what is tuned, with `rates` as `weight_groups` takes them; on a GPU its kernels are fused, which is
    faster and the same up to rounding."""
    import torch

    return torch.optim.AdamW(
        weight_groups(model, params.weight_decay, rates),
        lr=params.lr,
        betas=(params.beta1, params.beta2),
        eps=params.eps,
        fused=device == "cuda",
    )


def interpolate(start: dict[str, Any], tuned: dict[str, Any], share: float) -> dict[str, Any]:
    """Weights on the line from `start` (share 0) to `tuned` (share 1): WiSE-FT (Wortsman et al. 2022)."""
    return {
        name: start[name].lerp(value, share) if value.is_floating_point() else value for name, value in tuned.items()
    }


class Stepper:
    """Forward, loss and backward of one batch at a time.

    `module` is the model as it was built, `model` the same one wrapped for several processes or compiled, `teacher`
    one that it learns from besides, `normalize` torchvision's, for pixels that come as bytes.
    """

    def __init__(
        self,
        module: Any,
        model: Any,
        loss: Any,
        optimizer: Any,
        params: Params,
        context: DistributedContext,
        teacher: Any = None,
        normalize: Any = None,
    ) -> None:
        import torch

        self.module, self.model, self.loss, self.optimizer = module, model, loss, optimizer
        self.params, self.device, self.world, self.teacher = params, context.device, context.world, teacher
        self.by_name = by_name(params)
        shape = (3, 1, 1)
        self.moments = (
            [torch.tensor(one, device=context.device).view(shape) for one in (normalize.mean, normalize.std)]
            if normalize
            else []
        )
        if hasattr(module, "output_dict"):  # a CoCa always answers so
            module.output_dict = True

    def step(self, batch: Sequence[Any]) -> tuple[Any, Any]:
        """Learn from (pixels, tokens, group, own, broken); return the loss and the number of samples left out."""
        import torch

        if self.by_name and self.world > 1 and batch[-1].any():
            raise StageError(
                f"an image cannot be decoded, and quiltnet.loss={self.params.loss} over several processes cannot leave "
                "it out: find it with `python -m stages.quiltnet` in one process, or run `dvc repro dataset`"
            )
        self.model.train()
        self.optimizer.zero_grad(set_to_none=True)
        batch, left_out = self._whole(batch)
        pixels, tokens, *targets = self._moved(batch)
        if self.params.accumulate == 1:
            loss, masked = self._loss(self._features(pixels, tokens), targets, self._taught([(pixels, tokens)]))
            loss.backward()
        else:
            loss, masked = self._accumulated(pixels, tokens, targets)
        if self.params.clip_norm:
            torch.nn.utils.clip_grad_norm_(self.module.parameters(), self.params.clip_norm)
        self.optimizer.step()
        with torch.no_grad():
            self.module.logit_scale.clamp_(0, MAX_SCALE)
        return loss.detach(), left_out + masked

    def measure(self, batch: Sequence[Any]) -> float:
        """The loss of a batch, without learning from it."""
        import torch

        self.module.eval()
        with torch.inference_mode():
            pixels, tokens, *targets = self._moved(self._whole(batch)[0])
            features = self._features(pixels, tokens, self.module)
            return float(self._loss(features, targets, self._taught([(pixels, tokens)]))[0])

    def _whole(self, batch: Sequence[Any]) -> tuple[Sequence[Any], int]:
        """The samples that the loss can take, and how many are left out: open_clip's knows no broken ones."""
        broken = batch[-1]
        if not self.by_name or not broken.any():
            return batch, 0
        if broken.all():
            raise StageError("no image of a batch can be decoded: run `dvc repro dataset`")
        return [part[~broken] for part in batch], int(broken.sum())

    def _loss(self, features: Mapping[str, Any], targets: Sequence[Any], taught: Mapping[str, Any]) -> tuple[Any, Any]:
        """The loss of what the model, and the teacher, return; and the number of samples that it left out."""
        if not self.by_name:
            return self.loss(*(features[name] for name in ("image_features", "text_features", "logit_scale")), *targets)
        return sum(self.loss(**features, **taught, output_dict=True).values()), 0

    def _taught(self, parts: Sequence[tuple[Any, Any]]) -> dict[str, Any]:
        """What the teacher makes of a batch, under the names of open_clip's loss."""
        import torch

        if self.teacher is None:
            return {}
        with torch.no_grad(), self._autocast():
            image = torch.cat([self.teacher.encode_image(_last(pixels), normalize=True) for pixels, _ in parts])
            text = torch.cat([self.teacher.encode_text(tokens, normalize=True) for _, tokens in parts])
            scale = self.teacher.logit_scale.exp()
        return {"dist_image_features": image.float(), "dist_text_features": text.float(), "dist_logit_scale": scale}

    def _accumulated(self, pixels: Any, tokens: Any, targets: Sequence[Any]) -> tuple[Any, Any]:
        """The same loss over the whole batch with the memory of a part: features first, then gradients part by part
        (gradient caching: GradCache, Gao et al. 2021; open_clip's accum_freq). Dropout falls the same way both times;
        BatchNorm sees parts, not the batch."""
        import torch

        parts = list(zip(pixels.chunk(self.params.accumulate), tokens.chunk(self.params.accumulate), strict=True))
        known, states = [], []
        with torch.no_grad():
            for part in parts:
                states.append(_random_state(self.device))
                known.append(self._features(*part, self.module))
        taught = self._taught(parts)
        for number, part in enumerate(parts):
            _set_random_state(self.device, states[number])
            own = self._features(*part)
            every = [*known[:number], own, *known[number + 1 :]]
            whole = {name: torch.cat([one[name] for one in every]) for name in own.keys() - set(SCALARS)}
            loss, left_out = self._loss(
                whole | {name: own[name] for name in own.keys() & set(SCALARS)}, targets, taught
            )
            # Only this part's features have gradients, but scale and bias get the gradient of the whole loss every
            # time; it is divided below.
            loss.backward()
        for name in SCALARS:
            scalar = getattr(self.module, name, None)
            if scalar is not None and scalar.grad is not None:
                scalar.grad /= len(parts)
        return loss, left_out

    def _features(self, pixels: Any, tokens: Any, model: Any = None) -> dict[str, Any]:
        """What the model returns by name: features, and the scale and bias of their logits."""
        with self._autocast():
            found = (model or self.model)(_last(pixels), tokens)
        if self.params.loss != "siglip":
            found.pop("logit_bias", None)
        return {name: value.float() if value.is_floating_point() else value for name, value in found.items()}

    def _autocast(self) -> Any:
        import torch

        return torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.params.precision == "amp_bf16")

    def _moved(self, batch: Sequence[Any]) -> list[Any]:
        import torch

        pixels, *rest = (part.to(self.device, non_blocking=True) for part in batch)
        return [as_numbers(pixels, *self.moments) if pixels.dtype == torch.uint8 else pixels, *rest]


def _last(pixels: Any) -> Any:
    """Pixels with channels last: convolutions run about twice as fast on two cores."""
    import torch

    return pixels.contiguous(memory_format=torch.channels_last)


def _random_state(device: str) -> Any:
    import torch

    return torch.cuda.get_rng_state() if device == "cuda" else torch.get_rng_state()


def _set_random_state(device: str, state: Any) -> None:
    import torch

    (torch.cuda if device == "cuda" else torch).set_rng_state(state)
