"""What a partner's page needs in a test: answers, a course, a session, an insight that was shared."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import uuid4

from django.utils import timezone

from bothwell.couples.models import Person
from bothwell.instruments.actions import open_response, save_answer, send
from bothwell.instruments.catalogue import load
from bothwell.integration import actions
from bothwell.integration.insights import Words
from bothwell.models import (
    Course,
    DosingSession,
    Insight,
    ProtocolVersion,
    Request,
    Response,
)
from bothwell.pathway import protocol as protocols
from bothwell.privacy import door
from bothwell.privacy.circles import Relation
from tests.cast import Cast
from tests.conftest import loading

BOTH = frozenset({Relation.PARTNER, Relation.COUPLES_THERAPIST})


def asked(
    cast: Cast, who: Person, instrument: str = "phq-9", wave: str = "w1", due_at: datetime | None = None
) -> Request:
    """A request that waits for `who`."""
    with loading():
        return Request.objects.create(
            clinic=cast.clinic,
            subject=who,
            author=cast.prescriber,
            instrument=instrument,
            kind=load(instrument).kind.value,
            wave=wave,
            due_at=due_at or timezone.now() + timedelta(days=1),
        )


def answered(request: Request, who: Person, choice: int = 0, last_choice: int = 0) -> Response:
    """Everything answered by the option at `choice`, the last scored item by `last_choice`; then sent."""
    instrument = load(request.instrument)
    with door.opened(who.id):
        draft = open_response(by=who, request=request)
        for item in instrument.items:
            at = last_choice if item == instrument.scored_items[-1] else choice
            draft = save_answer(
                by=who,
                response_id=draft.id,
                link_id=item.link_id,
                code=item.options[at].code,
                revision=draft.revision,
            )
        return send(by=who, response_id=draft.id)


def wrote(who: Person, text: str, **notes: str) -> Insight:
    """An insight of `who`, theirs alone."""
    with door.opened(who.id):
        return actions.write(by=who, words=Words(text, **notes), request_id=uuid4())


def gave(
    who: Person, insight: Insight, audiences: Iterable[Relation] = BOTH, opens_at: datetime | None = None
) -> None:
    """`who` opens the current words of an insight."""
    with door.opened(who.id):
        current = actions.current_version(insight)
        actions.choose_audience(
            by=who, insight_id=insight.id, version_id=current.id, audiences=audiences, opens_at=opens_at
        )


def course_of(cast: Cast, who: Person) -> Course:
    """An active course by infusion."""
    path = next(iter(protocols.shipped()))
    rules = protocols.load(path)
    with loading():
        version, _ = ProtocolVersion.objects.get_or_create(
            clinic=cast.clinic,
            sha256=rules.sha256,
            defaults={
                "name": rules.name,
                "version": rules.version,
                "source": path.read_text(encoding="utf-8"),
            },
        )
        return Course.objects.create(
            clinic=cast.clinic,
            subject=who,
            couple=cast.couple,
            author=cast.prescriber,
            protocol=version,
            route="iv",
            phase="preparation",
            state="active",
        )


def session_of(cast: Cast, who: Person, at: datetime, **more: object) -> DosingSession:
    """A session of `who` at a time."""
    course = course_of(cast, who)
    with loading():
        return DosingSession.objects.create(
            clinic=cast.clinic,
            subject=who,
            couple=cast.couple,
            author=cast.prescriber,
            course=course,
            number=1,
            scheduled_at=at,
            **more,
        )
