"""The columns of a tidy table as arrays, whoever holds the table: pandas, Polars, Arrow or a plain mapping.

It never changes the table and never repeats a cell in an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw
import numpy as np
from narwhals.exceptions import DuplicateError
from numpy.typing import NDArray

from bothwell.outcomes.arrays import Indexes, Numbers
from bothwell.outcomes.unfit import Unfit

Raw = NDArray[Any]
EMPTY = ("", "NA", "NaN", "nan", ".", "None", "null", "NaT", "<NA>")  # how files write "not answered"


def columns(table: Any, names: Sequence[str]) -> dict[str, Raw]:
    """The named columns; whole numbers and floats as they are, missing numbers as nan, the rest as objects.

    Raises Unfit for a column that is not there or no column, two of one name, different lengths and an empty table.
    """
    found = table if isinstance(table, Mapping) else None
    frame = None if found is not None else _native(table)
    there = list(found if found is not None else frame.columns)  # type: ignore[union-attr]
    for name in names:
        if name not in there:
            raise Unfit(f"the table has no such column; it has {', '.join(map(str, there))}", column=name)
    arrays = {
        name: _plain(name, found[name]) if found is not None else _array(frame[name])  # type: ignore[index]
        for name in names
    }
    if len({len(array) for array in arrays.values()}) > 1:
        raise Unfit("the table's columns have different lengths")
    if not all(len(array) for array in arrays.values()):
        raise Unfit("the table has no rows")
    return arrays


def _native(table: Any) -> nw.DataFrame[Any]:
    try:
        frame = nw.from_native(table)
    except TypeError:
        raise Unfit("a table of pandas, Polars or Arrow was expected, or a mapping of columns") from None
    except DuplicateError:
        raise Unfit("the table has two columns of one name") from None
    return frame.collect() if isinstance(frame, nw.LazyFrame) else frame


def _plain(name: str, values: Any) -> Raw:
    try:
        array = np.asarray(values)
    except ValueError:  # cells that are lists of different lengths
        raise Unfit("not a column: a row has one value", column=name) from None
    if array.ndim != 1:
        raise Unfit("not a column: a row has one value", column=name)
    if array.dtype.kind in "iufb":
        return array
    return _objects(list(values))


def _array(series: nw.Series[Any]) -> Raw:
    dtype = series.dtype
    if dtype.is_integer() and not series.is_null().any():
        return series.to_numpy()
    if dtype.is_numeric() or dtype == nw.Boolean:
        return series.cast(nw.Float64).to_numpy()
    missing = series.is_null().to_list()
    return _objects([None if gone else value for value, gone in zip(series.to_list(), missing, strict=True)])


def _objects(values: list[Any]) -> Raw:
    if all(isinstance(value, int | float | np.number) or value is None for value in values):
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def numbered(values: Indexes) -> tuple[Indexes, Indexes]:
    """The distinct whole numbers in order, and each row's place among them; counted where they lie close together."""
    low, high = int(values.min()), int(values.max())
    if high - low > 4 * len(values):
        distinct, place = np.unique(values, return_inverse=True)
        return distinct, place.reshape(-1).astype(np.int64)
    there = np.zeros(high - low + 1, dtype=bool)
    there[values - low] = True
    places = np.cumsum(there, dtype=np.int64) - 1
    return np.flatnonzero(there) + low, places[values - low]


def codes(raw: Raw, column: str) -> tuple[Indexes, tuple[str, ...]]:
    """A number from 0 for each row's value, in the values' own order, and the values as texts.

    Blanks around a text are none of it, and 1, 1.0 and "1" are one value where they stand in one column. Raises Unfit
    where a row has no value, in whatever words: nobody could say whose row it is.
    """
    if raw.dtype == object:
        raw = np.array([_text(value) for value in raw])
        missing = np.isin(raw, EMPTY)
    else:
        missing = np.isnan(raw) if raw.dtype.kind == "f" else np.zeros(len(raw), dtype=bool)
    if missing.any():
        raise Unfit(f"row {int(np.argmax(missing)) + 1} of the table has no value here", column=column)
    if raw.dtype.kind == "i":
        distinct, place = numbered(raw.astype(np.int64))
        return place, tuple(map(str, distinct.tolist()))
    values, inverse = np.unique(raw, return_inverse=True)
    return inverse.reshape(-1).astype(np.int64), tuple(_text(value) for value in values.tolist())


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def numbers(raw: Raw, column: str, couple: Indexes, couples: Sequence[str]) -> Numbers:
    """The column as floats, nan where not answered. Raises Unfit naming the couple where a cell is no finite number."""
    found = raw.astype(np.float64) if raw.dtype != object else _parsed(raw, column, couple, couples)
    infinite = np.isinf(found)
    if infinite.any():
        raise Unfit("an infinite number", couple=couples[couple[np.argmax(infinite)]], column=column)
    return found


def _parsed(raw: Raw, column: str, couple: Indexes, couples: Sequence[str]) -> Numbers:
    found = np.full(len(raw), np.nan)
    for row, value in enumerate(raw):
        if value is None or (isinstance(value, str) and value.strip() in EMPTY):
            continue
        try:
            found[row] = float(value)
        except (TypeError, ValueError):
            raise Unfit("not a number", couple=couples[couple[row]], column=column) from None
    return found
