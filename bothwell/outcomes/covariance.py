"""How two partners' numbers may vary and go together, written in numbers that may take any value.

A covariance is F F' with F = Σ f_e B_e: the B_e say which entries of the triangle are free (in the basis of sum and
difference where partners are exchangeable, so that nothing depends on who is named first), f_e is the parameter or,
for a residual variance that must not be zero, its exponential. A random effect's variance may reach zero: F is then
singular and nothing is divided by it. It never looks at an answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from bothwell.outcomes.arrays import Flags, Indexes, Numbers, combined
from bothwell.outcomes.frame import Frame, Pattern

SOME_ROOM = 0.02  # a start stays this far from a correlation of 1
FADING = 0.2  # autocorrelation to begin with, from one occasion of a couple to its next


@dataclass(frozen=True, eq=False)
class Block:
    """One covariance matrix and its parameters."""

    basis: Numbers  # (k, d, d)
    is_log: Flags  # (k,)
    rotation: Numbers  # (d, d) to the sides from the basis in which the groups do not go together
    groups: tuple[range, ...]

    @property
    def size(self) -> int:
        return len(self.basis)

    @property
    def dimension(self) -> int:
        return int(self.basis.shape[1])

    @cached_property
    def bends(self) -> Numbers:
        """Second derivatives of the lower triangle of F F' (by rows) by the f's: (entries, k, k)."""
        k, d = self.size, self.dimension
        flat = self.basis.reshape(k * d, d)
        found = (flat @ flat.T).reshape(k, d, k, d).swapaxes(1, 2)
        i, j = triangle(d)
        return np.asarray((found + found.swapaxes(2, 3))[:, :, i, j].transpose(2, 0, 1))

    @cached_property
    def directions(self) -> Numbers:
        """How the lower triangle (by rows) may move: a column for each free entry."""
        d = self.dimension
        if not self.groups:
            return lower(np.eye(d))[:, None] if d else np.zeros((0, 0))
        found = []
        for i, j in [(i, j) for group in self.groups for i in group for j in group if j <= i]:
            one = np.zeros((d, d))
            one[i, j] = one[j, i] = 1.0
            found.append(lower(self.rotation @ one @ self.rotation.T))
        return np.stack(found, axis=1)


@dataclass(frozen=True, eq=False)
class Structure:
    """The covariances of a model. θ: the random effects' parameters, the residual's, then the autocorrelation's."""

    spread: Block
    residual: Block
    is_autoregressive: bool = False
    is_even: bool = True  # all waves whole numbers apart: the autocorrelation may be negative
    fading: float = FADING  # autocorrelation of one unit of time to begin with

    @property
    def size(self) -> int:
        return self.spread.size + self.residual.size + int(self.is_autoregressive)

    @property
    def q(self) -> int:
        return self.spread.dimension


@dataclass(frozen=True, eq=False)
class Covariances:
    """The matrices themselves: `spread` of the random effects (q, q), `residual` of one occasion (2, 2)."""

    spread: Numbers
    residual: Numbers
    autocorrelation: float | None = None

    def natural(self) -> Numbers:
        """As one vector: the lower triangles by rows, then the autocorrelation."""
        parts = [lower(self.spread), lower(self.residual)]
        return np.concatenate([*parts, [] if self.autocorrelation is None else [self.autocorrelation]])


@dataclass(frozen=True, eq=False)
class Chain:
    """How the natural vector moves with θ: first and second derivatives."""

    first: Numbers  # (natural, θ)
    second: Numbers  # (natural, θ, θ)


def structure_of(frame: Frame) -> Structure:
    """What the frame says about its covariances."""
    apart = gaps_of(frame) if frame.is_autoregressive else np.zeros(0)
    return Structure(
        block(frame.spread, frame.z.shape[2], is_log=False),
        block(frame.residual, 2, is_log=True),
        frame.is_autoregressive,
        bool(np.all(apart == np.round(apart))),
        begin_fading(float(apart.mean()) if len(apart) else 1.0),
    )


def gaps_of(frame: Frame) -> Numbers:
    """The times from each occasion of a couple to its next."""
    order = np.lexsort((frame.at, frame.couple))
    return np.asarray(np.diff(frame.at[order])[np.diff(frame.couple[order]) == 0])


def begin_fading(usual: float) -> float:
    """The autocorrelation of one unit of time to begin with, where so many lie between two occasions."""
    return float(FADING ** (1 / usual))


@cache
def block(pattern: Pattern, dimension: int, *, is_log: bool) -> Block:
    """The free entries of a covariance: none only for no random effects, or (residual) one variance for both."""
    match pattern:
        case Pattern.UNSTRUCTURED:
            return _triangle(np.eye(dimension), (range(dimension),), is_log)
        case Pattern.EXCHANGEABLE:
            half = dimension // 2
            if dimension % 2:
                raise ValueError("exchangeable partners have the same random effects each")
            return _triangle(_rotation(half), (range(half), range(half, dimension)), is_log)
        case Pattern.NONE if is_log:
            return Block(np.eye(dimension)[None], np.array([True]), np.eye(dimension), ())
        case Pattern.NONE if dimension:
            raise ValueError("random effects need a pattern")
        case _:
            return Block(np.zeros((0, 0, 0)), np.zeros(0, dtype=bool), np.zeros((0, 0)), ())


def directions(structure: Structure) -> Numbers:
    """How the natural vector may move: each column a free entry of spread or residual, or the autocorrelation."""
    blocks = [
        structure.spread.directions,
        structure.residual.directions,
        np.eye(int(structure.is_autoregressive)),
    ]
    out = np.zeros((sum(len(one) for one in blocks), structure.size))
    row = column = 0
    for one in blocks:
        below, right = row + one.shape[0], column + one.shape[1]
        out[row:below, column:right] = one
        row, column = below, right
    return out


