"""Which texts to sign a clinic still lacks: those without which nobody gets to a dose, or a couple to its agreement.

It counts nobody's signatures.
"""

from collections.abc import Iterable

from bothwell.pathway import protocol_actions
from bothwell.pathway.models import Course
from bothwell.pathway.schema import Route
from bothwell.pathway.steps import State
from bothwell.privacy import to_sign
from bothwell.privacy.models import ConsentText


def routes_in_use() -> tuple[Route, ...]:
    """The routes of the protocol signed last, and of open courses under an older one; all where none is signed."""
    version = protocol_actions.protocol_in_use()
    if version is None:
        return tuple(Route)
    routes = set(protocol_actions.protocol_of(version).routes)
    running = Course.objects.filter(state__in=[State.ACTIVE, State.ON_HOLD]).exclude(route="")
    routes |= {Route(route) for route in running.values_list("route", flat=True).distinct()}
    return tuple(route for route in Route if route in routes)


def routes_lacking(routes: Iterable[str]) -> frozenset[str]:
    """Those of `routes` that have no text to sign yet."""
    return frozenset(text.code for text in to_sign.routes_without(_there(), routes))


def is_enough() -> bool:
    """Whether somebody can be treated here at all: one route in use and the couple's agreement have their texts."""
    there, routes = _there(), routes_in_use()
    without = {text.code for text in to_sign.routes_without(there, routes)}
    return to_sign.is_agreement_there(there) and any(route not in without for route in routes)


def _there() -> set[tuple[str, str]]:
    return set(ConsentText.objects.values_list("kind", "code").distinct())


def lacking() -> list[str]:
    """What has to be published yet, in words; empty once every such text is there."""
    there = _there()
    words = [text.name for text in to_sign.routes_without(there, routes_in_use())]
    return (
        words
        if to_sign.is_agreement_there(there)
        else [*words, "The couple's agreement, in one way at least"]
    )
