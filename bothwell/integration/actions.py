"""Writing an insight, and choosing who may know it: the only writers of these rows.

What is written stays its author's alone until the author opens it, and nothing here opens anything by itself.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone

from bothwell.couples.models import Person
from bothwell.integration.finding import tags_refused
from bothwell.integration.insights import Part, Version, Words, latest_own
from bothwell.integration.models import CoupleSession, Insight, InsightVersion
from bothwell.privacy import audit
from bothwell.privacy.circles import Relation
from bothwell.privacy.models import Audience, Grant
from bothwell.privacy.sharing_actions import revoke, share
from bothwell.refusal import Refused, Stale

ITEM_KIND = "insight"
LONGEST_LINE = 300
KEPT_ELSEWHERE = "You kept this in another window, with other words. Yours are still here: keep them too, as a note of their own."


def words_of(version: InsightVersion) -> Words:
    """The words of a stored version as the rules know them."""
    return Words(version.text, version.feeling, version.to_say, version.to_ask)


def current_version(insight: Insight) -> InsightVersion:
    """The author's own newest words; versions made to be given are a thing apart."""
    versions = {row.id: row for row in insight.versions.all()}
    granted = Grant.objects.filter(subject_id=insight.subject_id, item_id__in=versions).values_list(
        "item_id", flat=True
    )
    newest = latest_own([Version(row.id, row.number) for row in versions.values()], granted)
    if newest is None:
        raise Refused("There are no words here yet.")
    return versions[newest.id]


@transaction.atomic
def write(
    *,
    by: Person,
    words: Words,
    kind: Insight.Kind = Insight.Kind.INSIGHT,
    request_id: UUID,
    tags: Sequence[str] = (),
) -> Insight:
    """Keep something new, for its author alone. `request_id` is the form's: posted twice, it is kept once.

    Raises Stale when the same form, open in two windows, was kept with other words: nothing is put in their place.
    """
    _check(words, tags)
    insight = Insight(id=request_id, clinic_id=by.clinic_id, subject=by, author=by, kind=kind)
    try:
        with transaction.atomic():
            insight.save(force_insert=True)
    except IntegrityError as error:
        kept = Insight.objects.filter(id=request_id, subject=by).first()
        if kept is None:
            raise Refused("This form was used before. Open a new one; your words are still here.") from error
        first = kept.versions.order_by("number").first()
        if first is not None and words_of(first) != words.trimmed():
            raise Stale(KEPT_ELSEWHERE) from error
        return kept
    _add_version(by, insight, 1, words, tags)
    audit.log("wrote", by=by, subject=by, item_kind=kind.value, item_id=insight.id)
    return insight


@transaction.atomic
def rewrite(
    *, by: Person, insight_id: UUID, words: Words, after: int, tags: Sequence[str] | None = None
) -> InsightVersion:
    """New words for an insight, as a new version; what was given before stays as it was given.

    `after` is the number of the version the form began from. Without `tags` the earlier ones stay. Raises Stale
    when newer words exist.
    """
    _check(words, tags or ())
    insight = _own(by, insight_id)
    current = current_version(insight)
    kept_tags = list(current.tags if tags is None else tags)
    if words_of(current) == words.trimmed() and current.tags == kept_tags:
        return current
    if current.number != after:
        raise Stale("You changed these words in another window. Compare, then save again.")
    version = _add_version(by, insight, _next_number(insight), words, kept_tags)
    audit.log("rewrote", by=by, subject=by, item_kind=insight.kind, item_id=insight.id)
    return version


def _check(words: Words, tags: Sequence[str]) -> None:
    if not words.text.strip():
        raise Refused("Write a few words first.")
    if any(len(part) > settings.LONGEST_TEXT for part in (words.text, words.to_say, words.to_ask)):
        raise Refused(
            f"This is longer than {settings.LONGEST_TEXT:,} characters. Keep the rest as a second one."
        )
    if len(words.feeling) > LONGEST_LINE:
        raise Refused(f"What you felt has room for {LONGEST_LINE} characters.")
    if reason := tags_refused(tags):
        raise Refused(reason)


def _own(by: Person, insight_id: UUID) -> Insight:
    insight = Insight.objects.filter(id=insight_id, subject=by).first()
    if insight is None:
        raise Refused("There is no such insight of yours.")
    return insight


def _next_number(insight: Insight) -> int:
    return (insight.versions.aggregate(last=Max("number"))["last"] or 0) + 1


def _add_version(
    by: Person, insight: Insight, number: int, words: Words, tags: Sequence[str] = ()
) -> InsightVersion:
    kept = words.trimmed()
    version = InsightVersion(
        clinic_id=by.clinic_id,
        subject=by,
        author=by,
        insight=insight,
        number=number,
        text=kept.text,
        feeling=kept.feeling,
        to_say=kept.to_say,
        to_ask=kept.to_ask,
        tags=list(tags),
    )
    try:
        with transaction.atomic():
            version.save(force_insert=True)
    except IntegrityError as error:
        raise Stale("You changed these words in another window. Look once more, then save again.") from error
    return version


@transaction.atomic
def set_aside(*, by: Person, insight_id: UUID, aside: bool) -> None:
    """Put an insight out of one's own sight, or bring it back. What is shared stays so until taken back."""
    insight = _own(by, insight_id)
    changed = Insight.objects.filter(id=insight.id, set_aside_at__isnull=aside).update(
        set_aside_at=timezone.now() if aside else None
    )
    if changed:
        audit.log(
            "set aside" if aside else "brought back",
            by=by,
            subject=by,
            item_kind=insight.kind,
            item_id=insight.id,
        )


