"""Pausing the alarms of one quantity, turning them off with a reason, and on again; a cuff's three in one press.

Nothing here acknowledges an alarm, and nothing is quiet without standing in the room and on the board.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from uuid import UUID, uuid4, uuid5

from django import forms
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bothwell.monitoring import quieting_actions
from bothwell.monitoring.pausing import NEVER_OFF
from bothwell.refusal import Refused
from bothwell.web.bedside_forms import Bedside
from bothwell.web.quieted import OF_ONE_CUFF, PRESSURE, Quiet, channels_of, off_or_paused, title_of
from bothwell.web.room_bed import Bed, bed_of, show, show_or_keep

__all__ = ["off_or_paused"]

OFFERED = (
    PRESSURE, "spo2", "heart_rate", "respiratory_rate", "etco2", "sedation", "dissociation", "nausea",
    *sorted(NEVER_OFF),
)  # fmt: skip


class TurnedOff(Bedside):
    """Why alarms are to be off."""

    reason = forms.CharField(
        label="Why",
        max_length=quieting_actions.MOST_REASON,
        help_text="It stands with your name in the room and on the board until somebody turns them on again.",
        error_messages={"required": "Say why these alarms are to be off."},
    )


@dataclass(frozen=True)
class Line:
    """One quantity on the page of alarms."""

    code: str
    quiet: Quiet | None
    request_id: UUID = field(default_factory=uuid4)

    @property
    def title(self) -> str:
        return title_of(self.code)

    @property
    def may_be_off(self) -> bool:
        return self.code not in NEVER_OFF


@require_GET
def alarms(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Every quantity: calling, paused or off."""
    bed = _open_bed(request, session_id)
    return _page(request, bed)


def _page(request: HttpRequest, bed: Bed, trouble: str = "", status: int = 200) -> HttpResponse:
    lines = [Line(code, quiet) for code, quiet in _rows(bed.side.quiet)]
    return show(request, bed, "room/alarms.html", {"lines": lines, "trouble": trouble}, status)


def _rows(quieted: Iterable[Quiet]) -> Iterator[tuple[str, Quiet | None]]:
    """What the page lists. Of a cuff whose three do not stand alike, those that are quiet have rows of their own."""
    quiet = {each.code: each for each in quieted}
    for code in OFFERED:
        yield code, quiet.get(code)
        if code == PRESSURE:
            yield from ((one, quiet[one]) for one in OF_ONE_CUFF if one in quiet)


@require_POST
def pause(request: HttpRequest, session_id: UUID, code: str) -> HttpResponse:
    """Two minutes without a call."""
    bed = _open_bed(request, session_id, code)
    return _done(request, bed, code, quieting_actions.pause)


@require_POST
def turn_on(request: HttpRequest, session_id: UUID, code: str) -> HttpResponse:
    """Calling again."""
    bed = _open_bed(request, session_id, code)
    return _done(request, bed, code, quieting_actions.turn_on)


@require_http_methods(["GET", "POST"])
def turn_off(request: HttpRequest, session_id: UUID, code: str) -> HttpResponse:
    """Off until turned on, with a reason; on a page of its own, so that typing holds up no alarm."""
    bed = _open_bed(request, session_id, code)
    form = TurnedOff(request.POST or None, zone=bed.zone)

    def keep() -> None:
        reason = form.cleaned_data["reason"]
        _each(
            code,
            form.cleaned_data["request_id"],
            lambda one, request_id: quieting_actions.turn_off(
                by=bed.who, session=bed.session, code=one, reason=reason, request_id=request_id
            ),
        )

    return show_or_keep(request, bed, form, f"{title_of(code)}: turn the alarms off", keep)


def _open_bed(request: HttpRequest, session_id: UUID, code: str = OFFERED[0]) -> Bed:
    """The bed of a session that is open, and an alarm there is; else 404."""
    bed = bed_of(request, session_id)
    if (
        code not in (*OFFERED, *OF_ONE_CUFF)
        or bed.session.arrived_at is None
        or bed.session.ended_at is not None
    ):
        raise Http404
    return bed


Act = Callable[[str, UUID], object]


def _each(code: str, request_id: UUID, act: Act) -> None:
    """Do it for every quantity under this name, all in one transaction, each with an event of its own.

    One that stands so already is left as it is. Raises Refused when all do, or none may.
    """
    channels = channels_of(code)
    refused = []
    with transaction.atomic():
        for one in channels:
            try:
                with transaction.atomic():
                    act(one, request_id if one == code else uuid5(request_id, one))
            except Refused as reason:
                refused.append(reason)
        if len(refused) == len(channels):
            raise refused[0]


def _done(request: HttpRequest, bed: Bed, code: str, act: Callable[..., object]) -> HttpResponse:
    form = Bedside(request.POST, zone=bed.zone)
    if not form.is_valid():
        return _page(request, bed, "Please press once more.", 422)
    try:
        _each(
            code,
            form.cleaned_data["request_id"],
            lambda one, request_id: act(by=bed.who, session=bed.session, code=one, request_id=request_id),
        )
    except Refused as refused:
        return _page(request, bed_of(request, bed.session.id), refused.reason, 422)
    return HttpResponseRedirect(bed.address())


urlpatterns: list[URLPattern] = [
    path("room/<uuid:session_id>/alarms", alarms, name="room-alarms"),
    path("room/<uuid:session_id>/alarms/<slug:code>/pause", pause, name="room-alarms-pause"),
    path("room/<uuid:session_id>/alarms/<slug:code>/off", turn_off, name="room-alarms-off"),
    path("room/<uuid:session_id>/alarms/<slug:code>/on", turn_on, name="room-alarms-on"),
]
