"""The columns of a tidy table as arrays, whoever holds the table: pandas, Polars, Arrow or a plain mapping.

It never changes the table and never repeats a cell in an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import narwhals as nw
import numpy as np
from narwhals.exceptions import DuplicateError
from numpy.typing import NDArray

from bothwell.outcomes.arrays import Indexes, Numbers
from bothwell.outcomes.unfit import Unfit

Raw = NDArray[Any]
EMPTY = ("", "NA", "NaN", "nan", ".", "None", "null", "NaT", "<NA>",
         "N/A", "#N/A", "NULL", "#NULL!", "-")  # how files write "not answered"  # fmt: skip
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
KINDS = "words for kinds become columns of 0 and 1"
DATE = re.compile(r"[0-9]{1,4}[-./][0-9]{1,2}[-./][0-9]{1,4}([T ].*)?")


@dataclass(frozen=True)
class Writing:
    """How a file of texts is written, so that another program can be told."""

    separator: str = ","
    decimal: str = "."
    encoding: str = "utf-8"


class FromFile(dict[str, list[str]]):
    """Columns of texts as a file has them, the line on which each row ends, and how the file is written."""

    lines: Sequence[int] = ()
    writing: Writing = Writing()


@dataclass(frozen=True, eq=False)
class Whose:
    """Whose each of the table's rows is, to say so where one will not do."""

    couple: Indexes
    couples: tuple[str, ...]
    person: Indexes
    persons: tuple[str, ...]
    table: Any

    def unfit(self, row: int, reason: str, column: str, cure: str = "", and_row: int | None = None) -> Unfit:
        """What is wrong there: the couple, the column, the row or line and the partner, and what to do about it."""
        also = "" if and_row is None else f" and again {place(self.table, and_row)}"
        where = f"{place(self.table, row)}{also}, partner {self.persons[self.person[row]]}"
        return Unfit(
            f"{reason} ({where}){cure and f'; {cure}'}",
            couple=self.couples[self.couple[row]],
            column=column,
        )


def place(table: Any, row: int) -> str:
    """Where the row that counts from 0 stands: its line in a file, else its row in the table."""
    return (
        f"line {table.lines[row]} of the file"
        if isinstance(table, FromFile)
        else f"row {row + 1} of the table"
    )


def columns(table: Any, names: Sequence[str], optional: str = "") -> dict[str, Raw]:
    """The named columns; whole numbers and floats as they are, missing numbers as nan, the rest as objects. The
    `optional` one is full of nan where it is not there.

    Raises Unfit for a column that is not there or no column, two of one name, different lengths and an empty table.
    """
    found = table if isinstance(table, Mapping) else None
    frame = None if found is not None else _native(table)
    there = list(found if found is not None else frame.columns)  # type: ignore[union-attr]
    for name in names:
        if name not in there and name != optional:
            raise Unfit(f"the table has no such column; it has {', '.join(map(str, there))}", column=name)
    arrays = {
        name: _plain(name, found[name]) if found is not None else _array(frame[name])  # type: ignore[index]
        for name in names
        if name in there
    }
    if len({len(array) for array in arrays.values()}) > 1:
        raise Unfit("the table's columns have different lengths")
    if not all(len(array) for array in arrays.values()):
        raise Unfit("the table has no rows")
    rows = len(next(iter(arrays.values())))
    return {name: arrays[name] if name in arrays else np.full(rows, np.nan) for name in names}


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
    if all(_is_number(value) or value is None for value in values):
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


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, np.timedelta64)


def codes(raw: Raw, column: str, table: Any = None) -> tuple[Indexes, tuple[str, ...]]:
    """A number from 0 for each row's value, in the values' own order, and the values as texts.

    Blanks around a text are none of it. Where all values of the column are numbers, however written, they are compared
    and put in order as numbers: 1, 1.0, "1" and "01" are one, and 9 comes before 10. Raises Unfit where a row has no
    value, in whatever words: nobody could say whose row it is.
    """
    if raw.dtype == object:
        raw = np.array([_text(value) for value in raw])
        missing = np.isin(raw, EMPTY)
    else:
        missing = np.isnan(raw) if raw.dtype.kind == "f" else np.zeros(len(raw), dtype=bool)
    if missing.any():
        raise Unfit(f"{place(table, int(np.argmax(missing)))} has no value here", column=column)
    if raw.dtype.kind == "i":
        distinct, at = numbered(raw.astype(np.int64))
        return at, tuple(map(str, distinct.tolist()))
    values, inverse = np.unique(raw, return_inverse=True)
    at, words = inverse.reshape(-1).astype(np.int64), tuple(_text(value) for value in values.tolist())
    return _as_numbers(at, words) if all(map(NUMBER.fullmatch, words)) else (at, words)


def _as_numbers(at: Indexes, words: tuple[str, ...]) -> tuple[Indexes, tuple[str, ...]]:
    """The same codes with texts of one number made one, in the numbers' order. Decimal: a long code loses no digit."""
    numbers = [Decimal(word) for word in words]
    distinct = sorted(set(numbers))
    order = {number: rank for rank, number in enumerate(distinct)}
    places = np.array([order[number] for number in numbers], dtype=np.int64)
    return places[at], tuple(
        _text(int(number) if number == int(number) else float(number)) for number in distinct
    )


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def numbers(raw: Raw, column: str, whose: Whose, cure: str = KINDS) -> Numbers:
    """The column as floats, nan where not answered. Raises Unfit naming the row where a cell is no finite number, with
    the `cure` where it is a word."""
    found = raw.astype(np.float64) if raw.dtype != object else _parsed(raw, column, whose, cure)
    infinite = np.isinf(found)
    if infinite.any():
        raise whose.unfit(int(np.argmax(infinite)), "an infinite number", column)
    return found


def _parsed(raw: Raw, column: str, whose: Whose, cure: str) -> Numbers:
    found = np.full(len(raw), np.nan)
    for row, value in enumerate(raw):
        text = value.strip() if isinstance(value, str) else value
        if text is None or (isinstance(text, str) and text in EMPTY):
            continue
        try:
            found[row] = _float(text)
        except (TypeError, ValueError):
            raise whose.unfit(row, "not a number", column, _cure(text) or cure) from None
    return found


def _float(value: Any) -> float:
    """Raises ValueError for what only Python takes for a number: 1_000, a date, a duration."""
    if isinstance(value, np.datetime64 | np.timedelta64) or (isinstance(value, str) and "_" in value):
        raise ValueError
    return float(value)


def _cure(value: Any) -> str:
    if isinstance(value, date | np.datetime64) or (isinstance(value, str) and DATE.fullmatch(value)):
        return "a date: give the days since a start, such as 0, 28, 56"
    if isinstance(value, str) and NUMBER.fullmatch(value.replace(",", ".", 1)):
        return "write a decimal point, or save the file with semicolons between its cells"
    return ""
