"""One training step: parameter groups, the step with gradient accumulation and mixed precision, and its loss."""

from collections.abc import Sequence
from typing import Any

from stages.common.errors import StageError
from stages.common.stage.extensions import is_extension, load_extension, named_errors
from stages.quiltnet.distributed import DistributedContext
from stages.quiltnet.params import Params

MAX_SCALE = 4.6052  # log of 100: the temperature's bound (Radford et al. 2021)


def weight_groups(model: Any, weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups: matrices have weight decay; gains, biases and the temperature have none (as in open_clip)."""
    tuned = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in tuned if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in tuned if p.ndim < 2], "weight_decay": 0.0},
    ]


def make_optimizer(model: Any, params: Params, device: str) -> Any:
    """AdamW over what is tuned; on a GPU its kernels are fused, which is faster and the same up to rounding."""
    import torch

    return torch.optim.AdamW(
        weight_groups(model, params.weight_decay),
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

    `module` is the model as it was built, `model` the same one wrapped for several processes or compiled.
    """

    def __init__(
        self, module: Any, model: Any, loss: Any, optimizer: Any, params: Params, context: DistributedContext
    ) -> None:
        self.module, self.model, self.loss, self.optimizer = module, model, loss, optimizer
        self.params, self.device = params, context.device

    def step(self, batch: Sequence[Any]) -> tuple[Any, Any]:
        """Learn from (pixels, tokens, group, own, broken); return the loss and the number of samples left out."""
        import torch

        self.model.train()
        self.optimizer.zero_grad(set_to_none=True)
        pixels, tokens, *targets = self._moved(batch)
        if self.params.accumulate == 1:
            loss, left_out = self.loss(*self._features(pixels, tokens), *targets)
            loss.backward()
        else:
            loss, left_out = self._accumulated(pixels, tokens, targets)
        if self.params.clip_norm:
            torch.nn.utils.clip_grad_norm_(self.module.parameters(), self.params.clip_norm)
        self.optimizer.step()
        with torch.no_grad():
            self.module.logit_scale.clamp_(0, MAX_SCALE)
        return loss.detach(), left_out

    def measure(self, batch: Sequence[Any]) -> float:
        """The loss of a batch, without learning from it."""
        import torch

        self.module.eval()
        with torch.inference_mode():
            pixels, tokens, *targets = self._moved(batch)
            return float(self.loss(*self._features(pixels, tokens, self.module), *targets)[0])

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
                known.append(self._features(*part, self.module)[:2])
        for number, part in enumerate(parts):
            _set_random_state(self.device, states[number])
            image, text, scale = self._features(*part)
            columns = zip(*[*known[:number], (image, text), *known[number + 1 :]], strict=True)
            loss, left_out = self.loss(*(torch.cat(column) for column in columns), scale, *targets)
            # Only this part's features have gradients, but the scale gets the gradient of the whole loss every time; it
            # is divided below.
            loss.backward()
        self.module.logit_scale.grad /= len(parts)
        return loss, left_out

    def _features(self, pixels: Any, tokens: Any, model: Any = None) -> tuple[Any, Any, Any]:
        import torch

        # Convolutions run about twice as fast on two cores with channels last.
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.params.precision == "amp_bf16"):
            image, text, scale = (model or self.model)(pixels, tokens)[:3]
        return image.float(), text.float(), scale

    def _moved(self, batch: Sequence[Any]) -> list[Any]:
        return [part.to(self.device, non_blocking=True) for part in batch]


def _random_state(device: str) -> Any:
    import torch

    return torch.cuda.get_rng_state() if device == "cuda" else torch.get_rng_state()


def _set_random_state(device: str, state: Any) -> None:
    import torch

    (torch.cuda if device == "cuda" else torch).set_rng_state(state)


def has_batch_norm(model: Any) -> bool:
    """Whether BatchNorm layers of `model` take means over a batch."""
    from torch.nn.modules.batchnorm import _BatchNorm

    return any(isinstance(module, _BatchNorm) for module in model.modules())


