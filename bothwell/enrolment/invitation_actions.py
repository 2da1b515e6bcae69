"""The way to a login: a link is made for one person, handed over or mailed to a safe address, and used once.

Nobody but the person chooses the password. A link tells nothing: neither for whom it is, nor why it does not work.
"""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from bothwell.couples import pairing
from bothwell.couples.models import OFFICE, Contact, Person, Role, new_id
from bothwell.enrolment import link
from bothwell.enrolment.roles_actions import need
from bothwell.later import later
from bothwell.privacy import audit, door
from bothwell.privacy.models import Invitation, User
from bothwell.refusal import Refused, Stale

INVITATION_LIVES = timedelta(days=7)
DEAD_LINK = "This link no longer works. Ask the clinic for a new one."


@transaction.atomic
def invite(*, by: Person, person: Person) -> Invitation:
    """A new link for somebody who has no login yet; the one before stops working.

    Mailed only to a safe address.
    """
    need(by, *((Role.LEAD,) if person.is_staff_member else OFFICE))
    if has_login(person):
        raise Refused(
            "They have a login already. “Forgot your password?” on the login page makes a new password."
        )
    return send_invitation(by, person, send_mail=True)


def send_invitation(by: Person, person: Person, send_mail: bool) -> Invitation:
    """The invitation, in the log; mailed where that is wished and there is a safe address."""
    invitation = new_invitation(by.clinic_id, person, by)
    audit.log("invited", by=by, subject=person, item_kind="invitation", item_id=invitation.id)
    if send_mail and Contact.objects.filter(subject=person).exclude(safe_email="").exists():
        later("mail.invitation", invitation=invitation.id)
    return invitation


def replace_open_link(by: Person, person: Person) -> None:
    """Another link in place of one that works still: whoever holds that one gets in no more. The new one is not mailed yet."""
    working = Invitation.objects.filter(person=person, used_at__isnull=True, expires_at__gt=timezone.now())
    if working.exists() and not has_login(person):
        send_invitation(by, person, send_mail=False)


def new_invitation(clinic_id: UUID, person: Person, made_by: Person | None) -> Invitation:
    """The invitation alone, good for `INVITATION_LIVES`. Nobody made it where the clinic itself begins."""
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
