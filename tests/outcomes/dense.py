"""The likelihood written out couple by couple with whole matrices: slow, plain, and the judge of every fast path."""

from dataclasses import dataclass

import numpy as np

from bothwell.outcomes.frame import Frame, Numbers


@dataclass(frozen=True)
class Block:
    """One couple's answers, in the order wave by wave, the first side first."""

    y: Numbers
    x: Numbers
    v: Numbers


def blocks(
    frame: Frame, residual: Numbers, spread: Numbers | None = None, fading: float = 0.0
) -> list[Block]:
    """Every couple's y, X and whole V = Z G Z' + R ⊗ fading^|t − s|, of what was answered."""
    found = []
    for couple in range(frame.n_couples):
        rows = frame.couple == couple
        y = frame.y[rows].ravel()
        there = ~np.isnan(y)
        at = frame.at[rows]
        apart = np.abs(at[:, None] - at[None, :])
        together = fading**apart if frame.is_autoregressive else np.eye(len(at))
        v = np.kron(together, residual)
        if spread is not None and spread.size:
            z = frame.z[rows].reshape(len(y), -1)
            v = v + z @ spread @ z.T
        x = frame.x[rows].reshape(len(y), -1)
        found.append(Block(y[there], x[there], v[np.ix_(there, there)]))
    return found


def estimate(found: list[Block]) -> tuple[Numbers, Numbers]:
    """Generalised least squares: the effects and X'V⁻¹X."""
    information = sum(b.x.T @ np.linalg.solve(b.v, b.x) for b in found)
    score = sum(b.x.T @ np.linalg.solve(b.v, b.y) for b in found)
    return np.linalg.solve(information, score), np.asarray(information)


def log_likelihood(
    frame: Frame, residual: Numbers, spread: Numbers | None = None, fading: float = 0.0,
    beta: Numbers | None = None, restricted: bool = False,
) -> float:  # fmt: skip
    """The Gaussian log-likelihood, at the best effects unless they are given; restricted (REML) as R's nlme has it."""
    found = blocks(frame, residual, spread, fading)
    best, information = estimate(found)
    beta = best if beta is None else beta
    n = sum(len(b.y) for b in found)
    total = 0.0
    for b in found:
        e = b.y - b.x @ beta
        total += np.linalg.slogdet(b.v)[1] + e @ np.linalg.solve(b.v, e)
    if restricted:
        n -= len(beta)
        total += np.linalg.slogdet(information)[1]
    return float(-0.5 * (n * np.log(2 * np.pi) + total))
