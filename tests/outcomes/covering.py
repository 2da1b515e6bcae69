"""Do 95 % intervals hold the truth 95 times in 100? Bounds on both sides, so that too wide fails like too narrow."""

import numpy as np

REPLICATES = 1000
ERROR = float(np.sqrt(0.95 * 0.05 / REPLICATES))  # Monte-Carlo standard error of a coverage: .0069


def assert_covers(covered: np.ndarray, names: tuple[str, ...] = ()) -> None:
    """`covered` (replicates, p): each effect within 3.5 Monte-Carlo errors of .95 (1 in 2,150 by chance), and all
    effects' mean no further off than one effect alone would be."""
    assert len(covered) >= 0.98 * REPLICATES
    shares = covered.mean(axis=0)
    named = dict(zip(names or range(len(shares)), shares.round(4).tolist(), strict=True))
    assert np.all(np.abs(shares - 0.95) < 3.5 * ERROR), named
    assert abs(shares.mean() - 0.95) < 2.5 * ERROR, named


def misses(covered: np.ndarray) -> bool:
    """Whether `assert_covers` would have complained: to show that it can."""
    try:
        assert_covers(covered)
    except AssertionError:
        return True
    return False
