"""The plan for after the series, its signs and its looks back, and the parts of a person's care: their only writers.

A plan is never overwritten: the newest version holds, the earlier ones stay. Nothing here follows from a score.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid5

from django.conf import settings
from django.db import IntegrityError, ProgrammingError, transaction
from django.db.models import Max, QuerySet
from django.utils import timezone

from bothwell.couples.models import Couple, Membership, Person
from bothwell.integration import support
from bothwell.integration.doing_actions import SHARED, keep_aside, own_couple
from bothwell.integration.models import CarePlanItem, PlanReview, SupportPlan, WarningSign
from bothwell.integration.session_actions import PARTED, hold_on, is_therapist_of, plan_session
from bothwell.later import tell
from bothwell.privacy import audit
from bothwell.privacy.keeping_actions import kept_first, sent_before
from bothwell.privacy.together_actions import tell_couple
from bothwell.refusal import Refused, Stale

LONGEST_PART = 500
CARE = "care_plan"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a version of the plan says."""

    cadence: str
    agreed: str = ""
    if_it_returns: str = ""
    review_on: date | None = None


def plan_of(couple: Couple | None) -> SupportPlan | None:
    """The version that holds, or None."""
    return SupportPlan.objects.filter(couple=couple).order_by("-number").first() if couple else None


def next_look(couple: Couple, plan: SupportPlan | None) -> date | None:
    """The day of the next look back, as far as the viewer can see the looks there were."""
    looked = [
        support.Looked(at, next_on)
        for at, next_on in PlanReview.objects.filter(couple=couple).values_list("recorded_at", "next_on")
    ]
    return support.next_look(plan.recorded_at if plan else None, plan.review_on if plan else None, looked)


@transaction.atomic
def write_plan(
    *, by: Person, couple: Couple, plan: Plan, after: int, today: date, request_id: UUID
) -> SupportPlan:
    """A new version of the plan; posted twice, it is kept once.

    `after` is the number of the version the form began from, 0 for none. Raises Stale when a newer one exists.
    """
    key = uuid5(by.id, str(request_id))
    said: dict[str, Any] = {
        "couple": couple, "cadence": plan.cadence.strip(), "agreed": plan.agreed.strip(),
        "if_it_returns": plan.if_it_returns.strip(), "review_on": plan.review_on,
    }  # fmt: skip
    if kept := sent_before(SupportPlan, key, by, **said):
        return kept
    _must_be_theirs(by, couple)
    _check(plan, today)
    last = SupportPlan.objects.filter(couple=couple).aggregate(last=Max("number"))["last"] or 0
    row = SupportPlan(
        id=key,
        clinic_id=by.clinic_id,
        author=by,
        number=last + 1,
        **said,
    )
    newer = "A newer version of this plan was written meanwhile. Compare, then save again."
    if last != after:
        raise Stale(newer)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise Stale(newer) from error
    audit.log("wrote a support plan", by=by, couple=couple, item_kind=SHARED, item_id=row.id)
    tell_couple(couple)
    return row


def _must_be_theirs(by: Person, couple: Couple) -> None:
    if not couple.is_together:
        raise Refused(PARTED)
    if not is_therapist_of(by, couple):
        raise Refused("Only the couple's own couples therapist can do this.")
    if told := hold_on(by, couple):
        raise Refused(told)


def _check(plan: Plan, today: date) -> None:
    if not plan.cadence.strip():
        raise Refused("Say how often you meet from now on, even if it is: when they ask.")
    if len(plan.cadence.strip()) > support.LONGEST_CADENCE:
        raise Refused(f"How often has room for {support.LONGEST_CADENCE} characters.")
    if any(len(text) > settings.LONGEST_TEXT for text in (plan.agreed, plan.if_it_returns)):
        raise Refused(
            f"This is longer than {settings.LONGEST_TEXT:,} characters. Shorten it; nothing was lost."
        )
    if plan.review_on and not today < plan.review_on <= today + support.LATEST_LOOK:
        raise Refused("Choose a day after today for the next look, within a year.")


# ------------------------------------------------------------------------------------------------------- signs


@transaction.atomic
def name_sign(*, by: Person, words: str, request_id: UUID) -> WarningSign:
    """One partner names a sign by which both will know that things slip. Posted twice, it is named once."""
    couple, key = own_couple(by), uuid5(by.id, str(request_id))
    said = {"words": words.strip()}
    if kept := sent_before(WarningSign, key, by, **said):
        return kept
    if not words.strip():
        raise Refused("Write the sign in a few words.")
    if len(words.strip()) > support.LONGEST_SIGN:
        raise Refused(f"A sign has room for {support.LONGEST_SIGN} characters.")
    sign = WarningSign(
        id=key, clinic_id=by.clinic_id, couple=couple, subject=by, author=by, words=words.strip()
    )
    if not kept_first(sign, **said):
        return WarningSign.objects.get(id=key)
    audit.log("named a warning sign", by=by, subject=by, couple=couple, item_kind=SHARED, item_id=sign.id)
    tell_couple(couple)
    return sign


