"""The fitted estimate of magnification: which objective shows tissue at about this size?"""

import functools
from pathlib import Path

import numpy as np

from stages.common.data.arrays import Floats, Picture
from stages.common.data.files import digest
from stages.common.magnification.blobs import blob_spectrum
from stages.common.tables.magnification import ESTIMATOR_SPEC

OBJECTIVE_UM = 10.0  # micrometres a pixel times magnification: 0.5 at 20x, 0.25 at 40x
# Between the powers of objectives, 10x, 20x and 40x, on their logarithmic scale. The paper's ordinal class is 0 for
# (1-10]x, 1 for (10-20]x, 2 above (section 4d); an estimate never says exactly 10 or 20.
BOUNDS = (10 * 2**0.5, 20 * 2**0.5)
STRANGE = 0.1  # share of a spectrum that may be out of the range learned from
ESTIMATED = "estimated"  # how the estimator's answers are known


def level(power: float) -> int:
    """The paper's class of the objective nearest to `power`: 0, 1 or 2."""
    return sum(power >= bound for bound in BOUNDS)


class Estimator:
    """Multinomial logistic regression on the blob spectrum."""

    def __init__(self, folder: Path) -> None:
        spec = ESTIMATOR_SPEC.read(folder / ESTIMATOR_SPEC.path.name)
        self._heads = np.array(spec["heads"])
        self._range = np.array([spec["lowest"], spec["highest"]])
        self._min_probability = spec["min_probability"]

    def estimate(self, image: Picture) -> float:
        """The class (0, 1 or 2) of an RGB image of tissue; NaN where none is probable enough, or the image is like none
        learned from."""
        spectrum = blob_spectrum(image)
        found = probabilities(spectrum, self._heads)
        known = found.max() >= self._min_probability and is_familiar(spectrum, *self._range)
        return float(found.argmax()) if known else np.nan


def probabilities(spectrum: Floats, heads: Floats) -> Floats:
    """Of each class; `heads` has a row of coefficients and, last, the intercept for each."""
    logits = heads[:, :-1] @ spectrum + heads[:, -1]
    powers = np.exp(logits - logits.max())
    return np.asarray(powers / powers.sum())


def is_familiar(spectrum: Floats, lowest: Floats, highest: Floats) -> bool:
    """Whether a spectrum is within the range of those learned from, but for a few of its numbers: a blank picture
    is not, and would get a class with certainty."""
    return bool(((spectrum < lowest) | (spectrum > highest)).mean() <= STRANGE)


@functools.cache
def load_estimator(folder: Path) -> Estimator:
    """The estimator in `folder`, loaded once per process."""
    return Estimator(folder)


def estimator_digest(folder: Path) -> str:
    """Identity of the estimator in `folder`, for item keys."""
    return digest(folder / ESTIMATOR_SPEC.path.name)
