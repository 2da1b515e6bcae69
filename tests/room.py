"""An open dosing session in a clinic of its own, committed, so that other processes can see it.

It stays in the run's database: what is on record here cannot be taken back.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone
from psycopg.conninfo import conninfo_to_dict

from bothwell.demo.monitor import oru
from bothwell.demo.signals import Shown
from bothwell.devices import hl7v2
from bothwell.models import Binding, Course, Device, DosingSession, Person, ProtocolVersion, Room
from bothwell.pathway import protocol
from tests.cast import Cast, make_cast
from tests.conftest import loading


@dataclass
class Bedside:
    """Amara is in a session, a monitor on her since an hour."""

    cast: Cast
    session: DosingSession
    device: Device

    @property
    def clinic_id(self) -> object:
        return self.cast.clinic.id


def eui64() -> str:
    """An identifier no other device has."""
    return secrets.token_hex(8).upper()


@contextmanager
def as_login(dsn: str) -> Iterator[None]:
    """Inside, this thread's connection is another login's."""
    before = dict(connection.settings_dict)
    login = conninfo_to_dict(dsn)
    connection.close()
    connection.settings_dict |= {"USER": login["user"], "PASSWORD": login["password"]}
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict |= {"USER": before["USER"], "PASSWORD": before["PASSWORD"]}


def open_bedside(*, is_bound: bool = True, dosed: bool = False) -> Bedside:
    """Make one, as the loader; commits."""
    with transaction.atomic():
        cast = make_cast()
        with loading():
            session = open_session(cast, cast.a, dosed=dosed)
            device = add_device(cast)
            if is_bound:
                bind(cast, session, device)
    return Bedside(cast, session, device)


def open_session(cast: Cast, subject: Person, *, dosed: bool = False) -> DosingSession:
    """A session that is open since an hour; `dosed`: the dose was given half an hour ago."""
    (path,) = protocol.shipped()
    rules = protocol.load(path)
    version, _ = ProtocolVersion.objects.get_or_create(
        clinic=cast.clinic,
        sha256=rules.sha256,
        defaults={"name": rules.name, "version": rules.version, "source": path.read_text("utf-8")},
    )
    couple = cast.couple if subject in (cast.a, cast.b) else cast.strangers
    about = {"clinic": cast.clinic, "subject": subject, "couple": couple, "author": cast.prescriber}
    course = Course.objects.create(
        **about, protocol=version, route="iv", phase="dosing_series", state="active"
    )
    now = timezone.now()
    session = DosingSession(
        **about,
        course=course,
        number=1,
        room=Room.objects.create(clinic=cast.clinic, name=secrets.token_hex(4)),
        scheduled_at=now - timedelta(hours=1),
        arrived_at=now - timedelta(hours=1),
        started_at=now - timedelta(minutes=30) if dosed else None,
    )
    session.save(force_insert=True)
    return session


def add_device(cast: Cast, identifier: str = "") -> Device:
    """A monitor of the clinic."""
    return Device.objects.create(clinic=cast.clinic, identifier=identifier or eui64(), name="Monitor")


def bind(cast: Cast, session: DosingSession, device: Device, since: datetime | None = None) -> Binding:
    """The nurse confirmed an hour ago: this monitor is on this patient."""
    return Binding.objects.create(
        clinic=cast.clinic,
        subject=session.subject,
        couple=session.couple,
        author=cast.nurse,
        session=session,
        device=device,
        recorded_at=since or timezone.now() - timedelta(hours=1),
    )


def said(device: str, at: datetime, control_id: str = "", **values: float) -> bytes:
    """A message in which this monitor shows these values."""
    shown = [Shown(code, 0, hl7v2.Decimal(str(value))) for code, value in values.items()]
    return oru(control_id=control_id or secrets.token_hex(8), device_id=device, at=at, shown=shown)


def as_final(message: bytes, status: str = "F") -> bytes:
    """The same message with another status of its values."""
    return message.replace(b"|||||R|", b"|||||" + status.encode() + b"|")
