"""Everything that changes who is here: people, couples, care teams, staff, rooms, logins.

Nothing here decides: `pairing` says who may, `policies.sql` enforces it, and every change stands in the log.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID, uuid5

from allauth.account.models import EmailAddress
from django.apps import apps
from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from bothwell.couples import pairing
from bothwell.couples.models import (
    Assignment,
    Clinic,
    Contact,
    Couple,
    Credential,
    Membership,
    Person,
    PersonKind,
    Role,
    Room,
    Side,
    StaffRole,
    new_id,
    open_at,
)
from bothwell.enrolment import link
from bothwell.later import later, tell
from bothwell.pathway.course_actions import begin
from bothwell.privacy import audit, door
from bothwell.privacy.closeness_actions import kept_from, with_their_mates
from bothwell.privacy.models import Invitation, User
from bothwell.refusal import Refused, Stale

INVITATION_LIVES = timedelta(days=7)
CONTACT_CHANGED = "Somebody has changed this since you opened it. Compare, then save again."
DEAD_LINK = "This link no longer works. Ask the clinic for a new one."


@dataclass(frozen=True)
class Reach:
    """How one person may safely be reached. Empty means: not this way."""

    full_name: str = ""
    born_on: date | None = None
    safe_email: str = ""
    safe_phone: str = ""
    may_leave_message: bool = False
    call_me: str = ""


@dataclass(frozen=True)
class NewPartner:
    """One partner as enrolled. `is_treated`: a course of their own begins."""

    name_used: str
    pronouns: str = ""
    reach: Reach = field(default_factory=Reach)
    is_treated: bool = True


@dataclass(frozen=True)
class Enrolled:
    """What enrolment made: the couple, its partners in the order A, B, and their invitations."""

    couple: Couple
    people: tuple[Person, Person]
    invitations: tuple[Invitation, Invitation]


# ---------------------------------------------------------------------------------------------- who is asking


def roles_held(person: Person) -> frozenset[str]:
    """The roles a member of staff holds in the clinic now."""
    now = timezone.now()
    return frozenset(StaffRole.objects.filter(open_at(now), person=person).values_list("role", flat=True))


def _need(by: Person, *roles: Role) -> None:
    if not roles_held(by) & {str(role) for role in roles}:
        names = " or ".join(f"the {Role(role).label}" for role in roles)
        raise Refused(f"Only {names} can do this.")


def _made_once(by: Person, request_id: UUID) -> UUID:
    """The key of what one form makes: the same for the same form sent twice, and nobody else's."""
    return uuid5(by.id, str(request_id))


# -------------------------------------------------------------------------------------------------- enrolment


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
    couple_id = _made_once(by, request_id)
    couple = Couple(id=couple_id, clinic_id=by.clinic_id, distinguished_by=distinguished_by.strip()[:80])
    try:
        with transaction.atomic():
            couple.save(force_insert=True)
    except IntegrityError:
        return enrolled(couple_id)
    one, other = (_keep_person(by, new) for new in (a, b))
    _join(by, couple, one, other)
    invitations = (_invite(by, one, send_mail), _invite(by, other, send_mail))
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
def pair(*, by: Person, one: Person, other: Person, request_id: UUID, distinguished_by: str = "") -> Couple:
    """Two people already in care here become a couple.

    A couple that parted and comes back gets a new chart.
    """
    _need(by, Role.LEAD, Role.COORDINATOR)
    together = set(
        Membership.objects.filter(person__in=[one, other], until__isnull=True).values_list(
            "person_id", flat=True
        )
    )
    candidates = [pairing.Candidate(p.id, p.clinic_id, p.id in together) for p in (one, other)]
    couple = Couple(
        id=_made_once(by, request_id), clinic_id=by.clinic_id, distinguished_by=distinguished_by[:80]
    )
    already = Couple.objects.filter(id=couple.id).first()
    if already:
        return already
    Refused.unless(pairing.may_pair(*candidates))
    try:
        with transaction.atomic():
            couple.save(force_insert=True)
            _join(by, couple, one, other)
    except IntegrityError as error:
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
def add_person(*, by: Person, new: NewPartner, request_id: UUID, send_mail: bool = True) -> Person:
    """One person enters care without a partner here (yet). The same `request_id` again changes nothing."""
    _need(by, Role.LEAD, Role.COORDINATOR)
    key = _made_once(by, request_id)
    already = Person.objects.filter(id=key).first()
    if already:
        return already
    try:
        with transaction.atomic():
            person = _keep_person(by, new, key)
    except IntegrityError:
        return Person.objects.get(id=key)
    _invite(by, person, send_mail)
    later("measures.plan", clinic=by.clinic_id, person=person.id)
    return person


