"""What numbers are kept in here: arrays of floats and of whole numbers, and two sums of matrices. Nothing else."""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Indexes = NDArray[np.int64]
Flags = NDArray[np.bool_]


def combined(weights: Numbers, matrices: Numbers) -> Numbers:
    """Σ w_k M_k: (…, k) and (k, i, j) to (…, i, j). As `np.tensordot`, which takes longer over so little."""
    k, i, j = matrices.shape
    return np.asarray((weights @ matrices.reshape(k, i * j)).reshape(*weights.shape[:-1], i, j))


def squared(o: Numbers, matrices: Numbers) -> Numbers:
    """tr(O' M_k O) of each matrix: (p, r) and (k, p, p) to (k,)."""
    return np.asarray(((matrices @ o) * o).sum(axis=(1, 2)))
