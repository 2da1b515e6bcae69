"""A researcher's table from a file: CSV, or Parquet where pyarrow is installed. It changes nothing and keeps nothing."""

from __future__ import annotations

import codecs
import csv
import re
from importlib import import_module
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any

from bothwell.outcomes.columns import FromFile, Writing
from bothwell.outcomes.unfit import Unfit

SEPARATORS = (",", ";", "\t")
COMMA = re.compile(r"\s*[+-]?[0-9]+,[0-9]+([eE][+-]?[0-9]+)?\s*")
POINT = re.compile(r"\s*[+-]?[0-9]*\.[0-9]+([eE][+-]?[0-9]+)?\s*")
CURES = {
    **dict.fromkeys((".xlsx", ".xls", ".ods"), "; save the sheet as “CSV UTF-8”"),
    **dict.fromkeys((".sav", ".por"), "; save the data as CSV from SPSS"),
}


def read_table(path: Path | str) -> Any:
    """The table of a `.csv`, `.tsv` or `.txt` file (columns of texts) or a `.parquet` file (an Arrow table).

    The header says what separates cells: commas, semicolons or tabs. Decimal commas are read in the latter two, in
    columns that have no decimal point. Rows without any value and columns without a name are left aside. Raises Unfit,
    in one sentence, for a file that is not there, cannot be read, or has another ending.
    """
    path = Path(path)
    if not path.is_file():
        raise Unfit(f"there is no file {path}")
    match path.suffix.lower():
        case ".csv" | ".tsv" | ".txt":
            return _csv(path)
        case ".parquet":
            return _parquet(path)
        case ending:
            raise Unfit(f"{path.name} is neither .csv nor .parquet{CURES.get(ending, '')}")


def _csv(path: Path) -> FromFile:
    encoding, text = _text(path)
    separator = _separator(text.lstrip("\r\n").partition("\n")[0])
    try:
        reader = csv.reader(StringIO(text, newline=""), delimiter=separator)
        rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error:
        raise Unfit(f"{path.name} cannot be read as CSV") from None
    if not rows:
        raise Unfit(f"{path.name} is empty")
    header, body = [name.strip() for name in rows[0][1]], rows[1:]
    named = [name for name in header if name]
    if len(set(named)) < len(named):
        raise Unfit(f"{path.name} has two columns of one name")
    for line, row in body:
        if len(row) != len(header):
            raise Unfit(f"{path.name}: line {line} has {len(row)} cells, the header {len(header)}")
    found = FromFile({name: [row[at] for _, row in body] for at, name in enumerate(header) if name})
    found.lines = [line for line, _ in body]
    with_commas = [name for name in found if separator != "," and _has_decimal_commas(found[name])]
    for name in with_commas:
        found[name] = [cell.replace(",", ".") if COMMA.fullmatch(cell) else cell for cell in found[name]]
    found.writing = Writing(separator, "," if with_commas else ".", encoding)
    return found


def _separator(header: str) -> str:
    """What parts the header into most names."""
    return max(SEPARATORS, key=lambda each: len(next(csv.reader([header], delimiter=each), [])))


def _text(path: Path) -> tuple[str, str]:
    """The file's encoding and all of it. Raises Unfit for what is neither UTF-8 nor begins as UTF-16 does."""
    try:
        content = path.read_bytes()
        is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        marked = "utf-8-sig" if content.startswith(codecs.BOM_UTF8) else "utf-8"
        encoding = "utf-16" if is_wide else marked
        return encoding, content.decode(encoding)
    except UnicodeDecodeError:
        raise Unfit(f"{path.name} cannot be read as CSV in UTF-8; save it as “CSV UTF-8”") from None
    except OSError:
        raise Unfit(f"{path.name} cannot be read") from None


def _has_decimal_commas(cells: list[str]) -> bool:
    return any(map(COMMA.fullmatch, cells)) and not any(map(POINT.fullmatch, cells))


def _parquet(path: Path) -> Any:
    if find_spec("pyarrow") is None:
        raise Unfit("Parquet files need pyarrow (the extra `analytics`)")
    try:
        return import_module("pyarrow.parquet").read_table(path)
    except (OSError, ValueError):
        raise Unfit(f"{path.name} cannot be read as Parquet") from None
