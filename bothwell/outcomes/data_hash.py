"""A fingerprint of the numbers a model saw, to tell whether two runs saw the same.

Nobody can read a number from it, but whoever knows all numbers but a few can try these out: only `cohort_hash` may be
shown to those who must not have the numbers.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from hashlib import sha256

import numpy as np

from bothwell.outcomes.arrays import Indexes, Numbers
from bothwell.outcomes.sheet import Sheet


def hash_of(sheet: Sheet, is_exchangeable: bool) -> str:
    """SHA-256 over couples: the same for any order of rows, columns and couples, and whatever couples are called.

    Where nothing tells partners apart, the same also whichever of them comes first.
    """
    rows = _rows(sheet)
    kept = ~np.isnan(rows[:, :, 1:]).all(axis=(0, 2))
    starts = np.flatnonzero(np.diff(sheet.couple[kept], prepend=-1))
    width = rows.shape[2] * 8
    first, second = (rows[side, kept].tobytes() for side in (0, 1))
    digests = []
    for start, end in zip(starts * width, [*(starts[1:] * width), len(first)], strict=True):
        blocks = [first[start:end], second[start:end]]
        if is_exchangeable:
            blocks.sort()
        digests.append(sha256(blocks[0] + blocks[1]).digest())
    return sha256(b"".join(sorted(digests))).hexdigest()


def answers_hash(couples: Sequence[str], couple: Indexes, at: Numbers, y: Numbers) -> str:
    """SHA-256 of each couple's name, times and answers, added up: the same for any order of couples and partners,
    and of parts added up the same as of the whole. Two fits that have it in common were made to the same answers.
    """
    rows = np.column_stack([at, np.sort(np.where(np.isnan(y), np.nan, y + 0.0), axis=1)]).astype("<f8")
    starts = np.searchsorted(couple, np.arange(len(couples) + 1)) * rows.shape[1] * 8
    told = rows.tobytes()
    return added(
        sha256(name.encode() + b"\0" + told[start:end]).hexdigest()
        for name, start, end in zip(couples, starts[:-1], starts[1:], strict=True)
    )


def cohort_hash(secret: bytes, analysis: str, couple: Indexes, columns: Numbers) -> str:
    """HMAC-SHA-256 of the numbers (a row an occasion) and of an analysis: without the secret it confirms no guess, and
    does not tell whether two analyses are of the same couples. The same for any order of couples.
    """
    starts = np.flatnonzero(np.diff(couple, prepend=-1))
    told = np.where(np.isnan(columns), np.nan, columns + 0.0).astype("<f8")
    digests = sorted(sha256(part.tobytes()).digest() for part in np.split(told, starts[1:]))
    return hmac.new(secret, analysis.encode() + b"\0" + b"".join(digests), sha256).hexdigest()


def added(hashes: Iterable[str]) -> str:
    """The hash of all the answers of several parts."""
    return format(sum(int(one, 16) for one in hashes) % 2**256, "064x")


def _rows(sheet: Sheet) -> Numbers:
    """(2, m, 1 + columns): time and every column, a partner at a time; one nan and one zero."""
    at = np.repeat(sheet.at[:, None], 2, axis=1)
    rows = np.stack([at, *(sheet.values[name] for name in sorted(sheet.values))], axis=2).transpose(1, 0, 2)
    return np.where(np.isnan(rows), np.nan, rows + 0.0).astype("<f8")