def make_loss(params: Params, rank: int, world: int) -> Any:
    """The loss that `params` names, for process `rank` of `world`. It is called and answers as that of
    `contrastive_loss`; an extension returns it when it is called with rank, world and params."""
    if not is_extension(params.loss):
        return contrastive_loss(rank, world, params.mask_false_negatives)
    parameter = "quiltnet.loss"
    own = load_extension(params.loss, parameter, "rank", "world", "params")(rank, world, params)
    if not callable(own):
        raise StageError(f"{parameter}: {params.loss} must return a function, not {type(own).__name__}")

    def checked(*batch: Any) -> Any:
        with named_errors(params.loss, parameter):
            answer = own(*batch)
        if not isinstance(answer, tuple) or len(answer) != 2:
            raise StageError(f"{parameter}: {params.loss} must answer with the loss and the number of samples left out")
        loss, left_out = answer
        if fault := _fault(loss, batch):
            raise StageError(f"{parameter}: {params.loss} must answer with a loss that can be learned from: {fault}")
        if not _is_count(left_out):
            raise StageError(
                f"{parameter}: {params.loss} must answer with the number of samples left out, a whole number from 0 on "
                f"or a tensor without dimensions that holds one, not {_shown(left_out)}"
            )
        return answer

    return checked


def _fault(loss: Any, batch: Sequence[Any]) -> str:
    """Why `loss` is nothing to learn from, or "". Where nothing in `batch` has a gradient, it needs none."""
    import torch

    if not isinstance(loss, torch.Tensor):
        return f"it should be a tensor, not of the type {type(loss).__name__}"
    if loss.ndim:
        return f"it should be a scalar, not of the shape {tuple(loss.shape)}"
    if not loss.is_floating_point():
        return f"it is of {loss.dtype}, should be of a real floating-point type"
    if not loss.requires_grad and any(getattr(value, "requires_grad", False) for value in batch):
        return "it has no gradient"
    return ""


def _is_count(value: Any) -> bool:
    """Whether `value` is an int, or a tensor without dimensions, that is a whole number from 0 on."""
    import torch

    if isinstance(value, torch.Tensor):
        if value.ndim or value.is_complex() or value.dtype == torch.bool:
            return False
        return float(value).is_integer() and float(value) >= 0
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _shown(value: Any) -> str:
    """`value` on one line, a tensor with several numbers by its shape."""
    shape = tuple(getattr(value, "shape", ()))
    return f"{type(value).__name__} of the shape {shape}" if shape else " ".join(repr(value).split())


def contrastive_loss(rank: int, world: int, mask_false_negatives: bool) -> Any:
    """CLIP's contrastive loss (InfoNCE, both ways), with a mask over false negatives.

    Returns loss(image_features, text_features, scale, group, own, broken), giving the loss and the number of
    samples left out, both scalars.

    It is open_clip's ClipLoss, local with gathered gradients, except that with `mask_false_negatives` a text is not a
    negative of an image that has a text of the same group (`group` (n,) of the texts in the batch, `own` (n, k) of
    all texts of each image, padded with -1), and that samples whose image is `broken` (n,) are left out.
    """
    import torch
    from open_clip import ClipLoss
    from torch.nn.functional import cross_entropy

    class Loss(ClipLoss):
        def forward(self, image: Any, text: Any, scale: Any, group: Any, own: Any, broken: Any) -> Any:
            per_image, per_text = self.get_logits(image, text, scale)
            labels = self.get_ground_truth(image.device, len(per_image))
            every_group, every_own, every_broken = (self.gathered(part) for part in (group, own, broken))
            if not mask_false_negatives:
                own, every_own = torch.full_like(own, -1), torch.full_like(every_own, -1)
            no_text = _same(own, every_group) | every_broken
            no_image = _same(every_own, group).T | every_broken
            rows = torch.arange(len(labels), device=labels.device)
            no_text[rows, labels] = no_image[rows, labels] = False
            losses = cross_entropy(per_image.masked_fill(no_text, float("-inf")), labels, reduction="none")
            losses = losses + cross_entropy(per_text.masked_fill(no_image, float("-inf")), labels, reduction="none")
            weights = (~broken).float()
            # Processes may leave out different numbers of samples; their mean must be the mean over all samples.
            loss = (losses * weights).sum() / 2 * (self.world_size / (~every_broken).sum().clamp(min=1))
            return loss, every_broken.sum()

        def gathered(self, values: Any) -> Any:
            if self.world_size == 1:
                return values
            parts = [torch.empty_like(values) for _ in range(self.world_size)]
            torch.distributed.all_gather(parts, values)
            return torch.cat(parts)

    return Loss(local_loss=True, gather_with_grad=True, rank=rank, world_size=world)


def _same(own: Any, group: Any) -> Any:
    """(n, m): whether one of the texts of image i is of the group of text j."""
    import torch

    found = torch.zeros(len(own), len(group), dtype=torch.bool, device=own.device)
    for column in own.T:
        found |= column[:, None] == group[None, :]
    return found
