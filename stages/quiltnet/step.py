"""One optimiser step, and the loss of a batch."""

from collections.abc import Sequence
from typing import Any

from stages.quiltnet.distributed import DistributedContext
from stages.quiltnet.params import Params

MAX_NORM = 1.0  # of the gradient
MAX_SCALE = 4.6052  # log of 100: the temperature's bound (Radford et al. 2021)


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
        torch.nn.utils.clip_grad_norm_(self.module.parameters(), MAX_NORM)
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
        (GradCache, Gao et al. 2021; open_clip's accum_freq)."""
        import torch

        parts = list(zip(pixels.chunk(self.params.accumulate), tokens.chunk(self.params.accumulate), strict=True))
        with torch.no_grad():
            known = [self._features(*part, self.module)[:2] for part in parts]
        for number, part in enumerate(parts):
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
