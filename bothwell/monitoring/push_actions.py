"""Where a member of staff asked to be called when an alarm waits: a browser's address at its maker's service.

What is sent there is empty: neither the service nor a shared screen learns about whom, or that it is an alarm.
"""

import re
from urllib.parse import urlsplit

from django.db import transaction
from django.utils import timezone

from bothwell.couples.models import Person
from bothwell.monitoring.models import PushAddress
from bothwell.privacy import audit
from bothwell.refusal import Refused

# The services of the browsers there are. Nothing is ever sent elsewhere: an address is text somebody typed.
SERVICES = (
    "fcm.googleapis.com",
    "push.services.mozilla.com",
    "push.apple.com",
    "notify.windows.com",
)
KIND = "push"
HOST = re.compile(r"[a-z0-9.-]+")
NOT_A_SERVICE = "This browser's service for notices is not one we know. Nothing was kept."


def is_known_service(endpoint: str) -> bool:
    """Whether this is the https address of a browser maker's own service."""
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    # Readers of addresses differ over a backslash: a host of nothing but letters, figures, dots and dashes is one to all.
    is_host = HOST.fullmatch(host) is not None and "\\" not in endpoint
    is_plain = (
        parts.scheme == "https"
        and port in (None, 443)
        and not parts.username
        and endpoint.isascii()
        and is_host
    )
    return is_plain and any(host == each or host.endswith(f".{each}") for each in SERVICES)


@transaction.atomic
def subscribe(*, by: Person, endpoint: str, public_key: str, secret: str) -> PushAddress:
    """Call `by` in this browser from now on. Said twice it is one. Raises Refused for anybody but staff, and for
    an address that is no browser maker's.
    """
    if not by.is_staff_member:
        raise Refused("Only staff is called about alarms.")
    if len(endpoint) > 800 or not is_known_service(endpoint):
        raise Refused(NOT_A_SERVICE)
    if not (0 < len(public_key) <= 200 and 0 < len(secret) <= 80):
        raise Refused("This browser gave no keys for notices. Nothing was kept.")
    known = PushAddress.objects.filter(person=by, endpoint=endpoint, ended_at__isnull=True).first()
    if known is not None:
        return known
    address = PushAddress(
        clinic_id=by.clinic_id, person=by, endpoint=endpoint, public_key=public_key, secret=secret
    )
    PushAddress.objects.bulk_create([address], ignore_conflicts=True)
    if not PushAddress.objects.filter(id=address.id).exists():
        raise Refused("This browser calls somebody else already. They turn that off first, signed in here.")
    audit.log("asked to be called", by=by, item_kind=KIND, item_id=address.id)
    return address


@transaction.atomic
def unsubscribe(*, by: Person, endpoint: str) -> bool:
    """Call `by` in this browser no longer; false if they were not."""
    ended = PushAddress.objects.filter(person=by, endpoint=endpoint, ended_at__isnull=True).update(
        ended_at=timezone.now()
    )
    if ended:
        audit.log("asked to be called no more", by=by, item_kind=KIND)
    return bool(ended)
