"""The same question written for R, so that whoever trusts R more can ask it there. It runs nothing.

The script reads the table from a CSV file, puts each partner's values beside the other's, and calls `nlme`
(Pinheiro & Bates 2000) with the fixed effects, random effects and residual covariance that the fit has.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bothwell.outcomes.columns import EMPTY
from bothwell.outcomes.design import INTERCEPT, ROLE, actor, bare, partner, times
from bothwell.outcomes.diary import between, within
from bothwell.outcomes.lagged import before
from bothwell.outcomes.precedence import change, level
from bothwell.outcomes.spec import OF, TIMES, Method, Model, Spec
from bothwell.outcomes.unfit import Unfit

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
NO_FADING = "# nlme cannot let residuals fade over the waves (AR(1)) where partners share them: this call leaves that out."


@dataclass(frozen=True)
class Column:
    """A column of R's data frame and how it is made."""

    name: str
    made: str = ""  # nothing where it is there already


def equivalent(spec: Spec, names: Sequence[str], data: str = "data.csv") -> str:
    """An R script that fits `spec`; `names` are the fixed effects of its fit or frame. Of mediation, the outcome's
    model (each of the two `steps` has a script of its own). Raises Unfit for common fate, which is no regression."""
    if spec.model is Model.COMMON_FATE:
        raise Unfit("common fate is no regression: nlme has no call for it")
    known = _known(spec, names)
    effects = [[known[part] for part in bare(name).split(TIMES) if part != INTERCEPT] for name in names]
    columns = dict.fromkeys(column for factors in effects for column in factors if column.made)
    lines = [
        "library(nlme)",
        f"table <- read.csv({_text(data)}, check.names = FALSE, strip.white = TRUE,",
        f"                  na.strings = c({', '.join(map(_text, EMPTY))}))",
        *_who(spec),
        *(f"d${_plain(spec, name)} <- table[[{_text(name)}]]" for name in spec.columns),
        *_finders(columns),
        *(f"d${column.name} <- {column.made}" for column in columns),
        f"d$answer <- {_answer(spec)}",
        *_call(spec, _formula(spec, names, effects)),
        "summary(fit)",
    ]
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _plain(spec: Spec, name: str) -> str:
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


def _who(spec: Spec) -> list[str]:
    who = spec.role or spec.partner if spec.distinguished else spec.partner
    lines = [
        f"d <- data.frame(couple = table[[{_text(spec.couple)}]])",
        f"who <- table[[{_text(who)}]]",
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
            f"d$time <- table[[{_text(spec.time or spec.wave)}]]",
            "d$step <- match(d$time, sort(unique(d$time)))",
        ]
    return [
        f"d$wave <- table[[{_text(spec.wave)}]]",
        f"d$time <- ave(table[[{_text(spec.time)}]], d$couple, d$wave)",
        "d$step <- if (is.numeric(d$wave)) match(d$wave, sort(unique(d$wave))) else",
        "  as.integer(reorder(factor(d$wave), d$time))",
    ]


def _finders(columns: Sequence[Column] | dict[Column, None]) -> list[str]:
    said = " ".join(column.made for column in columns)
    at = [
        "# a value of the same couple: the partner's, or some waves back",
        "at <- function(v, back = 0, side = d$side)",
        "  v[match(paste(d$couple, d$step - back, side), paste(d$couple, d$step, d$side))]",
    ]
    usual = [
        "# a person's mean over the waves",
        "usual <- function(v, side = d$side)",
        "  as.vector(tapply(v, paste(d$couple, d$side), mean, na.rm = TRUE)[paste(d$couple, side)])",
    ]
    return at * ("at(" in said) + usual * ("usual(" in said)


def _answer(spec: Spec) -> str:
    outcome = f"d${_plain(spec, spec.outcome)}"
    return f"{outcome} - at({outcome}, 1)" if spec.model is Model.LAGGED_MEDIATION else outcome


# ── effects ───────────────────────────────────────────────────────────────────────────────────────────────


