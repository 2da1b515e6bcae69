"""The address one signs in with: asked for by its owner, and theirs once they answered the mail that went to it.

Until then nothing is kept of it but that it was asked for: no login, and no new password, goes through it.
"""

from datetime import timedelta

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core import signing
from django.db import IntegrityError, transaction
from django.utils.crypto import constant_time_compare, salted_hmac

from bothwell.couples.models import Person
from bothwell.privacy import audit, door
from bothwell.privacy.models import User
from bothwell.refusal import Stale

LINK_LIVES = timedelta(days=3)
SALT = "bothwell.sign_in_address"
DEAD_LINK = "This link no longer works. You sign in as before."


@transaction.atomic
def ask_for_address(*, by: User, email: str) -> str | None:
    """The link to mail there, good for `LINK_LIVES`; None where the address is somebody else's. Logged in either case.

    It ends with the password or the address it was asked under, and opens to this login alone.
    """
    _log("asked for another address to sign in with", by)
    asked = {"user": str(by.id), "email": email.lower(), "under": _as_it_stands(by)}
    link = f"{settings.SITE_ADDRESS.rstrip('/')}/account/confirm-email/{signing.dumps(asked, salt=SALT)}/"
    return None if _is_anothers(email, by) else link


def address_asked_for(user: User, token: str) -> str | None:
    """The address this link proves, while it works and belongs to `user`; else None, whatever the reason."""
    try:
        asked = signing.loads(token, salt=SALT, max_age=LINK_LIVES)
    except signing.BadSignature:
        return None
    is_theirs = asked["user"] == str(user.id) and constant_time_compare(asked["under"], _as_it_stands(user))
    return str(asked["email"]) if is_theirs and not _is_anothers(asked["email"], user) else None


@transaction.atomic
def take_address(*, by: User, token: str) -> str:
    """The address of this link takes the place of the one before, which comes back. Works once; raises Stale."""
    user = User.objects.select_for_update().get(id=by.id)
    email, before = address_asked_for(user, token), user.email
    if email is None:
        raise Stale(DEAD_LINK)
    try:
        with transaction.atomic():
            User.objects.filter(id=user.id).update(email=email)
            EmailAddress.objects.filter(user=user).delete()
            EmailAddress(user=user, email=email, verified=True, primary=True).save(force_insert=True)
    except IntegrityError as error:  # somebody else proved it this very moment
        raise Stale(DEAD_LINK) from error
    _log("changed the address they sign in with", user)
    return before


def _is_anothers(email: str, user: User) -> bool:
    """Both are looked up whatever the first says: the time it takes tells nothing."""
    login = User.objects.filter(email__iexact=email).exclude(id=user.id).exists()
    proved = EmailAddress.objects.filter(email__iexact=email, verified=True).exclude(user=user).exists()
    return login or proved


def _as_it_stands(user: User) -> str:
    return salted_hmac(SALT, f"{user.password} {user.email}", algorithm="sha256").hexdigest()[:32]


def _log(action: str, user: User) -> None:
    """In one's own log, without the addresses."""
    with door.opened(user.person_id):
        who = Person.objects.get(id=user.person_id)
        audit.log(action, by=who, subject=who, item_kind="login")
