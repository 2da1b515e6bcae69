"""The clinic itself: it begins with its lead, says whom to call in a crisis, and has rooms and monitors.

It touches no chart. A monitor is retired, never removed: what it said stays.
"""

from uuid import UUID

from django.apps import apps
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from bothwell.couples.crisis import emergency_first
from bothwell.couples.models import OFFICE, Clinic, Person, PersonKind, Role, Room, StaffRole
from bothwell.enrolment import monitor_names
from bothwell.enrolment.invitation_actions import has_login, new_invitation
from bothwell.enrolment.roles_actions import need
from bothwell.privacy import audit
from bothwell.privacy.models import Invitation
from bothwell.refusal import Refused


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
    for role in OFFICE:
        StaffRole(clinic=clinic, person=lead, role=role).save(force_insert=True)
    audit.log_service("found", "founded the clinic", clinic=clinic.id, subject=lead.id)
    return clinic, new_invitation(clinic.id, lead, None)


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
    return new_invitation(clinic.id, lead.person, None)


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

    The country's emergency number is kept as the first of them.
    `video_link` is the address of the clinic's own video provider; empty where it has none.
    `ambient_pressure_mmhg` is the pressure of the air where the monitors stand; none where nobody said.
    """
    need(by, Role.LEAD)
    if not crisis_lines:
        raise Refused("Name at least one crisis line: a partner in distress must find somebody to call.")
    changed = Clinic.objects.filter(id=by.clinic_id).update(
        name=name.strip()[:200],
        timezone=timezone_name,
        country=country,
        crisis_lines=emergency_first(crisis_lines, country),
        ambient_pressure_mmhg=ambient_pressure_mmhg,
        video_link=video_link,
    )
    if not changed:
        raise Refused("Only the clinic lead can do this.")
    audit.log("changed the clinic's details", by=by, item_kind="clinic", item_id=by.clinic_id)


@transaction.atomic
def finish_set_up(*, by: Person) -> None:
    """The clinic is ready. Doing it twice changes nothing."""
    need(by, Role.LEAD)
    clinic = Clinic.objects.get(id=by.clinic_id)
    if not clinic.crisis_lines:
        raise Refused("Name at least one crisis line first.")
    if Clinic.objects.filter(id=clinic.id, set_up_at__isnull=True).update(set_up_at=timezone.now()):
        audit.log("finished setting up", by=by, item_kind="clinic", item_id=clinic.id)


@transaction.atomic
def add_room(*, by: Person, name: str) -> Room:
    """A treatment room. A name stands once in a clinic."""
    need(by, *OFFICE)
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
def rename_room(*, by: Person, room_id: UUID, name: str) -> None:
    """Another name for the same room; what was planned there stays there."""
    need(by, *OFFICE)
    name = name.strip()[:40]
    if not name:
        raise Refused("Give the room a name.")
    try:
        with transaction.atomic():
            changed = Room.objects.filter(id=room_id).exclude(name=name).update(name=name)
    except IntegrityError as error:
        raise Refused("There is a room of this name already.") from error
    if changed:
        audit.log("renamed a room", by=by, item_kind="room", item_id=room_id)


@transaction.atomic
def add_device(*, by: Person, identifier: str, name: str, room: Room | None = None) -> models.Model:
    """A monitor, known by the identifier it sends. The table belongs to a later slice, so by name."""
    need(by, *OFFICE)
    identifier = monitor_names.as_sent(identifier)
    Refused.unless(monitor_names.can_be_sent(identifier))
    device = apps.get_model("bothwell", "Device")(
        clinic_id=by.clinic_id,
        identifier=identifier,
        name=name.strip()[:80] or identifier,
        room=room,
    )
    try:
        with transaction.atomic():
            device.save(force_insert=True)
    except IntegrityError as error:
        if type(device)._default_manager.filter(identifier=device.identifier, is_retired=True).exists():
            raise Refused(
                "A monitor with this identifier was retired here. It stands in the list: use it again there."
            ) from error
        raise Refused("A monitor with this identifier is in use already. Check the identifier.") from error
    audit.log("added a monitor", by=by, item_kind="device", item_id=device.id)
    return device


@transaction.atomic
def change_device(*, by: Person, device_id: UUID, name: str, room: Room | None) -> None:
    """What a monitor is called, and where it stands. Its identifier is the monitor's own and stays."""
    need(by, *OFFICE)
    devices = apps.get_model("bothwell", "Device").objects
    found = devices.filter(id=device_id).first()
    if found is None:
        raise Refused("There is no such monitor.")
    name = name.strip()[:80] or found.identifier
    if (found.name, found.room_id) != (name, room.id if room else None):
        devices.filter(id=device_id).update(name=name, room=room)
        audit.log("changed a monitor", by=by, item_kind="device", item_id=device_id)


@transaction.atomic
def take_up_device(*, by: Person, device_id: UUID) -> None:
    """A retired monitor is used again: readings under its identifier are taken as before."""
    need(by, *OFFICE)
    devices = apps.get_model("bothwell", "Device").objects
    try:
        with transaction.atomic():
            changed = devices.filter(id=device_id, is_retired=True).update(is_retired=False)
    except IntegrityError as error:
        raise Refused("A monitor with this identifier is in use elsewhere.") from error
    if changed:
        audit.log("took up a monitor again", by=by, item_kind="device", item_id=device_id)


@transaction.atomic
def retire_device(*, by: Person, device_id: UUID) -> None:
    """A monitor leaves the clinic: readings under its identifier are no longer taken."""
    need(by, *OFFICE)
    devices = apps.get_model("bothwell", "Device").objects
    if devices.filter(id=device_id, is_retired=False).update(is_retired=True):
        audit.log("retired a monitor", by=by, item_kind="device", item_id=device_id)
