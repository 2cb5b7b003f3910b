"""CLIP's contrastive loss without false negatives, over one process or many."""

from typing import Any


def contrastive_loss(rank: int, world: int, mask_false_negatives: bool) -> Any:
    """Return loss(image_features, text_features, scale, group, own, broken), giving the loss and the number of samples
    left out, both scalars.

    It is open_clip's ClipLoss, local with gathered gradients, except that with `mask_false_negatives` a text is no
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