def _keep_person(
    by: Person,
    new: NewPartner,
    key: UUID | None = None,
    kind: PersonKind = PersonKind.PARTNER,
    title: str = "",
) -> Person:
    if not new.name_used.strip():
        raise Refused("Every person needs a name to be called by.")
    person = Person(
        id=key or new_id(),
        clinic_id=by.clinic_id,
        kind=kind,
        name_used=new.name_used.strip()[:120],
        pronouns=new.pronouns.strip()[:40],
        title=title.strip()[:80],
    )
    person.save(force_insert=True)
    Contact(clinic_id=by.clinic_id, subject=person, **vars(new.reach)).save(force_insert=True)
    audit.log("added a person", by=by, subject=person, item_kind="person", item_id=person.id)
    return person


@transaction.atomic
def change_contact(
    *, by: Person, subject: Person, name_used: str, pronouns: str, reach: Reach, seen_at: datetime | None
) -> None:
    """Change how somebody is called and reached.

    `seen_at`: when the contact the form showed was last changed.
    Raises Stale when it was changed since, Refused when it is not `by`'s to change.
    """
    if by.id != subject.id:
        _need(by, Role.LEAD, Role.COORDINATOR)
    if not name_used.strip():
        raise Refused("Every person needs a name to be called by.")
    now = timezone.now()
    if seen_at is None:
        try:
            with transaction.atomic():
                contact = Contact(clinic_id=by.clinic_id, subject=subject, changed_at=now, **vars(reach))
                contact.save(force_insert=True)
        except IntegrityError as error:
            raise Stale(CONTACT_CHANGED) from error
    elif not Contact.objects.filter(subject=subject, changed_at=seen_at).update(
        changed_at=now, **vars(reach)
    ):
        raise Stale(CONTACT_CHANGED)
    Person.objects.filter(id=subject.id).update(
        name_used=name_used.strip()[:120], pronouns=pronouns.strip()[:40]
    )
    audit.log("changed contact details", by=by, subject=subject, item_kind="contact")


@transaction.atomic
def choose_reminders(*, by: Person, wants: bool) -> None:
    """Whether this person gets neutral mails when something waits. Choosing the same again changes nothing."""
    if not Contact.objects.filter(subject=by).exists():
        raise Refused("The clinic has no way to reach you yet. Ask them to add one.")
    if Contact.objects.filter(subject=by, wants_reminders=not wants).update(wants_reminders=wants):
        did = "switched reminders on" if wants else "switched reminders off"
        audit.log(did, by=by, subject=by, item_kind="contact")


# ------------------------------------------------------------------------------------------------ invitations


@transaction.atomic
def invite(*, by: Person, person: Person, send_mail: bool = True) -> Invitation:
    """A new link for somebody who has no login yet; the one before stops working.

    Mailed only to a safe address.
    """
    _need(by, *((Role.LEAD,) if person.is_staff_member else (Role.LEAD, Role.COORDINATOR)))
    if has_login(person):
        raise Refused(
            "They have a login already. “Forgot your password?” on the login page makes a new password."
        )
    return _invite(by, person, send_mail)


def _invite(by: Person, person: Person, send_mail: bool) -> Invitation:
    invitation = _new_invitation(by.clinic_id, person, by)
    audit.log("invited", by=by, subject=person, item_kind="invitation", item_id=invitation.id)
    if send_mail and Contact.objects.filter(subject=person).exclude(safe_email="").exists():
        later("mail.invitation", invitation=invitation.id)
    return invitation


def _new_invitation(clinic_id: UUID, person: Person, made_by: Person | None) -> Invitation:
    key, now = new_id(), timezone.now()
    invitation = Invitation(
        id=key,
        clinic_id=clinic_id,
        person=person,
        token_hash=link.token_hash(link.token(key, settings.SECRET_KEY)),
        made_by=made_by,
        made_at=now,
        expires_at=now + INVITATION_LIVES,
    )
    invitation.save(force_insert=True)
    return invitation


def has_login(person: Person) -> bool:
    """Whether somebody has set up their login."""
    return User.objects.filter(person=person).exists()


def address_of(invitation: Invitation) -> str:
    """The link to hand over or to mail."""
    return f"{settings.SITE_ADDRESS.rstrip('/')}/invitation/{link.token(invitation.id, settings.SECRET_KEY)}"


def newest_invitations(people: Iterable[UUID]) -> dict[UUID, Invitation]:
    """The newest invitation of each of these people."""
    rows = Invitation.objects.filter(person_id__in=list(people)).order_by("made_at")
    return {row.person_id: row for row in rows}