def _rotation(half: int) -> Numbers:
    """From (sum, difference) to (first, second side)."""
    return np.kron(np.array([[1.0, 1.0], [1.0, -1.0]]) / np.sqrt(2), np.eye(half))


def _triangle(rotation: Numbers, groups: tuple[range, ...], is_log: bool) -> Block:
    entries = [(i, j) for group in groups for i in group for j in group if j <= i]
    matrices = np.zeros((len(entries), *rotation.shape))
    for place, (i, j) in enumerate(entries):
        matrices[place, :, j] = rotation[:, i]
    is_log_of = np.array([is_log and i == j for i, j in entries], dtype=bool)
    return Block(matrices, is_log_of, rotation, groups)


def covariances(structure: Structure, theta: Numbers) -> Covariances:
    """The matrices at θ."""
    spread, residual, rest = _split(structure, theta)
    f, g = factor(structure.spread, spread), factor(structure.residual, residual)
    return Covariances(f @ f.T, g @ g.T, _fading(structure, rest)[0] if structure.is_autoregressive else None)


def factor(of: Block, theta: Numbers) -> Numbers:
    """F, with F F' the covariance."""
    return combined(np.where(of.is_log, np.exp(theta * of.is_log), theta), of.basis)


def chain(structure: Structure, theta: Numbers) -> Chain:
    """First and second derivatives of the natural vector at θ."""
    spread, residual, rest = _split(structure, theta)
    parts = [_derivatives(structure.spread, spread), _derivatives(structure.residual, residual)]
    if structure.is_autoregressive:
        _, slope, bend = _fading(structure, rest)
        parts.append((np.array([[slope]]), np.array([[[bend]]])))
    rows, columns = sum(len(one) for one, _ in parts), structure.size
    first, second = np.zeros((rows, columns)), np.zeros((rows, columns, columns))
    row = column = 0
    for one, two in parts:
        below, right = row + one.shape[0], column + one.shape[1]
        first[row:below, column:right] = one
        second[row:below, column:right, column:right] = two
        row, column = below, right
    return Chain(first, second)


def _derivatives(of: Block, theta: Numbers) -> tuple[Numbers, Numbers]:
    slopes = np.where(of.is_log, np.exp(theta * of.is_log), 1.0)
    moved = slopes[:, None, None] * (of.basis @ factor(of, theta).T)
    i, j = triangle(of.dimension)
    first = (moved + moved.swapaxes(1, 2))[:, i, j].T
    second = of.bends * (slopes[:, None] * slopes)
    return first, second + (first * of.is_log)[:, :, None] * np.eye(of.size)


def _fading(structure: Structure, rest: Numbers) -> tuple[float, float, float]:
    """The autocorrelation of waves one unit apart, and its derivatives: in (−1, 1), or (0, 1) for uneven waves."""
    rho = float(np.tanh(rest[0]))
    if structure.is_even:
        return rho, 1 - rho**2, -2 * rho * (1 - rho**2)
    return (1 + rho) / 2, (1 - rho**2) / 2, -rho * (1 - rho**2)


def _split(structure: Structure, theta: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    first = structure.spread.size
    last = first + structure.residual.size
    return theta[:first], theta[first:last], theta[last:]


def theta_of(structure: Structure, wanted: Covariances, floor: Numbers) -> Numbers:
    """The θ nearest to these matrices: no variance below `floor` (q + 2 numbers), symmetric where the pattern asks."""
    q = structure.q
    parts = [
        _theta(structure.spread, wanted.spread, floor[:q]),
        _theta(structure.residual, wanted.residual, floor[q:]),
    ]
    if structure.is_autoregressive:
        rho = wanted.autocorrelation or 0.0
        parts.append(np.array([np.arctanh(rho if structure.is_even else 2 * rho - 1)]))
    return np.concatenate(parts)


def _theta(of: Block, matrix: Numbers, floor: Numbers) -> Numbers:
    if not of.size:
        return np.zeros(0)
    if not of.groups:
        return np.full(1, np.log(max(float(np.trace(matrix)), float(floor.sum())) / 2) / 2)
    triangle = np.zeros(matrix.shape)
    turned = of.rotation.T @ matrix @ of.rotation
    for group in of.groups:
        here = np.ix_(group, group)
        triangle[here] = np.linalg.cholesky(_inside(turned[here], floor[list(group)]))
    values = np.einsum("eij,ij->e", of.basis, of.rotation @ triangle)
    return np.where(of.is_log, np.log(np.where(of.is_log, values, 1.0)), values)


def _inside(matrix: Numbers, floor: Numbers) -> Numbers:
    """The nearest matrix with no variance below the floor and no correlation near 1."""
    if not len(matrix):
        return matrix
    scale = np.sqrt(np.maximum(matrix.diagonal(), floor))
    values, vectors = np.linalg.eigh(matrix / np.outer(scale, scale))
    values = np.maximum(values, SOME_ROOM * max(float(values.max()), 1.0))
    return np.asarray((vectors * values) @ vectors.T * np.outer(scale, scale))


def root(covariance: Numbers) -> Numbers:
    """A matrix whose product with its transpose is `covariance`, which may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def triangular_root(covariance: Numbers) -> Numbers:
    """The same with nothing above the diagonal, where there is one: half of it need not be gone through."""
    try:
        return np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
    except np.linalg.LinAlgError:
        return root(covariance)


def lower(matrix: Numbers) -> Numbers:
    """The lower triangle by rows."""
    return matrix[triangle(len(matrix))]


@cache
def triangle(size: int) -> tuple[Indexes, Indexes]:
    """Rows and columns of the lower triangle, by rows."""
    i, j = np.tril_indices(size)
    return i, j
