"""Words of one invented couple in every stage of writing and giving: begun, tagged, changed since, meant for a session.

Nobody ever wrote them.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from bothwell.demo.people import Pair
from bothwell.demo.place import DAY, Place
from bothwell.models import Couple, CoupleSession, Grant, Insight, InsightDraft, InsightVersion, Person

TOLD = "amara"
KEYS = "When you come home and put the keys down slowly, I can feel that you are here."
CHANGED = "I want us to have one evening a week without telephones."
CHANGED_SINCE = (
    "I want us to have one evening a week without telephones, and I will be the first to put mine away."
)
BEGUN = "What I have not said yet is that the quiet afterwards"


def write(place: Place, pair: Pair, couple: Couple, people: dict[str, Person]) -> None:
    """For the couple that is told in full, and for no other."""
    if pair.a is None or pair.a.key != TOLD:
        return
    amara = people["a"]
    _for_the_session(place, couple, amara)
    _changed_since(place, couple, amara)
    place.sheaf.add(
        InsightDraft,
        amara.id,
        "begun",
        subject=amara,
        author=amara,
        recorded_at=place.ago(0.6),
        saved_at=place.ago(0.6),
        text=BEGUN,
        tags=["quiet"],
        revision=4,
    )


def _for_the_session(place: Place, couple: Couple, amara: Person) -> None:
    """Given to the couples therapist alone, for the session that is planned."""
    planned = [
        one for one in place.sheaf.of(CoupleSession) if one.couple_id == couple.id and one.state == "planned"
    ]
    at = place.ago(1.4)
    insight = _insight(place, amara, "keys", at - timedelta(hours=2))
    _version(place, insight, 1, KEYS, at - timedelta(hours=2), ["home", "thanks"])
    given = _version(place, insight, 2, KEYS, at)
    _give(place, couple, given, "couples_therapist", at, planned[0] if planned else None)


def _changed_since(place: Place, couple: Couple, amara: Person) -> None:
    """Given to both, then changed: the two still read the earlier words."""
    insight = _insight(place, amara, "telephones", place.ago(9))
    _version(place, insight, 1, CHANGED, place.ago(9), ["evenings"])
    given = _version(place, insight, 2, CHANGED, place.ago(8))
    for audience in ("partner", "couples_therapist"):
        _give(place, couple, given, audience, place.ago(8))
    _version(place, insight, 3, CHANGED_SINCE, place.ago(8) + 6 * DAY, ["evenings", "us"])


def _insight(place: Place, who: Person, name: str, at: datetime) -> Insight:
    insight = place.sheaf.add(Insight, who.id, name, subject=who, author=who, recorded_at=at)
    place.sheaf.log(at, "wrote", who.id, subject_id=who.id, item_kind="insight", item_id=insight.id)
    return insight


def _version(
    place: Place, insight: Insight, number: int, text: str, at: datetime, tags: list[str] | None = None
) -> InsightVersion:
    return place.sheaf.add(
        InsightVersion,
        insight.id,
        number,
        subject=insight.subject,
        author=insight.author,
        recorded_at=at,
        insight=insight,
        number=number,
        text=text,
        tags=tags or [],
    )


def _give(
    place: Place,
    couple: Couple,
    given: InsightVersion,
    audience: str,
    at: datetime,
    session: CoupleSession | None = None,
) -> None:
    who = given.author
    place.sheaf.add(
        Grant,
        given.id,
        audience,
        subject=who,
        author=who,
        couple=couple,
        recorded_at=at,
        item_kind="insight",
        item_id=given.id,
        audience=audience,
        opens_at=at,
        for_session=session,
    )
    place.sheaf.log(
        at,
        "shared",
        who.id if who else None,
        subject_id=given.subject_id,
        item_kind="insight",
        item_id=given.id,
        why=f"with {'my partner' if audience == 'partner' else 'our couples therapist'}",
    )
