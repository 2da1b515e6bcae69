"""Words one partner gave to the other: read, shown and previewed by one template, on whatever page they stand.

What is not open to the viewer is not here in any form; of other audiences a receiver learns nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.utils import timezone

from bothwell.couples.models import Person
from bothwell.integration.actions import ITEM_KIND
from bothwell.integration.insights import Words, badge
from bothwell.integration.models import InsightVersion
from bothwell.privacy.circles import Relation
from bothwell.privacy.models import Audience, Grant, Receipt
from bothwell.privacy.sharing_actions import receive
from bothwell.web.around import Nearby


@dataclass(frozen=True)
class Shared:
    """Words one of the two gave to the other; `mine` for one's own."""

    version: InsightVersion
    name: str
    side: str
    mine: bool
    label: str
    given_at: datetime
    insight_id: UUID | None = None

    @property
    def given_words(self) -> str:
        """A receiver learns of no other audience, so the badge promises none."""
        return f"{self.name} gave you these words, perhaps others too, and can take them back at any time."


def theirs(who: Person, surroundings: Nearby) -> tuple[list[Shared], bool]:
    """What the partner gave, as far as it is open; and whether something opened before was taken back."""
    partner = surroundings.partner
    if partner is None:
        return [], False
    versions = list(InsightVersion.objects.filter(subject=partner))
    given = _given(version.id for version in versions)
    # What the two gave each other in a couple before this one ended with that couple; nobody took it back.
    since = surroundings.couple.formed_at if surroundings.couple else timezone.now()
    read = set(
        Receipt.objects.filter(
            author=who, subject=partner, item_kind=ITEM_KIND, recorded_at__gte=since
        ).values_list("item_id", flat=True)
    )
    side = surroundings.other_side
    shared = [
        Shared(
            version,
            partner.name_used,
            side,
            False,
            badge(given[version.id], surroundings.around),
            given[version.id][Relation.PARTNER],
        )
        for version in versions
        if version.id in given
    ]
    return shared, bool(read - {version.id for version in versions} - renewed())


def renewed() -> set[UUID]:
    """Versions that the viewer had read and whose author has given them newer words instead: none was taken back."""
    with connection.cursor() as cursor:
        cursor.execute("select door.renewed(%s)", [ITEM_KIND])
        return {version for (version,) in cursor.fetchall()}


def mine(surroundings: Nearby) -> list[Shared]:
    """One's own words that are open to the partner now."""
    if surroundings.partner is None:
        return []
    who, side = surroundings.person, surroundings.side
    open_now = Grant.objects.filter(
        subject=who,
        item_kind=ITEM_KIND,
        couple=surroundings.couple,
        audience=Audience.PARTNER,
        revoked_at__isnull=True,
    ).values("item_id")
    versions = list(InsightVersion.objects.filter(subject=who, id__in=open_now))
    given = _given((version.id for version in versions), revoked_at__isnull=True)
    return [
        Shared(
            version,
            "You",
            side,
            True,
            badge(given[version.id], surroundings.around),
            given[version.id][Relation.PARTNER],
            version.insight_id,
        )
        for version in versions
        if version.id in given
    ]


def _given(ids: Iterable[UUID], **only: bool) -> dict[UUID, dict[Relation, datetime]]:
    """To whom of the couple's work each of these items is open, and since when.

    Of a partner's gifts a receiver is shown those alone that stand for them, be they the ones before newer words that
    they may not have; one's own are seen whole, so whoever asks for those says which (`only`).
    """
    found: dict[UUID, dict[Relation, datetime]] = {}
    grants = Grant.objects.filter(item_id__in=list(ids), opens_at__lte=timezone.now(), **only)
    for item, audience, since in grants.values_list("item_id", "audience", "opens_at"):
        if audience != Audience.INDIVIDUAL_THERAPIST:
            found.setdefault(item, {})[Relation(audience)] = since
    return {item: audiences for item, audiences in found.items() if Relation.PARTNER in audiences}


def label_of(version: InsightVersion, surroundings: Nearby) -> str:
    """The badge on words the partner gave; empty where they are not open to the viewer just now."""
    audiences = _given([version.id]).get(version.id)
    return badge(audiences, surroundings.around) if audiences else ""


def preview(surroundings: Nearby, words: Words) -> Shared:
    """These words as the partner's page will show them: what goes into the very same template."""
    version = InsightVersion(text=words.text, feeling=words.feeling, to_say=words.to_say, to_ask=words.to_ask)
    label = badge({Relation.PARTNER}, surroundings.around)
    return Shared(version, surroundings.person.name_used, surroundings.side, False, label, timezone.now())


def opened(who: Person, shown: Iterable[Shared]) -> None:
    """Note what was read for the first time, so that a take-back can tell seen from never seen."""
    versions = [each.version for each in shown if not each.mine]
    known = set(
        Receipt.objects.filter(author=who, item_id__in=[one.id for one in versions]).values_list(
            "item_id", flat=True
        )
    )
    for version in versions:
        if version.id not in known:
            receive(by=who, item_kind=ITEM_KIND, item=version)
