"""Small frames made by hand, of every shape the engine meets. Numbers are drawn; no truth is claimed for them."""

from dataclasses import replace

import numpy as np

from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.frame import Frame, Pattern

SPREAD = np.array(
    [[1.0, 0.2, 0.4, 0.05], [0.2, 0.3, 0.1, 0.1], [0.4, 0.1, 0.8, 0.15], [0.05, 0.1, 0.15, 0.4]]
)
RESIDUAL = np.array([[0.5, 0.15], [0.15, 0.7]])


def growth(
    couples: int = 40, waves: int = 5, missing: float = 0.0, seed: int = 1, *, exchangeable: bool = False,
    spread: Numbers = SPREAD, residual: Numbers = RESIDUAL, covariate: bool = False,
) -> Frame:  # fmt: skip
    """Intercept and slope of each partner, random and (of the roles, or of all) fixed."""
    rng = np.random.default_rng(seed)
    m = couples * waves
    couple, at = np.repeat(np.arange(couples), waves), np.tile(np.arange(float(waves)), couples)
    z = np.zeros((m, 2, 4))
    z[:, 0, 0] = z[:, 1, 2] = 1.0
    z[:, 0, 1] = z[:, 1, 3] = at
    u = rng.multivariate_normal(np.zeros(4), spread, couples, method="svd")[couple]
    y = np.einsum("msq,mq->ms", z, u) + rng.multivariate_normal(np.zeros(2), residual, m)
    y += 1.0 + 0.3 * at[:, None]
    x, fixed = z, ("intercept A", "slope A", "intercept B", "slope B")
    if exchangeable:
        x, fixed = z[:, :, :2] + z[:, :, 2:], ("intercept", "slope")
    if covariate:
        x, fixed = np.concatenate([x, rng.normal(size=(m, 2, 1))], axis=2), (*fixed, "covariate")
    pattern = Pattern.EXCHANGEABLE if exchangeable else Pattern.UNSTRUCTURED
    frame = Frame(
        couple.astype(np.int64), at, y, x, z, fixed, ("intercept A", "slope A", "intercept B", "slope B"),
        pattern, pattern, data_hash="drawn",
    )  # fmt: skip
    return without(frame, missing, rng) if missing else frame


def pairs(couples: int = 60, missing: float = 0.0, seed: int = 1, *, exchangeable: bool = False,
          pattern: Pattern | None = None) -> Frame:  # fmt: skip
    """One occasion a couple; each partner's predictor acts on both (APIM)."""
    rng = np.random.default_rng(seed)
    own = rng.multivariate_normal([3, 3], [[1, 0.4], [0.4, 1]], couples)
    y = 0.5 * own + 0.2 * own[:, ::-1] + rng.multivariate_normal([0, 0.5], RESIDUAL, couples)
    one = np.stack([np.ones((couples, 2)), own, own[:, ::-1]], axis=2)
    x, fixed = one, ("intercept", "actor", "partner")
    if not exchangeable:
        x = np.concatenate([one * np.array([1.0, 0.0])[:, None], one * np.array([0.0, 1.0])[:, None]], axis=2)
        fixed = tuple(f"{side}: {name}" for side in "AB" for name in fixed)
    frame = Frame(
        np.arange(couples), np.zeros(couples), y, x, np.zeros((couples, 2, 0)), fixed, (),
        pattern or (Pattern.EXCHANGEABLE if exchangeable else Pattern.UNSTRUCTURED), Pattern.NONE,
        data_hash="drawn",
    )  # fmt: skip
    return without(frame, missing, rng) if missing else frame


def shared(couples: int = 50, waves: int = 4, seed: int = 1, missing: float = 0.0) -> Frame:
    """One random intercept for the couple, felt by both partners, and a predictor that is not random."""
    rng = np.random.default_rng(seed)
    m = couples * waves
    couple, at = np.repeat(np.arange(couples), waves), np.tile(np.arange(float(waves)), couples)
    z = np.ones((m, 2, 1))
    x = np.stack([np.ones((m, 2)), rng.normal(size=(m, 2))], axis=2)
    y = rng.normal(size=couples)[couple][:, None] + 0.5 * x[:, :, 1] + rng.normal(size=(m, 2))
    frame = Frame(
        couple.astype(np.int64), at, y, x, z, ("intercept", "predictor"), ("couple",),
        Pattern.EXCHANGEABLE, Pattern.UNSTRUCTURED, data_hash="drawn",
    )  # fmt: skip
    return without(frame, missing, rng) if missing else frame


def without(frame: Frame, share: float, rng: np.random.Generator) -> Frame:
    """The same frame with this share of answers missing; occasions without any answer are left out."""
    y = np.where(rng.random(frame.y.shape) < share, np.nan, frame.y)
    kept = ~np.isnan(y).all(axis=1)
    there = ~np.isnan(y[kept])[:, :, None]
    x = np.where(there, frame.x[kept], 0.0)
    return replace(
        frame,
        couple=np.unique(frame.couple[kept], return_inverse=True)[1].astype(np.int64),
        at=frame.at[kept],
        y=y[kept],
        x=x,
        z=x if frame.z is frame.x else np.where(there, frame.z[kept], 0.0),
    )


def far(frame: Frame, begins: float) -> Frame:
    """The same growth with a clock that begins there."""
    moved = [
        array + begins * np.array([("slope" in name) for name in names]) * np.roll(array, 1, axis=2)
        for array, names in ((frame.x, frame.fixed), (frame.z, frame.random))
    ]
    x, z = moved
    return replace(frame, at=frame.at + begins, x=z if frame.x is frame.z else x, z=z)


def swapped(frame: Frame) -> Frame:
    """The partners named the other way round, and the random effects with them."""
    half = frame.z.shape[2] // 2
    z = np.concatenate([frame.z[:, ::-1, half:], frame.z[:, ::-1, :half]], axis=2)
    return replace(frame, y=frame.y[:, ::-1], x=frame.x[:, ::-1], z=z)
