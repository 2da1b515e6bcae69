"""One thread for the numerical libraries: couples' matrices are small, and a second thread waits more than it works.

It must come before numpy is loaded, and leaves alone whatever the machine's keeper has set.
"""

from __future__ import annotations

import os
from typing import Final

NAMES: Final = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def one_thread() -> None:
    """Ask OpenBLAS, MKL and Accelerate for one thread, where the environment asks for no number of them."""
    if not any(name in os.environ for name in NAMES):
        os.environ.update(dict.fromkeys(NAMES, "1"))
