"""An entry that was made beside somebody while the server was away, and is handed in later: how its form is read.

It decides nothing: the same form checks it and the same action keeps or refuses it as if it came from the page. It
believes no time that a page sends among its fields: when an entry was made, only a batch says, and that is logged.
"""

from collections.abc import Iterable, Mapping
from copy import copy
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from django.forms import Form
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict

MADE_AT: Final = "made_at"
BY_THE_TABLET: Final = "made_at_by_the_tablet"


class HandedIn(QueryDict):
    """The fields of one entry handed in. Its times stand beside them: no field of a form can claim to be one."""

    times: Mapping[str, datetime] = MappingProxyType({})


def request_for(
    request: HttpRequest, path: str, fields: Iterable[tuple[str, str]], times: Mapping[str, datetime]
) -> HttpRequest:
    """The post the page would have sent, from the same person; `times` says when it was made, by both clocks."""
    data = HandedIn(mutable=True)
    for name, value in fields:
        data.appendlist(name, value)
    data.times = dict(times)
    inner = copy(request)
    inner.method, inner.path, inner.path_info = "POST", path, path
    inner.GET = QueryDict()
    inner.POST = data  # type: ignore[assignment]
    return inner


def is_one(request: HttpRequest) -> bool:
    """Whether this post is handed in later: it is answered in words, not with a page."""
    return isinstance(request.POST, HandedIn)


def answer(context: Mapping[str, Any], status: int) -> HttpResponse:
    """Why an entry was not kept, in one or more sentences."""
    return JsonResponse({"reason": " ".join(_sentences(context))}, status=status)


def _sentences(context: Mapping[str, Any]) -> list[str]:
    form = context.get("form")
    said = [context.get("trouble") or ""]
    if isinstance(form, Form):
        for name, errors in form.errors.items():
            label = form.fields[name].label if name in form.fields else ""
            said += [f"{label}: {error}" if label else str(error) for error in errors]
    return [each for each in said if each]


def made_at(data: Mapping[str, Any]) -> datetime | None:
    """When an entry handed in was made, by our clock; none for what comes from an open page, whatever it says."""
    return _times(data).get(MADE_AT)


def times_of(data: Mapping[str, Any]) -> dict[str, str]:
    """When an entry handed in was made, by our clock and by the tablet's, as ISO 8601."""
    return {name: at.isoformat() for name, at in _times(data).items()}


def _times(data: Mapping[str, Any]) -> Mapping[str, datetime]:
    return data.times if isinstance(data, HandedIn) else {}


def note_of(said: str, at: datetime, why: str, reason: str) -> str:
    """The sentence that stays on the chart of an entry that could not be charted. `why`: what the person says."""
    words = f"Entered without a network at {at:%H:%M}, not charted: {said}. {reason}"
    return f"{words} Left out: {why}" if why else words


def note_id(request_id: UUID) -> UUID:
    """The identifier of that note: always the same one for the same entry."""
    return UUID(int=request_id.int ^ (1 << 64) - 1)