def open_invitation(token: str) -> Invitation | None:
    """The invitation behind this link while it works: ours, in time, unused, the newest.

    Read before the door.
    """
    key = link.is_genuine(token, settings.SECRET_KEY)
    if key is None:
        return None
    invitation = Invitation.objects.filter(id=key, token_hash=link.token_hash(token)).first()
    if invitation is None:
        return None
    later_ones = Invitation.objects.filter(person_id=invitation.person_id, made_at__gt=invitation.made_at)
    state = pairing.link_state(
        now=timezone.now(),
        expires_at=invitation.expires_at,
        used_at=invitation.used_at,
        is_newest=not later_ones.exists(),
        has_login=User.objects.filter(person_id=invitation.person_id).exists(),
    )
    return invitation if state is pairing.Link.OPEN else None


@transaction.atomic
def accept_invitation(*, token: str, email: str, password: str) -> User:
    """Set up a login from an invitation, as the web login before the door.

    Works once, also when two try at the same time.
    Raises Stale when the link is dead, Refused when the address cannot be used; then the link stays good.
    """
    invitation = open_invitation(token)
    if invitation is None:
        raise Stale(DEAD_LINK)
    now = timezone.now()
    if not Invitation.objects.filter(id=invitation.id, used_at__isnull=True, expires_at__gt=now).update(
        used_at=now
    ):
        raise Stale(DEAD_LINK)
    user = User(email=email.strip().lower(), person_id=invitation.person_id)
    user.set_password(password)
    with door.opened(invitation.person_id):
        person = Person.objects.get(id=invitation.person_id)
        audit.log("set up a login", by=person, subject=person, item_kind="login")
    user.must_have_second_factor = person.is_staff_member
    try:
        with transaction.atomic():
            user.save(force_insert=True)
            EmailAddress(user=user, email=user.email, verified=True, primary=True).save(force_insert=True)
    except IntegrityError as error:
        raise Refused(
            "This e-mail address cannot be used here. Choose another, or ask the clinic."
        ) from error
    return user


# ------------------------------------------------------------------------------------------------- care teams


@transaction.atomic
def assign(
    *, by: Person, staff: Person, role: Role, subject: Person | None = None, couple: Couple | None = None
) -> Assignment:
    """Put a colleague on the care team of one person or one couple, from now on.

    Assigning twice changes nothing.
    """
    partners = _partners_of(couple) if couple else [subject.id] if subject else []
    post = pairing.Post(
        role=pairing.CareRole(role),
        is_for_couple=couple is not None,
        partners=frozenset(partners),
        is_parted=couple is not None and not couple.is_together,
    )
    who = pairing.Clinician(staff.id, roles_held(staff), _intimates_among(staff, partners))
    Refused.unless(pairing.may_assign(roles_held(by), who, post))
    place = {"staff": staff, "role": role, "subject": subject, "couple": couple}
    already = Assignment.objects.filter(until__isnull=True, **place).first()
    if already:
        return already
    assignment = Assignment(clinic_id=by.clinic_id, assigned_by=by, **place)
    try:
        with transaction.atomic():
            assignment.save(force_insert=True)
    except IntegrityError:
        return Assignment.objects.get(until__isnull=True, **place)
    _log_assignment("assigned", by, assignment, partners)
    return assignment


@transaction.atomic
def end_assignment(*, by: Person, assignment_id: UUID) -> None:
    """Take a colleague off a care team now; their open pages close. Ending twice changes nothing."""
    assignment = Assignment.objects.select_related("couple").filter(id=assignment_id).first()
    if assignment is None:
        raise Refused("There is no such assignment here.")
    _need(by, *((Role.LEAD,) if assignment.role == Role.SAFETY else (Role.LEAD, Role.COORDINATOR)))
    if Assignment.objects.filter(id=assignment_id, until__isnull=True).update(until=timezone.now()):
        partners = _partners_of(assignment.couple) if assignment.couple else [assignment.subject_id]
        _log_assignment("ended an assignment", by, assignment, [p for p in partners if p])


def _log_assignment(action: str, by: Person, assignment: Assignment, partners: Iterable[UUID]) -> None:
    """In the log of everyone it concerns; one to the safety circle is sealed: it leaves no trace outside."""
    for person in partners:
        audit.log(
            action,
            by=by,
            subject=person,
            couple=assignment.couple_id,
            item_kind="care team",
            item_id=assignment.id,
            why=Role(assignment.role).label,
            sealed=assignment.role == Role.SAFETY,
        )
    tell("access", assignment.staff_id)


