"""Writing an insight, choosing who may know it, doing an exercise: the only writers of these rows.

What is written stays its author's alone until the author opens it, and nothing here opens anything by itself.
"""

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone

from bothwell.couples.models import Person
from bothwell.integration.insights import Part, Version, Words, latest_own
from bothwell.integration.models import ExerciseDone, ExerciseGiven, Insight, InsightVersion
from bothwell.privacy import audit
from bothwell.privacy.actions import revoke, share, tell_couple
from bothwell.privacy.circles import Relation
from bothwell.privacy.models import Audience, Grant
from bothwell.refusal import Refused, Stale

ITEM_KIND = "insight"
LONGEST_LINE = 300


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
    *, by: Person, words: Words, kind: Insight.Kind = Insight.Kind.INSIGHT, request_id: UUID
) -> Insight:
    """Keep something new, for its author alone. `request_id` is the form's: posted twice, it is kept once."""
    _check(words)
    insight = Insight(id=request_id, clinic_id=by.clinic_id, subject=by, author=by, kind=kind)
    try:
        with transaction.atomic():
            insight.save(force_insert=True)
    except IntegrityError as error:
        kept = Insight.objects.filter(id=request_id, subject=by).first()
        if kept is None:
            raise Refused("This form was used before. Open a new one; your words are still here.") from error
        return kept
    _add_version(by, insight, 1, words)
    audit.log("wrote", by=by, subject=by, item_kind=kind.value, item_id=insight.id)
    return insight


@transaction.atomic
def rewrite(*, by: Person, insight_id: UUID, words: Words, after: int) -> InsightVersion:
    """New words for an insight, as a new version; what was given before stays as it was given.

    `after` is the number of the version the form began from. Raises Stale when newer words exist.
    """
    _check(words)
    insight = _own(by, insight_id)
    current = current_version(insight)
    if words_of(current) == words:
        return current
    if current.number != after:
        raise Stale("You changed these words in another window. Compare, then save again.")
    version = _add_version(by, insight, _next_number(insight), words)
    audit.log("rewrote", by=by, subject=by, item_kind=insight.kind, item_id=insight.id)
    return version


def _check(words: Words) -> None:
    if not words.text.strip():
        raise Refused("Write a few words first.")
    if any(len(part) > settings.LONGEST_TEXT for part in (words.text, words.to_say, words.to_ask)):
        raise Refused(
            f"This is longer than {settings.LONGEST_TEXT:,} characters. Keep the rest as a second one."
        )
    if len(words.feeling) > LONGEST_LINE:
        raise Refused(f"What you felt has room for {LONGEST_LINE} characters.")


def _own(by: Person, insight_id: UUID) -> Insight:
    insight = Insight.objects.filter(id=insight_id, subject=by).first()
    if insight is None:
        raise Refused("There is no such insight of yours.")
    return insight


def _next_number(insight: Insight) -> int:
    return (insight.versions.aggregate(last=Max("number"))["last"] or 0) + 1


def _add_version(by: Person, insight: Insight, number: int, words: Words) -> InsightVersion:
    version = InsightVersion(
        clinic_id=by.clinic_id,
        subject=by,
        author=by,
        insight=insight,
        number=number,
        text=words.text.strip(),
        feeling=words.feeling.strip(),
        to_say=words.to_say.strip(),
        to_ask=words.to_ask.strip(),
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
) -> InsightVersion | None:
    """Make `audiences` all who may know this, from `opens_at` or now on; gives back the version given.

    The words given are a version of their own: without the notes not chosen and the time they were written.
    Audiences no longer chosen lose it at once. Choosing the same again changes nothing. Raises Stale when
    the author has written newer words than the `version_id` they looked at.
    """
    insight = _own(by, insight_id)
    wanted = {Audience(audience.value) for audience in audiences}
    current = current_version(insight)
    if current.id != version_id:
        raise Stale("You changed these words since. Read them once more, then choose.")
    if not wanted:
        take_back(by=by, insight_id=insight_id)
        return None
    given = _given(by, insight, words_of(current).only(parts))
    for grant in _open_grants(by, insight):
        if grant.item_id != given.id or grant.audience not in wanted:
            revoke(by=by, grant_id=grant.id)
    for audience in sorted(wanted):
        share(by=by, item_kind=ITEM_KIND, item=given, to=audience, opens_at=opens_at)
    return given


def _given(by: Person, insight: Insight, words: Words) -> InsightVersion:
    """The version now open with exactly these words, or a new one."""
    now_open = [grant.item_id for grant in _open_grants(by, insight)]
    for version in insight.versions.filter(id__in=now_open):
        if words_of(version) == words:
            return version
    return _add_version(by, insight, _next_number(insight), words)


def _open_grants(by: Person, insight: Insight) -> list[Grant]:
    versions = list(insight.versions.values_list("id", flat=True))
    return list(
        Grant.objects.filter(subject=by, item_id__in=versions, revoked_at__isnull=True).order_by("id")
    )


@transaction.atomic
def take_back(*, by: Person, insight_id: UUID) -> None:
    """Take every share of one insight back, those still asleep too. Taking back twice changes nothing."""
    for grant in _open_grants(by, _own(by, insight_id)):
        revoke(by=by, grant_id=grant.id)


@transaction.atomic
def do_exercise(*, by: Person, given_id: UUID, words: str, on_day: date) -> ExerciseDone:
    """One partner says an exercise was done, with a word to both. Said twice on a day, it is kept once."""
    given = ExerciseGiven.objects.select_related("couple").filter(id=given_id).first()
    if given is None or given.couple is None:
        raise Refused("This exercise is no longer there. Open the page again.")
    if not given.couple.is_together:
        raise Refused("This chart takes no new entries.")
    if len(words.strip()) > LONGEST_LINE:
        raise Refused(f"There is room for {LONGEST_LINE} characters.")
    done = ExerciseDone(
        clinic_id=by.clinic_id,
        couple_id=given.couple_id,
        subject=by,
        author=by,
        given=given,
        on_day=on_day,
        words=words.strip(),
    )
    try:
        with transaction.atomic():
            done.save(force_insert=True)
    except IntegrityError:
        return ExerciseDone.objects.get(given=given, author=by, on_day=on_day)
    audit.log(
        "did an exercise", by=by, subject=by, couple=given.couple, item_kind="couple.shared", item_id=done.id
    )
    tell_couple(given.couple)
    return done
