"""What numbers are kept in here: arrays of floats and of whole numbers. Nothing else."""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Indexes = NDArray[np.int64]
Flags = NDArray[np.bool_]
