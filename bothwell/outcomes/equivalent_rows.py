"""How a script for R reads a researcher's table: the file, whose each row is, and when. It runs nothing."""

import re

from bothwell.outcomes.columns import EMPTY, Writing
from bothwell.outcomes.spec import Spec

# What the script itself calls something.
OURS = (
    "table",
    "couple",
    "side",
    "who",
    "role",
    "sign",
    "occasion",
    "wave",
    "time",
    "step",
    "at",
    "usual",
    "s",
    "d",
    "fit",
    "answer",
)
# What R does.
RESERVED = ("if", "else", "repeat", "while", "function", "for", "next", "break", "in", "T", "F", "I",
            "TRUE", "FALSE", "NULL", "Inf", "NaN", "NA")  # fmt: skip
R_OPTIONS = {"separator": "sep", "decimal": "dec", "encoding": "fileEncoding"}
R_ENCODINGS = {"utf-8-sig": "UTF-8-BOM", "utf-16": "UTF-16"}


def table_lines(data: str, writing: Writing) -> list[str]:
    """The file as R's data frame `table`."""
    if data.endswith(".parquet"):
        return [f"table <- as.data.frame(arrow::read_parquet({quoted(data)}))"]
    options = {name: getattr(writing, name) for name in ("separator", "decimal", "encoding")}
    said = "".join(
        f", {R_OPTIONS[name]} = {quoted(R_ENCODINGS.get(value, value))}"
        for name, value in options.items()
        if value != getattr(Writing(), name)
    )
    return [
        f"table <- read.csv({quoted(data)}{said}, check.names = FALSE, strip.white = TRUE,",
        f"                  na.strings = c({', '.join(map(quoted, EMPTY))}))",
    ]


def quoted(value: str) -> str:
    """A text as R takes it."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def plain_name(spec: Spec, name: str) -> str:
    """A column's name as R takes it without quotes, different from any other's and from what the script needs.

    It has no dot: names with one are the script's own, made from others.
    """
    plain = _clean(name)
    alike = [column for column in spec.columns if _clean(column) == plain]
    return plain if alike[0] == name else f"{plain}.{alike.index(name) + 1}"


def _clean(name: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9_]", "_", name)
    plain = plain if re.match(r"[A-Za-z]", plain) else f"v_{plain}"
    return f"{plain}_" if plain in OURS or plain in RESERVED else plain


def who_lines(spec: Spec) -> list[str]:
    """Whose each row is, on which side, and at which occasion."""
    who = spec.role or spec.partner if spec.distinguished else spec.partner
    lines = [
        f"d <- data.frame(couple = table[[{quoted(spec.couple)}]])",
        f"who <- table[[{quoted(who)}]]",
        'who <- factor(who, levels = sort(unique(who), method = "radix"))  # the same order in every language',
    ]
    if spec.distinguished:
        lines += ["d$role <- who", "d$side <- as.integer(who)", "d$sign <- ifelse(d$side == 1, 1, -1)"]
    else:
        lines += [
            "d$side <- ave(as.integer(who), d$couple, FUN = function(who) match(who, sort(unique(who))))"
        ]
    if not spec.has_waves:
        return [*lines, "d$step <- 1", "d$occasion <- d$couple"]
    return [*lines, *_when(spec), "d$occasion <- paste(d$couple, d$step)"]


def _when(spec: Spec) -> list[str]:
    if not (spec.wave and spec.time):
        return [
            f"d$time <- table[[{quoted(spec.time or spec.wave)}]]",
            "d$step <- match(d$time, sort(unique(d$time)))",
        ]
    return [
        f"d$wave <- table[[{quoted(spec.wave)}]]",
        f"d$time <- ave(table[[{quoted(spec.time)}]], d$couple, d$wave)",
        "d$step <- if (is.numeric(d$wave)) match(d$wave, sort(unique(d$wave))) else",
        "  as.integer(reorder(factor(d$wave), d$time))",
    ]