def _partners_of(couple: Couple) -> list[UUID]:
    return list(Membership.objects.filter(couple=couple).values_list("person_id", flat=True))


def _intimates_among(staff: Person, partners: Collection[UUID]) -> frozenset[UUID]:
    """Those of `partners` whose chart no role opens to this colleague, as far as the viewer can see."""
    return (with_their_mates([staff.id]) - {staff.id} | kept_from(staff.id)) & frozenset(partners)


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
        _need(by, Role.LEAD, Role.COORDINATOR)
    Refused.unless(pairing.may_part(couple.parted_at, reason))
    now, partners = timezone.now(), _partners_of(couple)
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


# ------------------------------------------------------------------------------------------------------ staff


@transaction.atomic
def add_staff(
    *,
    by: Person,
    name_used: str,
    title: str,
    roles: Collection[Role],
    email: str = "",
    request_id: UUID,
    send_mail: bool = True,
) -> Person:
    """A colleague joins with these roles and an invitation. The same `request_id` again changes nothing."""
    _need(by, Role.LEAD)
    if not roles:
        raise Refused("Choose at least one role.")
    key = _made_once(by, request_id)
    already = Person.objects.filter(id=key).first()
    if already:
        return already
    new = NewPartner(name_used=name_used, reach=Reach(safe_email=email.strip()))
    try:
        with transaction.atomic():
            person = _keep_person(by, new, key, PersonKind.STAFF, title)
    except IntegrityError:
        return Person.objects.get(id=key)
    for role in roles:
        add_staff_role(by=by, person=person, role=role)
    _invite(by, person, send_mail)
    return person


@transaction.atomic
def add_staff_role(*, by: Person, person: Person, role: Role) -> StaffRole:
    """A colleague is qualified for one more role, from now on."""
    _need(by, Role.LEAD)
    Refused.unless(pairing.may_add_role(role, roles_held(person), is_staff=person.is_staff_member))
    row = StaffRole(clinic_id=by.clinic_id, person=person, role=role)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise Stale("This person has this role already.") from error
    audit.log("gave a role", by=by, subject=person, item_kind="role", item_id=row.id, why=Role(role).label)
    tell("access", person.id)
    return row


@transaction.atomic
def end_staff_role(*, by: Person, role_id: UUID) -> None:
    """A role ends now. Refused for the last lead, and while somebody is still cared for in it."""
    _need(by, Role.LEAD)
    row = StaffRole.objects.select_related("person").filter(id=role_id).first()
    if row is None:
        raise Refused("There is no such role here.")
    now = timezone.now()
    # Two leads who end each other's role at the same moment must not leave the clinic without one.
    list(Clinic.objects.select_for_update(of=("self",)).filter(id=by.clinic_id).values_list("id"))
    leads = StaffRole.objects.filter(open_at(now), role=Role.LEAD).count()
    caring = Assignment.objects.filter(open_at(now), staff=row.person, role=row.role).count()
    Refused.unless(pairing.may_end_role(row.role, leads, caring))
    if StaffRole.objects.filter(id=role_id, until__isnull=True).update(until=now):
        audit.log(
            "ended a role",
            by=by,
            subject=row.person,
            item_kind="role",
            item_id=row.id,
            why=row.get_role_display(),
        )
        tell("access", row.person_id)


