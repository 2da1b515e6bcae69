"""What a phone needs to go on without a network: the keeper of opened check-ins, and the way its answers come home.

The keeper keeps check-in pages the person opened and what they are drawn with, and nothing else; it is the same for
everybody and names nobody.
"""

import json
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.urls import URLPattern, path
from django.views.decorators.http import require_GET, require_POST

from bothwell.instruments import actions
from bothwell.instruments.answering import Event, Outcome
from bothwell.refusal import Refused, Stale
from bothwell.web import checkin_form
from bothwell.web.checkin import CheckIn, after_sending, check_in_of

MOST_EVENTS: Final = 200
LONGEST_NAME: Final = 120
SCRIPTS: Final = Path(__file__).parent / "static" / "bothwell" / "js"
WORKER: Final = ("offline-worker.js", "push-worker.js")


class NotABatch(ValueError):
    """What came is nothing a page of ours sends."""


@require_GET
def worker(request: HttpRequest) -> HttpResponse:
    """The keeper itself, from the root, so that it may see a login page pass and forget what it kept."""
    return HttpResponse(
        b"\n".join((SCRIPTS / name).read_bytes() for name in WORKER),
        content_type="text/javascript; charset=utf-8",
        headers={"Cache-Control": "no-cache"},
    )


@require_POST
def answers(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Keep a batch of answers; what comes back has been kept for good when it arrives."""
    check_in = check_in_of(request, request_id)
    try:
        events, known = _batch(request)
        recorded = actions.record(by=check_in.who, response_id=check_in.response.id, events=events)
    except NotABatch:
        return JsonResponse({"reason": "That could not be read, and nothing was changed."}, status=400)
    except Refused as refused:
        return JsonResponse({"reason": refused.reason}, status=422)
    now = CheckIn(check_in.who, check_in.request, check_in.instrument, recorded.response)
    said: dict[str, Any] = {
        "revision": recorded.response.revision,
        "outcomes": {str(event): outcome.value for event, outcome in recorded.outcomes.items()},
        "reasons": {str(event): reason for event, reason in recorded.reasons.items()},
        "isSent": now.is_sent,
        "needsSomeone": now.needs_someone,
    }
    if recorded.was_at != known or set(recorded.outcomes.values()) - {Outcome.KEPT}:
        items = actions.standing_of(recorded.response)
        said |= {"standing": checkin_form.standing(now.response.answers, items, now.response.revision)}
    return JsonResponse(said)


def _batch(request: HttpRequest) -> tuple[list[Event], int]:
    """The events and the revision the page knew. Raises NotABatch."""
    try:
        sent = json.loads(request.body)
        made = [_event(each) for each in sent["events"]]
        known = sent["revision"]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise NotABatch from error
    if not isinstance(known, int) or len(made) > MOST_EVENTS:
        raise NotABatch
    return made, known


def _event(given: dict[str, Any]) -> Event:
    answer, link_id = given["answer"], given["item"]
    if not isinstance(link_id, str) or len(link_id) > LONGEST_NAME or not isinstance(answer, str | None):
        raise NotABatch
    for text in (link_id, answer or ""):
        text.encode()  # half a character is no text
        if "\0" in text:
            raise NotABatch
    made_at = datetime.fromisoformat(given["madeAt"])
    if made_at.utcoffset() is None:
        raise NotABatch
    return Event(
        event=UUID(given["event"]),
        link_id=link_id,
        answer=answer,
        device=UUID(given["device"]),
        after=UUID(given["after"]) if given["after"] else None,
        made_at=made_at,
    )


@require_POST
def send(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Send it, if it still stands as the person last saw it; says where to go on. Twice is once."""
    check_in = check_in_of(request, request_id)
    try:
        revision = json.loads(request.body)["revision"]
        if not isinstance(revision, int):
            raise NotABatch
    except (ValueError, TypeError, KeyError):
        return JsonResponse({"reason": "That could not be read, and nothing was changed."}, status=400)
    try:
        response = actions.send(by=check_in.who, response_id=check_in.response.id, revision=revision)
    except Stale as stale:
        items = actions.standing_of(check_in.response)
        standing = checkin_form.standing(check_in.response.answers, items, check_in.response.revision)
        return JsonResponse({"reason": stale.reason, "standing": standing}, status=409)
    except Refused as refused:
        return JsonResponse({"reason": refused.reason}, status=422)
    return JsonResponse(
        {"next": after_sending(CheckIn(check_in.who, check_in.request, check_in.instrument, response))}
    )


@require_GET
def key(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """For answers that waited on this device while nobody was signed in: how to read them, and how to hand them in."""
    check_in = check_in_of(request, request_id)
    return JsonResponse(
        {
            "response": str(check_in.response.id),
            "key": checkin_form.queue_key(check_in.response.id),
            "token": get_token(request),
            "revision": check_in.response.revision,
        }
    )


urlpatterns: list[URLPattern] = [
    path("sw.js", worker, name="offline-worker"),
    path("checkin/<uuid:request_id>/answers", answers, name="checkin-answers"),
    path("checkin/<uuid:request_id>/send", send, name="checkin-send"),
    path("checkin/<uuid:request_id>/key", key, name="checkin-key"),
]