def _known(spec: Spec, names: Sequence[str]) -> dict[str, Column]:
    """Everything an effect can be made of, by the name it has in a fit."""
    known = {ROLE: Column("sign")}
    if spec.has_waves:
        known[spec.time or spec.wave] = Column("time")
    for column in spec.columns:
        plain, v = _plain(spec, column), f"d${_plain(spec, column)}"
        steady = [
            times(effect, spec.time or spec.wave) for effect in (column, actor(column), partner(column))
        ]
        back = 1 if column == spec.outcome else 2
        known |= _own_and_partner(column, plain, v)
        known |= _own_and_partner(before(column), f"{plain}.before", v, 1)
        known |= _own_and_partner(change(column), f"{plain}.change", f"(at({v}, 1) - at({v}, 2))")
        known |= _own_and_partner(level(column), f"{plain}.earlier", v, back)
        known |= _own_and_partner(within(column), f"{plain}.within", f"({v} - usual({v}))")
        known |= _usual(between(column), f"{plain}.between", v)
        if spec.model is Model.GROWTH and any(bare(name) in steady for name in names):
            known |= _usual(column, f"{plain}.usual", v)
        for word, sign in (("sum of", "+"), ("difference in", "-")):
            name = f"{plain}.{word.split()[0]}"
            known[f"{word} {column}"] = Column(name, f"{v} {sign} at({v}, side = 3 - d$side)")
    return known


def _own_and_partner(name: str, plain: str, value: str, back: int = 0) -> dict[str, Column]:
    steps = f", {back}" if back else ""
    own = Column(plain, f"at({value}{steps})" if back else _without_brackets(value))
    return {
        name: own,
        actor(name): own,
        partner(name): Column(
            f"{plain}.partner", f"at({_without_brackets(value) or value}{steps}, side = 3 - d$side)"
        ),
    }


def _without_brackets(value: str) -> str:
    """What is made of other columns; nothing for a column that is there already."""
    return value[1:-1] if value.startswith("(") else ""


def _usual(name: str, plain: str, value: str) -> dict[str, Column]:
    own = Column(plain, f"usual({value})")
    others = Column(f"{plain}.partner", f"usual({value}, side = 3 - d$side)")
    return {name: own, actor(name): own, partner(name): others}


def _formula(spec: Spec, names: Sequence[str], effects: Sequence[Sequence[Column]]) -> str:
    written = [":".join(column.name for column in factors) for factors in effects]
    if any(OF in name for name in names):
        own = dict.fromkeys(term for term in written if term)
        return " + ".join(["answer ~ 0 + role", *(f"role:{term}" for term in own)])
    return "answer ~ " + (" + ".join(term for term in written if term) or "1")


# ── the call ──────────────────────────────────────────────────────────────────────────────────────────────


def _varying(spec: Spec) -> list[str]:
    """What has a random effect of each partner, beside the intercept."""
    if spec.model is Model.GROWTH:
        return ["time"]
    return [f"{_plain(spec, name)}.within" for name in spec.predictors if spec.random_slopes]


def _call(spec: Spec, formula: str) -> list[str]:
    mixed = spec.model in (Model.GROWTH, Model.DIARY) or spec.random_intercepts
    grouping = "couple/occasion" if mixed else "occasion"
    options = [
        f"correlation = corCompSymm(form = ~ 1 | {grouping})",
        *(["weights = varIdent(form = ~ 1 | role)"] if spec.distinguished else []),
        f'method = "{"ML" if spec.method is Method.ML else "REML"}"',
        "na.action = na.omit",
    ]
    turn = [
        "d$s <- 1 / sqrt(2)  # what partners share",
        "d$d <- ifelse(d$side == 1, 1, -1) / sqrt(2)  # in what they differ",
    ]
    name = "gls"
    if mixed:
        name = "lme"
        options = [
            f"random = list(couple = {_random(spec)})",
            *options,
            "control = lmeControl(maxIter = 200, msMaxIter = 500)",
        ]
    start = f"fit <- {name}("
    inner = ",\n".join(" " * len(start) + option for option in ["data = d", *options])
    return [
        *([NO_FADING] if spec.autoregressive else []),
        *(turn if mixed and not spec.distinguished else []),
        f"{start}{formula},\n{inner})",
    ]


def _random(spec: Spec) -> str:
    varying = _varying(spec)
    if spec.distinguished:
        return "pdSymm(~ " + " + ".join(["0 + role", *(f"role:{name}" for name in varying)]) + ")"
    blocks = [" + ".join([f"0 + {part}", *(f"{part}:{name}" for name in varying)]) for part in "sd"]
    return "pdBlocked(list(" + ", ".join(f"pdSymm(~ {block})" for block in blocks) + "))"
