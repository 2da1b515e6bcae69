"""What the two do at home: an exercise done or chosen, the lines of a week. The only writers of these rows.

What one says here both read; it stays as it was said, and nothing here asks why something was not done.
"""

from collections.abc import Collection
from datetime import date
from typing import Any
from uuid import UUID, uuid5

from django.db import IntegrityError, ProgrammingError, transaction
from django.db.models import Min, Q

from bothwell.couples.models import Couple, Membership, Person
from bothwell.integration import checkins
from bothwell.integration.library import exercise
from bothwell.integration.models import CoupleCheckin, ExerciseDone, ExerciseGiven, LaidAside, WarningSign
from bothwell.privacy import audit
from bothwell.privacy.keeping_actions import kept_first, sent_before
from bothwell.privacy.together_actions import couple_of, tell_couple
from bothwell.refusal import Refused, Stale

SHARED = "couple.shared"
LONGEST_LINE = 300
CLOSED = "This chart takes no new entries."


def own_couple(by: Person) -> Couple:
    """The couple `by` is one of the two of, now. Raises Refused for who is in none."""
    couple = couple_of(by)
    if couple is None:
        raise Refused("You are not in a couple in care here.")
    return couple


def given_to(couple: Couple, but_not: Collection[UUID] = ()) -> list[ExerciseGiven]:
    """A couple's exercises, oldest first, each with `until` as the viewer may know it: its last day, or when one of the
    two laid it aside (`but_not`: unless by one of these acts). One query.
    """
    rows = ExerciseGiven.objects.select_related("author").filter(couple=couple)
    aside = Min("laid_aside__recorded_at", filter=~Q(laid_aside__in=but_not) if but_not else None)
    found: list[ExerciseGiven] = []
    for row in rows.annotate(aside_at=aside).order_by("recorded_at", "id"):
        row.until = min((at for at in (row.until, row.aside_at) if at), default=None)
        found.append(row)
    return found


@transaction.atomic
def do_exercise(
    *, by: Person, given_id: UUID, words: str, on_day: date, together: bool = False, how: str = ""
) -> ExerciseDone:
    """One partner says an exercise was done, with a word to both. Said twice on a day, it is kept once.

    Raises Stale when something else was said of it that day.
    """
    given = ExerciseGiven.objects.select_related("couple").filter(id=given_id).first()
    if given is None or given.couple is None:
        raise Refused("This exercise is no longer there. Open the page again.")
    if not given.couple.is_together:
        raise Refused(CLOSED)
    if len(words.strip()) > LONGEST_LINE:
        raise Refused(f"There is room for {LONGEST_LINE} characters.")
    if how and how not in ExerciseDone.How.values:
        raise Refused("Choose one of the four, or none.")
    done = ExerciseDone(
        clinic_id=by.clinic_id,
        couple_id=given.couple_id,
        subject=by,
        author=by,
        given=given,
        on_day=on_day,
        together=together,
        how=how,
        words=words.strip(),
    )
    try:
        with transaction.atomic():
            done.save(force_insert=True)
    except IntegrityError as error:
        kept = ExerciseDone.objects.get(given=given, author=by, on_day=on_day)
        if (kept.words, kept.how, kept.together) == (done.words, done.how, done.together):
            return kept
        raise Stale(
            "You said something about it today already, and that stays. Keep these words for the next time."
        ) from error
    audit.log("did an exercise", by=by, subject=by, couple=given.couple, item_kind=SHARED, item_id=done.id)
    tell_couple(given.couple)
    return done


@transaction.atomic
def choose_exercise(*, by: Person, code: str, way: str, request_id: UUID) -> ExerciseGiven:
    """One partner puts an exercise of the library among theirs, for both. Posted twice, it is chosen once."""
    couple, key = own_couple(by), uuid5(by.id, str(request_id))
    said: dict[str, Any] = {"couple": couple, "exercise": code, "way": way}
    if kept := sent_before(ExerciseGiven, key, by, **said):
        return kept
    if exercise(code) is None:
        raise Refused("There is no such exercise in the library.")
    if way not in ExerciseGiven.Way.values:
        raise Refused("Choose whether you do it together, each alone, or either way.")
    running = next((row for row in given_to(couple) if row.exercise == code and row.until is None), None)
    if running:
        return running
    given = ExerciseGiven(id=key, clinic_id=by.clinic_id, couple=couple, author=by, exercise=code, way=way)
    try:
        if not kept_first(given, **said):
            return ExerciseGiven.objects.get(id=key)
    except ProgrammingError as error:  # row-level security refused the insert
        raise Refused("This cannot be chosen here. Your couples therapist can give it to you.") from error
    audit.log("chose an exercise", by=by, couple=couple, item_kind=SHARED, item_id=given.id, why=code)
    tell_couple(couple)
    return given


@transaction.atomic
def lay_aside(*, by: Person, given_id: UUID) -> None:
    """An exercise that one of the two chose is no longer among theirs; either may say so. Twice changes nothing."""
    couple = own_couple(by)
    given = ExerciseGiven.objects.filter(id=given_id, couple=couple).first()
    if given is None:
        raise Refused("This exercise is no longer there. Open the page again.")
    if not Membership.objects.filter(couple=couple, person=given.author_id).exists():
        raise Refused("Your couples therapist gave you this one. Tell them, and they end it.")
    if next(row for row in given_to(couple) if row.id == given_id).until is None:
        keep_aside(by, couple, "laid an exercise aside", given=given)


def keep_aside(
    by: Person,
    couple: Couple,
    did: str,
    *,
    given: ExerciseGiven | None = None,
    sign: WarningSign | None = None,
) -> None:
    """Keep that `by` laid one thing aside; a second time changes nothing. Whom it reaches, the policies say."""
    row = LaidAside(clinic_id=by.clinic_id, couple=couple, subject=by, author=by, given=given, sign=sign)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return
    audit.log(did, by=by, subject=by, couple=couple, item_kind=SHARED, item_id=row.given_id or row.sign_id)
    tell_couple(couple)


@transaction.atomic
def send_checkin(*, by: Person, week: date, today: date, lines: checkins.Lines) -> CoupleCheckin:
    """Send one's lines about a week to both; sent, they stay. The same again changes nothing.

    Raises Stale when other lines about this week were sent before.
    """
    couple, tidy = own_couple(by), lines.tidy()
    if problem := checkins.fault(tidy):
        raise Refused(problem)
    if not checkins.may_be_about(week, today):
        raise Refused("That week is over. Write about this one; your words are still here.")
    row = CoupleCheckin(
        clinic_id=by.clinic_id,
        couple=couple,
        subject=by,
        author=by,
        week=week,
        appreciated=tidy.appreciated,
        harder=tidy.harder,
        wish=tidy.wish,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        kept = CoupleCheckin.objects.get(couple=couple, author=by, week=week)
        if lines_of(kept) == tidy:
            return kept
        raise Stale(
            "You wrote about this week before; what was sent stays. Keep these for the next."
        ) from error
    audit.log("wrote about the week", by=by, subject=by, couple=couple, item_kind=SHARED, item_id=row.id)
    tell_couple(couple)
    return row


def lines_of(row: CoupleCheckin) -> checkins.Lines:
    """The words of a kept check-in as the rules know them."""
    return checkins.Lines(row.appreciated, row.harder, row.wish)
