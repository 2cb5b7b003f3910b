"""Types of arrays that many modules speak of."""

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]  # (height, width, 3), RGB
Grey = NDArray[np.uint8]  # (height, width)
Vectors = NDArray[np.float32]  # (n, d), a vector a row
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
