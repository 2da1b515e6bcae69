"""A question put to the couples' numbers: which model, which columns. It never holds a number of anybody's."""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from bothwell.outcomes.unfit import Unfit


class Model(StrEnum):
    """What may be asked (statistics of dyads after Kenny, Kashy & Cook 2006)."""

    ICC = "icc"  # how alike are partners?
    APIM = "apim"  # one's own and the partner's predictor, pooled; roles enter as deviations from the pool
    TWO_INTERCEPT = "two_intercept"  # the same likelihood with each role's own intercept and effects
    SUM_DIFFERENCE = "sum_difference"  # the couple's level, and who of the two is higher
    MEDIATION = "mediation"
    GROWTH = "growth"
    CROSS_LAG = "cross_lag"
    DIARY = "diary"
    LAGGED_MEDIATION = "lagged_mediation"
    COMMON_FATE = "common_fate"  # one hidden level of the couple behind both answers


class Method(StrEnum):
    """Maximum likelihood, or restricted to what the fixed effects leave free."""

    ML = "ml"
    REML = "reml"


NEEDS_PREDICTORS = frozenset(Model) - {
    Model.ICC,
    Model.GROWTH,
    Model.CROSS_LAG,
    Model.DIARY,
    Model.LAGGED_MEDIATION,
}
OF, TIMES = ": ", " × "  # between the words of an effect's name, and so in no name of a column or role
NEEDS_MEDIATOR = frozenset({Model.MEDIATION, Model.LAGGED_MEDIATION})
LAGGED = frozenset({Model.CROSS_LAG, Model.LAGGED_MEDIATION})  # ask for the wave before
NEEDS_WAVES = frozenset({Model.GROWTH, Model.CROSS_LAG, Model.DIARY, Model.LAGGED_MEDIATION})


@dataclass(frozen=True)
class Spec:
    """A model and the columns it reads; names are the table's own. Raises Unfit when they do not make a question.

    With `distinguished` the values of `role` (or, when none is named, of `partner`) tell the two partners apart,
    the same two for all couples. Without it `partner` may hold any two values in each couple.
    """

    model: Model
    outcome: str
    predictors: tuple[str, ...] = ()  # each enters as an actor's and as a partner's effect
    mediator: str = ""
    covariates: tuple[str, ...] = ()  # each enters with the person's own value alone
    moderators: tuple[str, ...] = ()  # as covariates, and times every actor's and partner's effect
    product: bool = False  # actor's times partner's value of each predictor
    couple: str = "couple"
    partner: str = "partner"
    role: str = ""
    wave: str = ""  # what both partners' rows share; numbers, or anything where `time` is named
    time: str = ""  # when, as a number; without it the wave's number
    distinguished: bool = True
    method: Method = Method.REML
    autoregressive: bool = False
    random_intercepts: bool = False  # of cross-lag, where asked for; a diary always has them
    random_slopes: bool = False  # of diary, where asked for

    def __post_init__(self) -> None:
        for name in KINDS:  # a model may be named by its word, columns by a list
            object.__setattr__(self, name, _value(name, getattr(self, name)))
        _check(self)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that hold numbers, each once."""
        named = (self.outcome, *self.predictors, self.mediator, *self.covariates, *self.moderators)
        return tuple(dict.fromkeys(name for name in named if name))

    @property
    def explaining(self) -> tuple[str, ...]:
        """The columns that hold numbers, without the outcome."""
        return self.columns[1:]

    @property
    def has_waves(self) -> bool:
        return bool(self.wave or self.time)

    @staticmethod
    def from_toml(text: str) -> Spec:
        """A Spec as written in a file. Columns that say who and when may stand under `[columns]`.

        Raises Unfit for a key that does not exist, a value of the wrong kind, or no TOML at all.
        """
        try:
            said = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise Unfit(f"the specification is not TOML: {error}") from None
        who = said.pop("columns", {})
        if not isinstance(who, dict):
            raise Unfit("[columns] must be a table")
        for key in ("model", "outcome"):
            if key not in said:
                raise Unfit(f"the specification does not say its {key}")
        for key in said | who:
            if key not in KINDS:
                raise Unfit(f"the specification knows no {key!r}; it knows {', '.join(KINDS)}")
        return Spec(**(said | who))


KINDS = {field.name: field.type for field in fields(Spec)}


def _value(key: str, value: Any) -> Any:
    match KINDS[key]:
        case "Model":
            return _one_of(Model, key, value)
        case "Method":
            return _one_of(Method, key, value)
        case "bool" if isinstance(value, bool):
            return value
        case "str" if isinstance(value, str):
            return value
        case "tuple[str, ...]" if isinstance(value, list | tuple) and all(isinstance(n, str) for n in value):
            return tuple(value)
        case kind:
            raise Unfit(f"{key} must be {_said(str(kind))}")


def _said(kind: str) -> str:
    return {"bool": "true or false", "str": "a text"}.get(kind, "a list of texts")


def _one_of(kinds: type[StrEnum], key: str, value: Any) -> StrEnum:
    try:
        return kinds(value)
    except ValueError:
        raise Unfit(f"{key} must be one of {', '.join(kinds)}") from None


def _check(spec: Spec) -> None:
    if not spec.outcome:
        raise Unfit("no outcome was named")
    if spec.model in NEEDS_PREDICTORS and not spec.predictors:
        raise Unfit(f"{spec.model} needs at least one predictor")
    if spec.model in NEEDS_MEDIATOR and not spec.mediator:
        raise Unfit(f"{spec.model} needs a mediator")
    if spec.mediator and spec.model not in NEEDS_MEDIATOR:
        raise Unfit(f"{spec.model} takes no mediator; name it among the predictors or the covariates")
    if spec.random_intercepts and spec.model not in (Model.CROSS_LAG, Model.DIARY):
        raise Unfit(f"random_intercepts may be asked of cross_lag and diary, not of {spec.model}")
    if spec.random_slopes and spec.model is not Model.DIARY:
        raise Unfit(f"random_slopes may be asked of diary, not of {spec.model}")
    if spec.model in NEEDS_WAVES and not spec.has_waves:
        raise Unfit(f"{spec.model} needs the column of the wave or of the time")
    if (spec.moderators or spec.product) and not spec.predictors:
        raise Unfit("a moderator or a product needs a predictor")
    _check_names(spec)


def _check_names(spec: Spec) -> None:
    numbers = (spec.outcome, *spec.predictors, spec.mediator, *spec.covariates, *spec.moderators)
    for name, times in Counter(name for name in numbers if name).items():
        if times > 1:
            raise Unfit("named twice in one question", column=name)
    for name in (*numbers, spec.wave, spec.time):
        if OF in name or TIMES in name:
            raise Unfit(
                "a name with “: ” or “ × ” would be read as an effect's; give it another", column=name
            )
    keys = [name for name in (spec.couple, spec.partner, spec.role) if name]
    for name in keys:
        if name in numbers or keys.count(name) > 1:
            raise Unfit("tells who answered and cannot be a number of the model", column=name)
