"""The same question written for R, so that whoever trusts R more can ask it there. It runs nothing.

The script reads the table from a CSV file, puts each partner's values beside the other's, and calls `nlme`
(Pinheiro & Bates 2000) with the fixed effects, random effects and residual covariance that the fit has.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bothwell.outcomes.columns import Writing
from bothwell.outcomes.design import INTERCEPT, ROLE, actor, bare, partner, times
from bothwell.outcomes.diary import between, within
from bothwell.outcomes.equivalent_rows import plain_name, quoted, table_lines, who_lines
from bothwell.outcomes.lagged import before
from bothwell.outcomes.precedence import change, level
from bothwell.outcomes.spec import OF, TIMES, Method, Model, Spec
from bothwell.outcomes.unfit import Unfit

NO_FADING = "# nlme cannot let residuals fade over the waves (AR(1)) where partners share them: this call leaves that out."
# gls and lme alike: Pinheiro & Bates 2000; the estimates are the same.
OTHER_ERRORS = (
    "# Bothwell's own standard errors are robust over couples here; gls takes each occasion for a couple's."
)
LARGER_ERRORS = (
    "# By ML, nlme's standard errors are sqrt(N / (N - p)) times Bothwell's (N answers, p effects)."
)


@dataclass(frozen=True)
class Column:
    """A column of R's data frame and how it is made."""

    name: str
    made: str = ""  # nothing where it is there already


def scripts(
    models: Sequence[tuple[Spec, Sequence[str]]], data: str = "data.csv", writing: Writing = Writing()
) -> str:
    """`equivalent` of each model of a question, one after the other, with a line above each that says which it is."""
    if len(models) == 1:
        return equivalent(*models[0], data, writing)
    parts = [f"# {_which(spec)}\n{equivalent(spec, names, data, writing)}" for spec, names in models]
    return "\n".join(parts)


def _which(spec: Spec) -> str:
    match spec.model:
        case Model.MEDIATION:
            return f"The outcome: {spec.outcome} on the mediator and the predictors"
        case Model.LAGGED_MEDIATION:
            return f"The change in {spec.outcome} after the change in {spec.mediator}"
    return f"The mediator: {spec.outcome} on the predictors"


def equivalent(spec: Spec, names: Sequence[str], data: str = "data.csv", writing: Writing = Writing()) -> str:
    """An R script that fits `spec`; `names` are the fixed effects of its fit or frame, `writing` how the data file is
    written. Of mediation, the outcome's model (see `scripts`). Raises Unfit for common fate, which is no regression."""
    if spec.model is Model.COMMON_FATE:
        raise Unfit("common fate is no regression: nlme has no call for it")
    known = _known(spec, names)
    effects = [[known[part] for part in bare(name).split(TIMES) if part != INTERCEPT] for name in names]
    columns = dict.fromkeys(column for factors in effects for column in factors if column.made)
    lines = [
        "library(nlme)",
        *table_lines(data, writing),
        *who_lines(spec),
        *(f"d${plain_name(spec, name)} <- table[[{quoted(name)}]]" for name in spec.columns),
        *_finders(columns),
        *(f"d${column.name} <- {column.made}" for column in columns),
        f"d$answer <- {_answer(spec)}",
        *_call(spec, _formula(spec, names, effects)),
        "summary(fit)",
    ]
    return "\n".join(lines) + "\n"


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
    outcome = f"d${plain_name(spec, spec.outcome)}"
    return f"{outcome} - at({outcome}, 1)" if spec.model is Model.LAGGED_MEDIATION else outcome


# ── effects ───────────────────────────────────────────────────────────────────────────────────────────────


def _known(spec: Spec, names: Sequence[str]) -> dict[str, Column]:
    """Everything an effect can be made of, by the name it has in a fit."""
    known = {ROLE: Column("sign")}
    if spec.has_waves:
        known[spec.time or spec.wave] = Column("time")
    for column in spec.columns:
        plain, v = plain_name(spec, column), f"d${plain_name(spec, column)}"
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
    return [f"{plain_name(spec, name)}.within" for name in spec.predictors if spec.random_slopes]


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
        *([LARGER_ERRORS] if spec.method is Method.ML else []),
        *([OTHER_ERRORS] if spec.has_waves and not mixed and spec.model is not Model.CROSS_LAG else []),
        *(turn if mixed and not spec.distinguished else []),
        f"{start}{formula},\n{inner})",
    ]


def _random(spec: Spec) -> str:
    varying = _varying(spec)
    if spec.distinguished:
        return "pdSymm(~ " + " + ".join(["0 + role", *(f"role:{name}" for name in varying)]) + ")"
    blocks = [" + ".join([f"0 + {part}", *(f"{part}:{name}" for name in varying)]) for part in "sd"]
    return "pdBlocked(list(" + ", ".join(f"pdSymm(~ {block})" for block in blocks) + "))"
