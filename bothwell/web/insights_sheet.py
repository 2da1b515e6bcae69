"""One insight with everything about its sharing, as its author sees it; and who may open such a page.

It is read for its author alone, and writes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone

from bothwell.couples.models import Person
from bothwell.dosing.models import DosingSession
from bothwell.integration import actions
from bothwell.integration.insights import (
    Around,
    Event,
    Opened,
    Part,
    Version,
    badge,
    called,
    circle_of,
    history,
    latest_own,
)
from bothwell.integration.models import Insight, InsightVersion
from bothwell.privacy.circles import Relation
from bothwell.privacy.models import Audience, Grant
from bothwell.web.around import Nearby, nearby
from bothwell.web.asking import require_partner

PART_LABELS = {
    Part.FEELING: "What I felt",
    Part.TO_SAY: "What I want to say",
    Part.TO_ASK: "What I want to ask",
}

ROLES = {
    Relation.PARTNER: "",
    Relation.COUPLES_THERAPIST: "couples therapist",
    Relation.INDIVIDUAL_THERAPIST: "individual therapist",
}


@dataclass(frozen=True)
class Standing:
    """How one audience stands to an insight: which words they read, or will, since when or from when."""

    audience: Relation
    name: str
    grant: Grant
    given: InsightVersion
    is_asleep: bool
    is_behind: bool

    @property
    def role(self) -> str:
        return ROLES[self.audience]

    @property
    def since(self) -> datetime:
        return self.grant.opens_at

    @property
    def session_at(self) -> datetime | None:
        """The couples session it was given for."""
        return self.grant.for_session.at if self.grant.for_session else None

    @property
    def parts(self) -> list[dict[str, str]]:
        return parts_of(self.given)


@dataclass
class Sheet:
    """One insight of the viewer's own with everything about its sharing, as its author sees it."""

    insight: Insight
    current: InsightVersion
    versions: list[InsightVersion]
    grants: list[Grant]
    around: Around
    now: datetime = field(default_factory=timezone.now)

    @property
    def open_grants(self) -> list[Grant]:
        """Those that hold now, or will once they were slept on."""
        return [grant for grant in self.grants if grant.revoked_at is None]

    @property
    def standings(self) -> list[Standing]:
        """Everybody who reads it now or will, in the order people are named."""
        by_id = {version.id: version for version in self.versions}
        found = [self._standing(grant, by_id[grant.item_id]) for grant in self.open_grants]
        order = list(Relation)
        return sorted(found, key=lambda one: order.index(one.audience))

    def _standing(self, grant: Grant, given: InsightVersion) -> Standing:
        audience, words = Relation(grant.audience), actions.words_of(given)
        chosen = [part for part in Part if getattr(words, part.value)]
        return Standing(
            audience,
            called({audience}, self.around),
            grant,
            given,
            is_asleep=grant.opens_at > self.now,
            is_behind=words != actions.words_of(self.current).only(chosen),
        )

    def standing_of(self, audience: Relation) -> Standing | None:
        return next((one for one in self.standings if one.audience == audience), None)

    @property
    def audiences(self) -> frozenset[Relation]:
        """Whom it is open to at this moment."""
        return frozenset(one.audience for one in self.standings if not one.is_asleep)

    @property
    def chosen(self) -> frozenset[Relation]:
        """Whom the author chose, those still asleep among them."""
        return frozenset(Relation(grant.audience) for grant in self.open_grants)

    @property
    def asleep_until(self) -> datetime | None:
        return max((grant.opens_at for grant in self.open_grants if grant.opens_at > self.now), default=None)

    @property
    def circle(self) -> str:
        return circle_of(self.audiences)

    @property
    def badge(self) -> str:
        return badge(self.audiences, self.around)

    @property
    def waiting_for(self) -> str:
        return called(self.chosen - self.audiences, self.around)

    @property
    def behind(self) -> list[Standing]:
        """Whoever reads, or will read, earlier words than those that stand here now."""
        return [one for one in self.standings if one.is_behind]

    @property
    def detail(self) -> list[dict[str, object]]:
        """Who exactly can see it, and since when."""
        return [
            {"name": one.name, "role": one.role, "since": one.since}
            for one in self.standings
            if not one.is_asleep
        ]

    @property
    def asleep_words(self) -> str:
        """What the badge adds while a share is slept on."""
        return f"Until it opens to {self.waiting_for}." if self.asleep_until else ""

    @property
    def own_versions(self) -> list[InsightVersion]:
        """The author's own words, newest first, each once: without those made to be given and mere changes of tags."""
        given = {grant.item_id for grant in self.grants} - {self.current.id}
        own = [version for version in self.versions if version.id not in given]
        later = [None, *own]
        return [
            version
            for version, newer in zip(own, later, strict=False)
            if newer is None or actions.words_of(version) != actions.words_of(newer)
        ]

    @property
    def history(self) -> list[Event]:
        return history([self._opened(grant) for grant in self.grants], self.around, self.now)

    def _opened(self, grant: Grant) -> Opened:
        session = grant.for_session
        return Opened(
            Relation(grant.audience),
            grant.recorded_at,
            grant.opens_at,
            grant.revoked_at,
            grant.item_id,
            timezone.localtime(session.at).date() if session else None,
            grant.couple.parted_at
            if grant.couple and grant.audience != Audience.INDIVIDUAL_THERAPIST
            else None,
        )


def parts_of(version: InsightVersion) -> list[dict[str, str]]:
    """The notes of a version that have words."""
    return [
        {"name": part.value, "label": label, "text": getattr(version, part.value)}
        for part, label in PART_LABELS.items()
        if getattr(version, part.value)
    ]


def sheets(who: Person, found: Iterable[Insight], around: Around) -> list[Sheet]:
    """The sheets of these insights, in three queries whatever their number."""
    insights = list(found)
    versions: dict[UUID, list[InsightVersion]] = {insight.id: [] for insight in insights}
    for version in InsightVersion.objects.filter(subject=who, insight_id__in=versions).order_by("-number"):
        versions[version.insight_id].append(version)
    ids = [version.id for rows in versions.values() for version in rows]
    grants: dict[UUID, list[Grant]] = {}
    rows = Grant.objects.filter(subject=who, item_kind=actions.ITEM_KIND, item_id__in=ids)
    for grant in rows.select_related("for_session", "couple").order_by("id"):
        grants.setdefault(grant.item_id, []).append(grant)
    return [
        _sheet(insight, versions[insight.id], grants, around) for insight in insights if versions[insight.id]
    ]


def _sheet(
    insight: Insight, versions: list[InsightVersion], grants: dict[UUID, list[Grant]], around: Around
) -> Sheet:
    newest = latest_own([Version(row.id, row.number) for row in versions], grants)
    current = next(row for row in versions if newest and row.id == newest.id)
    return Sheet(insight, current, versions, [g for row in versions for g in grants.get(row.id, [])], around)


def own_sheet(request: HttpRequest, insight_id: UUID) -> tuple[Person, Nearby, Sheet]:
    """The viewer, who is around them, and this insight of theirs; 404 for anybody else's."""
    who = require_partner(request)
    insight = get_object_or_404(Insight, id=insight_id, subject=who)
    surroundings = nearby(who)
    (sheet,) = sheets(who, [insight], surroundings.around)
    return who, surroundings, sheet


def last_session_at(who: Person) -> datetime | None:
    """When the person last was in a dosing session, as far as it got."""
    last = (
        DosingSession.objects.filter(subject=who, started_at__isnull=False)
        .order_by("-started_at")
        .values("started_at", "ended_at")
        .first()
    )
    return (last["ended_at"] or last["started_at"]) if last else None
