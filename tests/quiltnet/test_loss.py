"""The loss against open_clip's, and against one written out with numpy."""

import numpy as np
import pytest
import torch
from open_clip import ClipLoss
from torch.nn.functional import normalize

from stages.quiltnet.loss import contrastive_loss


def batch(count=6, seed=0):
    torch.manual_seed(seed)
    image, text = (normalize(torch.randn(count, 8), dim=1).requires_grad_() for _ in range(2))
    own = torch.arange(count)[:, None].repeat(1, 2)
    return image, text, torch.tensor(10.0), torch.arange(count), own, torch.zeros(count, dtype=torch.bool)


def by_hand(image, text, scale, no_text, no_image, broken):
    """Mean of both directions' cross-entropies over the samples that count."""
    logits = scale * image @ text.T
    good = [n for n in range(len(image)) if not broken[n]]

    def one_way(rows, left_out):
        terms = []
        for n in good:
            kept = [m for m in range(len(image)) if not left_out[n, m] and not broken[m]]
            terms.append(np.log(np.exp(rows[n, kept]).sum()) - rows[n, n])
        return np.mean(terms)

    return (one_way(logits, no_text) + one_way(logits.T, no_image)) / 2


@pytest.mark.parametrize("mask_false_negatives", [True, False])
def test_without_copies_it_is_open_clips(mask_false_negatives):
    image, text, scale, *targets = batch()
    found, left_out = contrastive_loss(0, 1, mask_false_negatives)(image, text, scale, *targets)
    theirs = ClipLoss()(image, text, scale)
    assert torch.allclose(found, theirs)
    assert int(left_out) == 0
    ours, other = (torch.autograd.grad(loss, [image, text], retain_graph=True) for loss in (found, theirs))
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(ours, other, strict=True))


def test_texts_that_say_the_same_as_an_images_own_are_no_negatives():
    image, text, scale, group, own, broken = batch()
    group = torch.tensor([0, 1, 0, 3, 4, 5])  # texts 0 and 2 say the same
    own = torch.tensor([[0, 7], [1, -1], [0, -1], [3, 5], [4, -1], [5, -1]])  # text 5 is also one of image 3's
    broken[1] = True
    no_text = np.array([[int(g) in o for g in group] for o in own.tolist()])
    np.fill_diagonal(no_text, False)
    found, left_out = contrastive_loss(0, 1, True)(image, text, scale, group, own, broken)
    numbers = (image.detach().numpy(), text.detach().numpy(), 10.0)
    assert float(found) == pytest.approx(by_hand(*numbers, no_text, no_text.T, broken), rel=1e-5)
    assert int(left_out) == 1
    plain, _ = contrastive_loss(0, 1, False)(image, text, scale, group, own, broken)
    nothing = np.zeros((6, 6), bool)
    assert float(plain) == pytest.approx(by_hand(*numbers, nothing, nothing, broken), rel=1e-5)
    assert float(plain) > float(found)


def test_a_batch_of_copies_alone_has_no_loss_and_no_trouble():
    image, text, scale, group, own, broken = batch()
    found, _ = contrastive_loss(0, 1, True)(image, text, scale, group * 0, own * 0, broken)
    assert float(found) == pytest.approx(0)
    none, _ = contrastive_loss(0, 1, True)(image, text, scale, group, own, ~broken)
    assert float(none) == 0
    none.backward()
    assert torch.isfinite(image.grad).all()
