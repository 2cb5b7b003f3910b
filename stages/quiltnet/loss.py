"""What a batch is learned from: CLIP's contrastive loss with a mask, open_clip's own losses, or one of the user's."""

from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from stages.common.errors import StageError
from stages.common.stage.extensions import is_extension, load_extension, named_errors
from stages.quiltnet.params import Params

OF_OPEN_CLIP = ("siglip", "coca")


def make_loss(params: Params, rank: int, world: int) -> Any:
    """The loss that `params` names, for process `rank` of `world`. It is called and answers as that of
    `contrastive_loss`; an extension returns it when it is called with rank, world and params. With `by_name`, it is
    one of open_clip's, called with what the model returns."""
    if by_name(params):
        return _of_open_clip(params, rank, world)
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


def by_name(params: Params) -> bool:
    """Whether the loss is open_clip's own, which takes what the model returns by name and every sample of a batch."""
    return bool(params.teacher) or params.loss in OF_OPEN_CLIP


def _of_open_clip(params: Params, rank: int, world: int) -> Any:
    """The loss as open_clip_train makes it."""
    from open_clip import create_loss

    return create_loss(
        Namespace(
            distill=bool(params.teacher),
            model=params.loss,
            siglip=params.loss == "siglip",
            coca_caption_loss_weight=params.caption_weight,
            coca_contrastive_loss_weight=params.contrastive_weight,
            local_loss=True,
            gather_with_grad=True,
            rank=rank,
            world_size=world,
            horovod=False,
            loss_dist_impl=None,  # open_clip's default
        )
    )


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