def signs_of(couple: Couple) -> QuerySet[WarningSign]:
    """The signs that either named and did not take off again, as far as the viewer can see; the oldest first."""
    named = WarningSign.objects.filter(couple=couple, until__isnull=True, laid_aside__isnull=True)
    return named.order_by("recorded_at", "id")


@transaction.atomic
def drop_sign(*, by: Person, sign_id: UUID) -> None:
    """Take a sign of one's own off the list. Taking it off twice changes nothing."""
    couple = own_couple(by)
    sign = WarningSign.objects.filter(id=sign_id, author=by, couple=couple).first()
    if sign is None:
        raise Refused("There is no such sign of yours.")
    if sign.until is None:
        keep_aside(by, couple, "took off a warning sign", sign=sign)


# -------------------------------------------------------------------------------------------------- looks back


@dataclass(frozen=True, slots=True)
class LookBack:
    """A look back at the plan as it is written. `session_at`: a couples session planned in the same act."""

    kind: support.Kind
    words: str
    next_step: str = ""
    next_on: date | None = None
    session_at: datetime | None = None


@transaction.atomic
def look_back(
    *, by: Person, couple: Couple, look: LookBack, today: date, request_id: UUID, session_id: UUID
) -> PlanReview:
    """One of the two, or their couples therapist, says how it goes and what comes next. Posted twice, kept once.

    The therapist may plan the next couples session with it, under `session_id`.
    """
    key = uuid5(by.id, str(request_id))
    said: dict[str, Any] = {
        "couple": couple, "kind": look.kind, "words": support.review_words(look.words, look.next_step),
        "next_on": look.next_on,
    }  # fmt: skip
    if kept := sent_before(PlanReview, key, by, **said):
        return kept
    is_one_of_them = Membership.objects.filter(couple=couple, person=by, until__isnull=True).exists()
    if not couple.is_together:
        raise Refused(PARTED)
    if not is_one_of_them:
        _must_be_theirs(by, couple)
    problem = support.review_fault(
        look.kind, look.words, look.next_step, look.next_on, today, settings.LONGEST_TEXT
    )
    if problem:
        raise Refused(problem)
    if look.session_at and not is_one_of_them:
        plan_session(by=by, couple=couple, at=look.session_at, minutes=60, place="", request_id=session_id)
    row = PlanReview(
        id=key,
        clinic_id=by.clinic_id,
        subject=by if is_one_of_them else None,
        author=by,
        on_day=today,
        **said,
    )
    if not kept_first(row, **said):
        return PlanReview.objects.get(id=key)
    audit.log("looked back at the plan", by=by, couple=couple, item_kind=SHARED, item_id=row.id)
    tell_couple(couple)
    return row


# --------------------------------------------------------------------------------------------------- care plan


@transaction.atomic
def add_part(*, by: Person, subject: Person, part: str, words: str, request_id: UUID) -> CarePlanItem:
    """One part of a person's care, written by themselves or by their care team. Posted twice, kept once."""
    key = uuid5(by.id, str(request_id))
    said: dict[str, Any] = {"subject": subject, "part": part, "words": words.strip()}
    if kept := sent_before(CarePlanItem, key, by, **said):
        return kept
    if part not in CarePlanItem.Part.values:
        raise Refused("Choose where it belongs.")
    if not words.strip():
        raise Refused("Write it in a few words.")
    if len(words.strip()) > LONGEST_PART:
        raise Refused(f"There is room for {LONGEST_PART} characters. Shorten it; nothing was lost.")
    item = CarePlanItem(id=key, clinic_id=by.clinic_id, author=by, **said)
    try:
        if not kept_first(item, **said):
            return CarePlanItem.objects.get(id=key)
    except (IntegrityError, ProgrammingError) as error:  # row-level security
        raise Refused("You cannot add to this plan. Open the page again.") from error
    audit.log("added to the care plan", by=by, subject=subject, item_kind=CARE, item_id=item.id)
    tell("person", subject.id)
    return item


@transaction.atomic
def end_part(*, by: Person, subject: Person, item_id: UUID) -> None:
    """It is no part of the plan any more; it stays on record. Ending twice changes nothing."""
    item = CarePlanItem.objects.filter(id=item_id, subject=subject).first()
    if item is None:
        raise Refused("This is no longer there. Open the page again.")
    if item.until is not None:
        return
    if not CarePlanItem.objects.filter(id=item_id).update(until=timezone.now()):
        raise Refused("You may read this plan, and not change it.")
    audit.log("ended a part of the care plan", by=by, subject=subject, item_kind=CARE, item_id=item.id)
    tell("person", subject.id)
