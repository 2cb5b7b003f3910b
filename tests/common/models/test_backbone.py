"""The frozen network gives what the plain timm model gives."""

import cv2
import numpy as np
import timm
import torch

from stages.common.models.backbone import PACKAGED, Backbone
from stages.common.models.weights import locate
from stages.common.stage.params import load_params


def test_features_are_those_of_the_plain_model() -> None:
    params, _ = load_params("frame_filter")
    images = [np.random.default_rng(n).integers(0, 256, (90 + n, 120, 3), np.uint8) for n in range(5)]
    plain = timm.create_model(params.backbone, num_classes=0).eval()
    state = torch.load(locate(params.weights), weights_only=True)
    plain.load_state_dict(dict(zip(plain.state_dict(), state.values(), strict=False)))
    small = np.stack([cv2.resize(one, (params.size,) * 2, interpolation=cv2.INTER_AREA) for one in images])
    with torch.inference_mode():
        pixels = (torch.from_numpy(small).permute(0, 3, 1, 2) / 255 - PACKAGED[0]) / PACKAGED[0]
        expected = plain(pixels).numpy()
    backbone = Backbone(params.backbone, params.weights, params.size)
    for batch in (1, 2, 32):
        np.testing.assert_allclose(backbone.features(images, batch), expected, atol=1e-4)
    np.testing.assert_array_equal(backbone.features(images), backbone.features(images))
    assert backbone.features([]).shape == (0, expected.shape[1])