@transaction.atomic
def choose_audience(
    *,
    by: Person,
    insight_id: UUID,
    version_id: UUID,
    audiences: Iterable[Relation],
    parts: Iterable[Part] = (),
    opens_at: datetime | None = None,
    session_id: UUID | None = None,
) -> InsightVersion | None:
    """Make `audiences` all who may know this, now or, for the partner, from `opens_at` on; gives back the words given.

    The words given are a version of their own: without tags, the notes not chosen and the time they were written.
    Whoever reads some already goes on reading those (`give_newer` changes them); who is no longer chosen loses them
    at once. Choosing the same again changes nothing. `session_id`: the couples session it is given for. Raises Stale
    when the author has written newer words than the `version_id` they looked at.
    """
    insight = _own(by, insight_id)
    wanted = {Audience(audience.value) for audience in audiences}
    current = current_version(insight)
    if current.id != version_id:
        raise Stale("You changed these words since. Read them once more, then choose.")
    for grant in _open_grants(by, insight):
        if grant.audience not in wanted:
            revoke(by=by, grant_id=grant.id)
    now = timezone.now()
    grants = {Audience(g.audience): g for g in _open_grants(by, insight) if g.opens_at <= now}
    # Words made to be given exist only with a grant on them: without one they would pass for the author's newest.
    fresh = sorted(wanted - set(grants))
    given = None
    if fresh:
        given = _given(by, insight, words_of(current).only(parts))
        for audience in fresh:
            later = opens_at if audience == Audience.PARTNER else None
            grants[audience] = _open_to(by, insight, given, audience, later)
    if Audience.COUPLES_THERAPIST in grants:
        _note_session(by, grants[Audience.COUPLES_THERAPIST], session_id)
    read = [grant.item_id for grant in grants.values()]
    return given or insight.versions.filter(id__in=read).order_by("number").last()


def _open_to(
    by: Person, insight: Insight, given: InsightVersion, audience: Audience, opens_at: datetime | None
) -> Grant:
    """A grant on the words just looked at. One that slept on other words ends; its hour stays, if it still sleeps."""
    stale = [grant for grant in _open_grants(by, insight, audience) if grant.item_id != given.id]
    if stale and opens_at:
        opens_at = stale[-1].opens_at
    return _instead_of(by, stale, given, audience, opens_at)


def _instead_of(
    by: Person, stale: Sequence[Grant], given: InsightVersion, audience: Audience, opens_at: datetime | None
) -> Grant:
    """A grant on these words in the place of those on older ones, of which there is one at most.

    A partner whom the newer do not reach goes on reading the older: which of the two it is, nothing here can tell.
    """
    older = stale[-1] if stale else None
    newer = share(by=by, item_kind=ITEM_KIND, item=given, to=audience, opens_at=opens_at, instead_of=older)
    for grant in stale:
        revoke(by=by, grant_id=grant.id)
    return newer


def _note_session(by: Person, grant: Grant, session_id: UUID | None) -> None:
    """Which couples session it is given for. One that is not theirs, or not planned, is none."""
    session = None
    if session_id and grant.couple_id:
        planned = CoupleSession.objects.filter(state=CoupleSession.State.PLANNED)
        session = planned.filter(id=session_id, couple_id=grant.couple_id).first()
    if grant.for_session_id != (session.id if session else None):
        Grant.objects.filter(id=grant.id, subject=by, revoked_at__isnull=True).update(for_session=session)


@transaction.atomic
def give_newer(
    *, by: Person, insight_id: UUID, version_id: UUID, audience: Relation, parts: Iterable[Part] = ()
) -> InsightVersion:
    """Let one audience that reads earlier words read the current ones instead: an act of its own, never a side effect.

    Asleep, they go on sleeping until the same hour. Raises Stale when newer words than `version_id` exist.
    """
    insight = _own(by, insight_id)
    current = current_version(insight)
    if current.id != version_id:
        raise Stale("You changed these words since. Read them once more, then choose.")
    grants = _open_grants(by, insight, Audience(audience.value))
    if not grants:
        raise Refused("They read nothing of this just now. Share it first.")
    given = _given(by, insight, words_of(current).only(parts))
    asleep_until = max(grant.opens_at for grant in grants)
    stale = [grant for grant in grants if grant.item_id != given.id]
    opens_at = asleep_until if asleep_until > timezone.now() else None
    newer = _instead_of(by, stale, given, Audience(audience.value), opens_at)
    for grant in stale:
        _note_session(by, newer, grant.for_session_id)
    return given


def _given(by: Person, insight: Insight, words: Words) -> InsightVersion:
    """The version now open with exactly these words, or a new one."""
    now_open = [grant.item_id for grant in _open_grants(by, insight)]
    for version in insight.versions.filter(id__in=now_open):
        if words_of(version) == words:
            return version
    return _add_version(by, insight, _next_number(insight), words)


def _open_grants(by: Person, insight: Insight, audience: Audience | None = None) -> list[Grant]:
    versions = list(insight.versions.values_list("id", flat=True))
    rows = Grant.objects.filter(subject=by, item_id__in=versions, revoked_at__isnull=True).order_by("id")
    return list(rows if audience is None else rows.filter(audience=audience))


@transaction.atomic
def take_back(*, by: Person, insight_id: UUID, audience: Relation | None = None) -> None:
    """Take one share of an insight back, or every one, those still asleep too. Taking back twice changes nothing."""
    chosen = Audience(audience.value) if audience else None
    for grant in _open_grants(by, _own(by, insight_id), chosen):
        revoke(by=by, grant_id=grant.id)
