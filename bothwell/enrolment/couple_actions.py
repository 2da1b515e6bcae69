"""Two people enter care as a couple, become one later, or part; courses begin, and the first questions are asked.

A couple is always two, and no parting is undone: who comes back gets a new chart.
"""

from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, models, transaction
from django.utils import timezone

from bothwell.couples import pairing
from bothwell.couples.models import OFFICE, Assignment, Couple, Membership, Person, Role, Side, open_at
from bothwell.enrolment.invitation_actions import newest_invitations, send_invitation
from bothwell.enrolment.people_actions import NewPartner, keep_person, made_once
from bothwell.enrolment.roles_actions import need, roles_held
from bothwell.enrolment.team_actions import partners_of
from bothwell.later import later, tell
from bothwell.pathway.course_actions import begin
from bothwell.privacy import audit
from bothwell.privacy.models import Invitation
from bothwell.refusal import Refused, Stale, constraint_of

BOTH_IN_SESSION = "never_both_partners_at_once"
"""By this name the database refuses two partners in dosing sessions at once."""


@dataclass(frozen=True)
class Enrolled:
    """What enrolment made: the couple, its partners in the order A, B, and their invitations."""

    couple: Couple
    people: tuple[Person, Person]
    invitations: tuple[Invitation, Invitation]


@transaction.atomic
def enrol_couple(
    *,
    by: Person,
    a: NewPartner,
    b: NewPartner,
    started_by: pairing.StartedBy = pairing.StartedBy.BOTH,
    distinguished_by: str = "",
    request_id: UUID,
    send_mail: bool = True,
) -> Enrolled:
    """Two people enter care as a couple: names, safe contacts, invitations, courses; then the first questions.

    Which questions, the protocol in force says. The same `request_id` again changes nothing. Raises Refused when
    `by` is not a coordinator, or when no protocol is signed yet though somebody is to be treated.
    """
    if Role.COORDINATOR not in roles_held(by):
        raise Refused("Enrolling is the coordinator's. A lead can take that role too, under Clinic, Staff.")
    couple_id = made_once(by, request_id)
    couple = Couple(id=couple_id, clinic_id=by.clinic_id, distinguished_by=distinguished_by.strip()[:80])
    try:
        with transaction.atomic():
            couple.save(force_insert=True)
    except IntegrityError:
        return enrolled(couple_id)
    one, other = (keep_person(by, new) for new in (a, b))
    _join(by, couple, one, other)
    invitations = (send_invitation(by, one, send_mail), send_invitation(by, other, send_mail))
    for person, new, side in ((one, a, Side.A), (other, b, Side.B)):
        if new.is_treated:
            begin(by=by, subject=person, couple=couple, why=pairing.how_it_began(started_by, side))
    return Enrolled(couple, (one, other), invitations)


def enrolled(couple_id: UUID) -> Enrolled:
    """An enrolment as it was made, read back. Raises Refused when there is none the viewer may see."""
    members = list(
        Membership.objects.select_related("couple", "person").filter(couple_id=couple_id).order_by("side")
    )
    if len(members) != pairing.PARTNERS_IN_A_COUPLE:
        raise Refused("There is no such couple here.")
    newest = newest_invitations(member.person_id for member in members)
    if len(newest) != pairing.PARTNERS_IN_A_COUPLE:
        raise Refused("These two were not enrolled here by invitation.")
    one, other = (member.person for member in members)
    return Enrolled(members[0].couple, (one, other), (newest[one.id], newest[other.id]))


@transaction.atomic
def pair(*, by: Person, one: Person, other: Person, request_id: UUID) -> Couple:
    """Two people already in care here become a couple.

    A couple that parted and comes back gets a new chart. Raises Refused while both are in a dosing session.
    """
    need(by, *OFFICE)
    together = set(
        Membership.objects.filter(person__in=[one, other], until__isnull=True).values_list(
            "person_id", flat=True
        )
    )
    candidates = [pairing.Candidate(p.id, p.clinic_id, p.id in together) for p in (one, other)]
    couple = Couple(id=made_once(by, request_id), clinic_id=by.clinic_id)
    already = Couple.objects.filter(id=couple.id).first()
    if already:
        return already
    Refused.unless(pairing.may_pair(*candidates))
    try:
        with transaction.atomic():
            couple.save(force_insert=True)
            _join(by, couple, one, other)
    except IntegrityError as error:
        if constraint_of(error) == BOTH_IN_SESSION:
            raise Refused(
                "Each of the two is in a dosing session now. One must be signed off before they become a couple here."
            ) from error
        raise Stale("Somebody else has just changed this. Look again.") from error
    return couple


def _join(by: Person, couple: Couple, one: Person, other: Person) -> None:
    """The two become its members, and are asked what the clinic's protocol asks of a couple that begins."""
    Refused.unless(pairing.exactly_two([one.id, other.id]))
    for person, side in ((one, Side.A), (other, Side.B)):
        Membership(clinic_id=by.clinic_id, couple=couple, person=person, side=side).save(force_insert=True)
        audit.log("enrolled in a couple", by=by, subject=person, couple=couple, item_kind="couple")
    later("measures.plan", clinic=by.clinic_id, couple=couple.id)


@transaction.atomic
def part(*, by: Person, couple_id: UUID, reason: str) -> None:
    """A couple parts: its chart takes no new entries, and what the two had opened to each other closes.

    The reason stays in the clinic's log; the partners' own logs say only that the couple parted.
    """
    couple = Couple.objects.filter(id=couple_id).first()
    if couple is None:
        raise Refused("There is no such couple here.")
    treats = Assignment.objects.filter(open_at(timezone.now()), couple=couple, staff=by).exists()
    if not treats:
        need(by, *OFFICE)
    Refused.unless(pairing.may_part(couple.parted_at, reason))
    now, partners = timezone.now(), partners_of(couple.id)
    team = list(
        Assignment.objects.filter(models.Q(couple=couple) | models.Q(subject_id__in=partners), open_at(now))
        .exclude(role=Role.SAFETY)
        .values_list("staff_id", flat=True)
    )
    if not Couple.objects.filter(id=couple_id, parted_at__isnull=True).update(parted_at=now):
        raise Stale("Somebody else has just recorded this.")
    Membership.objects.filter(couple=couple, until__isnull=True).update(until=now)
    audit.log("recorded a parting", by=by, couple=couple, item_kind="couple", why=reason.strip())
    for person in partners:
        audit.log("recorded a parting", by=by, subject=person, couple=couple, item_kind="couple")
        tell("person", person)
    for staff in set(team):
        tell("access", staff)
    tell("couple", couple.id)
