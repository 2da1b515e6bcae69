"""Small invented tables for the cross-sectional models."""

from typing import Any

import numpy as np


def couples(n: int = 60, seed: int = 1, *, missing: float = 0.0, waves: int = 1) -> dict[str, Any]:
    """n couples of a wife and a husband: `y` goes with one's own `x` and the partner's; `age` is beside it. `missing`: the share of `y`."""
    chance = np.random.default_rng(seed)
    m = n * waves
    x = chance.multivariate_normal([3, 2.5], [[1, 0.3], [0.3, 1.4]], m)
    age = chance.normal(40, 9, size=(m, 2))
    noise = chance.multivariate_normal([0, 0], [[0.8, 0.35], [0.35, 1.2]], m)
    y = 1 + 0.5 * x + 0.2 * x[:, ::-1] + 0.01 * age + noise
    table = {
        "couple": np.repeat(np.arange(n), 2 * waves),
        "partner": np.tile(["husband", "wife"], m),
        "wave": np.tile(np.repeat(np.arange(waves), 2), n),
        "x": x.ravel(),
        "age": age.ravel(),
        "y": y.ravel(),
    }
    table["y"][chance.random(2 * m) < missing] = np.nan
    return table
