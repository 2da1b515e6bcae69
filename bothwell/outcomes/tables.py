"""A researcher's table from a file: CSV, or Parquet where pyarrow is installed. It changes nothing and keeps nothing."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bothwell.outcomes.unfit import Unfit


def read_table(path: Path | str) -> Any:
    """The table of a `.csv` file (columns of texts, as written) or a `.parquet` file (an Arrow table).

    Raises Unfit, in one sentence, for a file that is not there, cannot be read, or has another ending.
    """
    path = Path(path)
    if not path.is_file():
        raise Unfit(f"there is no file {path}")
    match path.suffix.lower():
        case ".csv":
            return _csv(path)
        case ".parquet":
            return _parquet(path)
    raise Unfit(f"{path.name} is neither .csv nor .parquet")


def _csv(path: Path) -> Mapping[str, list[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
    except (UnicodeDecodeError, csv.Error, OSError):
        raise Unfit(f"{path.name} cannot be read as CSV in UTF-8") from None
    if not rows:
        raise Unfit(f"{path.name} is empty")
    header, body = rows[0], [row for row in rows[1:] if row]
    if len(set(header)) < len(header):
        raise Unfit(f"{path.name} has two columns of one name")
    for number, row in enumerate(body, start=2):
        if len(row) != len(header):
            raise Unfit(f"{path.name}: row {number} has {len(row)} cells, the header {len(header)}")
    return {name: [row[place] for row in body] for place, name in enumerate(header)}


def _parquet(path: Path) -> Any:
    if find_spec("pyarrow") is None:
        raise Unfit("Parquet files need pyarrow (the extra `analytics`)")
    try:
        return import_module("pyarrow.parquet").read_table(path)
    except (OSError, ValueError):
        raise Unfit(f"{path.name} cannot be read as Parquet") from None