@transaction.atomic
def file_credential(
    *,
    by: Person,
    person: Person,
    kind: Credential.Kind,
    reference: str,
    expires_on: date | None,
    request_id: UUID,
) -> Credential:
    """Put a licence or certificate on file; signatures carry those valid on their day."""
    _need(by, Role.LEAD)
    if not person.is_staff_member:
        raise Refused("Only staff have credentials on file.")
    if not reference.strip():
        raise Refused("Write the number, the course or the certificate.")
    row = Credential(
        id=_made_once(by, request_id),
        clinic_id=by.clinic_id,
        person=person,
        kind=kind,
        reference=reference.strip()[:120],
        expires_on=expires_on,
        filed_by=by,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return Credential.objects.get(id=row.id)
    audit.log(
        "filed a credential",
        by=by,
        subject=person,
        item_kind="credential",
        item_id=row.id,
        why=row.get_kind_display(),
    )
    return row


# ----------------------------------------------------------------------------------------------------- clinic


@transaction.atomic
def found(*, clinic_name: str, lead_name: str, title: str = "") -> tuple[Clinic, Invitation]:
    """A clinic begins, not yet set up, with its lead, who coordinates too until somebody else does.

    Runs as the loader, before anyone can log in; so nobody is named as having done it.
    """
    clinic = Clinic(name=clinic_name.strip()[:200])
    clinic.save(force_insert=True)
    lead = Person(
        clinic=clinic, kind=PersonKind.STAFF, name_used=lead_name.strip()[:120], title=title.strip()[:80]
    )
    lead.save(force_insert=True)
    for role in (Role.LEAD, Role.COORDINATOR):
        StaffRole(clinic=clinic, person=lead, role=role).save(force_insert=True)
    audit.log_service("found", "founded the clinic", clinic=clinic.id, subject=lead.id)
    return clinic, _new_invitation(clinic.id, lead, None)


def found_again(clinic: Clinic) -> Invitation | None:
    """A new link for the lead of a clinic not set up yet, when the first was lost.

    None once the lead has a login.
    """
    lead = (
        StaffRole.objects.filter(clinic=clinic, role=Role.LEAD, until__isnull=True)
        .select_related("person")
        .first()
    )
    if lead is None or has_login(lead.person):
        return None
    return _new_invitation(clinic.id, lead.person, None)


@transaction.atomic
def set_up_clinic(
    *,
    by: Person,
    name: str,
    timezone_name: str,
    country: str,
    crisis_lines: list[dict[str, str]],
    ambient_pressure_mmhg: int | None = None,
    video_link: str = "",
) -> None:
    """The clinic's own details, and whom a partner can call in a crisis: shown to every partner on every page.

    `video_link` is the address of the clinic's own video provider; empty where it has none.
    `ambient_pressure_mmhg` is the pressure of the air where the monitors stand; none where nobody said.
    """
    _need(by, Role.LEAD)
    if not crisis_lines:
        raise Refused("Name at least one crisis line: a partner in distress must find somebody to call.")
    changed = Clinic.objects.filter(id=by.clinic_id).update(
        name=name.strip()[:200],
        timezone=timezone_name,
        country=country,
        crisis_lines=crisis_lines,
        ambient_pressure_mmhg=ambient_pressure_mmhg,
        video_link=video_link,
    )
    if not changed:
        raise Refused("Only the clinic lead can do this.")
    audit.log("changed the clinic's details", by=by, item_kind="clinic", item_id=by.clinic_id)


@transaction.atomic
def finish_set_up(*, by: Person) -> None:
    """The clinic is ready. Doing it twice changes nothing."""
    _need(by, Role.LEAD)
    clinic = Clinic.objects.get(id=by.clinic_id)
    if not clinic.crisis_lines:
        raise Refused("Name at least one crisis line first.")
    if Clinic.objects.filter(id=clinic.id, set_up_at__isnull=True).update(set_up_at=timezone.now()):
        audit.log("finished setting up", by=by, item_kind="clinic", item_id=clinic.id)


@transaction.atomic
def add_room(*, by: Person, name: str) -> Room:
    """A treatment room. A name stands once in a clinic."""
    _need(by, Role.LEAD, Role.COORDINATOR)
    if not name.strip():
        raise Refused("Give the room a name.")
    room = Room(clinic_id=by.clinic_id, name=name.strip()[:40])
    try:
        with transaction.atomic():
            room.save(force_insert=True)
    except IntegrityError as error:
        raise Refused("There is a room of this name already.") from error
    audit.log("added a room", by=by, item_kind="room", item_id=room.id)
    return room


@transaction.atomic
def add_device(*, by: Person, identifier: str, name: str, room: Room | None = None) -> models.Model:
    """A monitor, known by the identifier it sends. The table belongs to a later slice, so by name."""
    _need(by, Role.LEAD, Role.COORDINATOR)
    if not identifier.strip():
        raise Refused("Write the identifier that the monitor sends.")
    device = apps.get_model("bothwell", "Device")(
        clinic_id=by.clinic_id,
        identifier=identifier.strip()[:80],
        name=name.strip()[:80] or identifier.strip()[:80],
        room=room,
    )
    try:
        with transaction.atomic():
            device.save(force_insert=True)
    except IntegrityError as error:
        raise Refused("A monitor with this identifier is in use already. Check the identifier.") from error
    audit.log("added a monitor", by=by, item_kind="device", item_id=device.id)
    return device


@transaction.atomic
def retire_device(*, by: Person, device_id: UUID) -> None:
    """A monitor leaves the clinic: readings under its identifier are no longer taken."""
    _need(by, Role.LEAD, Role.COORDINATOR)
    devices = apps.get_model("bothwell", "Device").objects
    if devices.filter(id=device_id, is_retired=False).update(is_retired=True):
        audit.log("retired a monitor", by=by, item_kind="device", item_id=device_id)
