"""Names for the kinds of arrays that modules hand to each other."""

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]  # (height, width, 3), RGB
Grey = NDArray[np.uint8]  # (height, width), grey levels
Vectors = NDArray[np.float32]  # (n, d), a row each
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
