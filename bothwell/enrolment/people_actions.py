"""One person enters care, and says how they may safely be reached; what one form makes is made once.

Nobody is written to here but by an invitation, and no contact is written over that somebody else has changed since.
"""

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.utils import timezone

from bothwell.couples.models import OFFICE, Contact, Person, PersonKind, Role, new_id
from bothwell.enrolment.age import may_enter_care
from bothwell.enrolment.invitation_actions import replace_open_link, send_invitation
from bothwell.enrolment.naming import can_be_called, can_be_read
from bothwell.enrolment.roles_actions import need
from bothwell.later import later
from bothwell.privacy import audit
from bothwell.refusal import Refused, Stale

NAME_CHANGED = "Somebody has changed this name since you opened it. Look at it again, then save."
CONTACT_CHANGED = "Somebody has changed this since you opened it. Compare, then save again."


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
class Called:
    """How one person is called on every page. `title` is for staff: MD, RN, LMFT."""

    name_used: str
    pronouns: str = ""
    title: str = ""

    @classmethod
    def now(cls, person: Person) -> "Called":
        """As it stands."""
        return cls(person.name_used, person.pronouns, person.title)

    def as_kept(self) -> "Called":
        """Without space around it, and no longer than is kept. Raises Refused for what nobody could read."""
        name = self.name_used.strip()[:120]
        Refused.unless(can_be_called(name))
        pronouns, title = self.pronouns.strip()[:40], self.title.strip()[:80]
        for part in (pronouns, title):
            Refused.unless(can_be_read(part))
        return Called(name, pronouns, title)


@dataclass(frozen=True)
class NewPartner:
    """One partner as enrolled. `is_treated`: a course of their own begins."""

    name_used: str
    pronouns: str = ""
    reach: Reach = field(default_factory=Reach)
    is_treated: bool = True

    def called(self, title: str = "") -> Called:
        """How they are called from the start."""
        return Called(self.name_used, self.pronouns, title)


def made_once(by: Person, request_id: UUID) -> UUID:
    """The key of what one form makes: the same for the same form sent twice, and nobody else's."""
    return uuid5(by.id, str(request_id))


@transaction.atomic
def add_person(*, by: Person, new: NewPartner, request_id: UUID, send_mail: bool = True) -> Person:
    """One person enters care without a partner here (yet). The same `request_id` again changes nothing."""
    need(by, *OFFICE)
    person, is_new = keep_once(by, new, request_id)
    if is_new:
        send_invitation(by, person, send_mail)
        later("measures.plan", clinic=by.clinic_id, person=person.id)
    return person


def keep_once(
    by: Person, new: NewPartner, request_id: UUID, kind: PersonKind = PersonKind.PARTNER, title: str = ""
) -> tuple[Person, bool]:
    """The person of this form, and whether they are kept only now: the same `request_id` again changes nothing."""
    key = made_once(by, request_id)
    already = Person.objects.filter(id=key).first()
    if already:
        return already, False
    try:
        with transaction.atomic():
            return keep_person(by, new, key, kind, title), True
    except IntegrityError:
        return Person.objects.get(id=key), False


def keep_person(
    by: Person,
    new: NewPartner,
    key: UUID | None = None,
    kind: PersonKind = PersonKind.PARTNER,
    title: str = "",
) -> Person:
    """The person with their contact, in the log. Raises Refused without a name to read, IntegrityError where `key` is taken."""
    called = new.called(title).as_kept()
    _must_be_adult(by, new.reach)
    person = Person(id=key or new_id(), clinic_id=by.clinic_id, kind=kind, **vars(called))
    person.save(force_insert=True)
    Contact(clinic_id=by.clinic_id, subject=person, **vars(new.reach)).save(force_insert=True)
    audit.log("added a person", by=by, subject=person, item_kind="person", item_id=person.id)
    return person


def _must_be_adult(by: Person, reach: Reach) -> None:
    """Raises Refused for a date of birth of nobody who could be in care here, on the clinic's own date."""
    if reach.born_on:
        today = timezone.now().astimezone(ZoneInfo(by.clinic.timezone)).date()
        Refused.unless(may_enter_care(reach.born_on, today))


@transaction.atomic
def change_contact(
    *, by: Person, subject: Person, name_used: str, pronouns: str, reach: Reach, seen_at: datetime | None
) -> None:
    """Change how somebody is called and reached. A link that went to an address that stands no longer, opens no longer.

    `seen_at`: when the contact the form showed was last changed.
    Raises Stale when it was changed since, Refused when it is not `by`'s to change.
    """
    if by.id != subject.id:
        need(by, *OFFICE)
    called = Called(name_used, pronouns).as_kept()
    _must_be_adult(by, reach)
    before = Contact.objects.filter(subject=subject).values_list("safe_email", flat=True).first()
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
    Person.objects.filter(id=subject.id).update(name_used=called.name_used, pronouns=called.pronouns)
    audit.log("changed contact details", by=by, subject=subject, item_kind="contact")
    if before and before != reach.safe_email:
        replace_open_link(by, subject)


@transaction.atomic
def correct_name(*, by: Person, subject: Person, called: Called, seen: Called) -> None:
    """Correct how somebody is called: one's own, or as the lead a colleague's. A partner's is changed with their contact.

    It shows everywhere from then on, under older entries too; a name that was signed stays as it was signed. The log
    says that it was changed and not from what. `seen`: what the form showed; Stale when it was changed since.
    """
    if by.id != subject.id:
        need(by, Role.LEAD)
        if not subject.is_staff_member:
            raise Refused("The name of somebody in care is changed on their contact page.")
    kept = called.as_kept()
    if not subject.is_staff_member:
        kept = replace(kept, title=subject.title)
    if not Person.objects.filter(id=subject.id, **vars(seen)).update(**vars(kept)):
        raise Stale(NAME_CHANGED)
    if kept != seen:
        audit.log("corrected a name", by=by, subject=subject, item_kind="person", item_id=subject.id)


@transaction.atomic
def choose_reminders(*, by: Person, wants: bool) -> None:
    """Whether this person gets neutral mails when something waits. Choosing the same again changes nothing."""
    if not Contact.objects.filter(subject=by).exists():
        raise Refused("The clinic has no way to reach you yet. Ask them to add one.")
    if Contact.objects.filter(subject=by, wants_reminders=not wants).update(wants_reminders=wants):
        did = "switched reminders on" if wants else "switched reminders off"
        audit.log(did, by=by, subject=by, item_kind="contact")
