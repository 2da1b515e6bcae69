"""A colleague joins the clinic, and has licences and certificates on file.

Nothing here is removed: a credential stays on file when it has run out.
"""

from collections.abc import Collection
from datetime import date
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from bothwell.couples.models import Contact, Credential, Person, PersonKind, Role
from bothwell.enrolment.invitation_actions import has_login, replace_open_link, send_invitation
from bothwell.enrolment.people_actions import NewPartner, Reach, keep_once, made_once
from bothwell.enrolment.roles_actions import add_staff_role, need
from bothwell.privacy import audit
from bothwell.refusal import Refused


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
    need(by, Role.LEAD)
    if not roles:
        raise Refused("Choose at least one role.")
    new = NewPartner(name_used=name_used, reach=Reach(safe_email=email.strip()))
    person, is_new = keep_once(by, new, request_id, PersonKind.STAFF, title)
    if is_new:
        _need_free(email.strip(), person)
        for role in roles:
            add_staff_role(by=by, person=person, role=role)
        send_invitation(by, person, send_mail)
    return person


@transaction.atomic
def correct_address(*, by: Person, person: Person, email: str) -> None:
    """Correct where a colleague's invitation is mailed to, as long as they have no login. The log does not say to where.

    The link that went to the address before opens no longer. With a login they sign in with an address of their own, which
    nobody else changes.
    """
    need(by, Role.LEAD)
    if not person.is_staff_member:
        raise Refused("The address of somebody in care is changed on their contact page.")
    if has_login(person):
        raise Refused(
            "They have a login: only they change the address they sign in with, under “How I sign in”."
        )
    email = email.strip()
    _need_free(email, person)
    found = Contact.objects.filter(subject=person)
    before = found.values_list("safe_email", flat=True).first()
    if before is None:
        Contact(clinic_id=by.clinic_id, subject=person, safe_email=email).save(force_insert=True)
    elif not found.exclude(safe_email=email).update(safe_email=email, changed_at=timezone.now()):
        return
    audit.log("changed contact details", by=by, subject=person, item_kind="contact")
    if before:
        replace_open_link(by, person)


def _need_free(email: str, person: Person) -> None:
    """Raises Refused for an address that is another's already: one address signs in one person.

    Only the lead gets this answer. Whoever chooses an address to sign in with learns no more than that it cannot be used.
    """
    if not email:
        return
    others = Contact.objects.filter(safe_email__iexact=email, subject__kind=PersonKind.STAFF)
    if others.exclude(subject=person).exists() or _signs_in_here(email):
        raise Refused(
            "This e-mail address belongs to somebody here already, and one address signs in one person. "
            "Enter another, or leave it empty and hand the link over yourself."
        )


def _signs_in_here(email: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select door.signs_in_here(%s)", [email])
        return bool(cursor.fetchone()[0])


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
    need(by, Role.LEAD)
    if not person.is_staff_member:
        raise Refused("Only staff have credentials on file.")
    if not reference.strip():
        raise Refused("Write the number, the course or the certificate.")
    row = Credential(
        id=made_once(by, request_id),
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
