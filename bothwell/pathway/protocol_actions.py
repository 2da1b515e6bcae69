"""The clinic's protocols: loaded as data, signed by a lead, one in use.

Nothing here decides what a protocol says; `protocol` reads it.
"""

from functools import cache
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from bothwell.couples.models import Person, StaffRole, open_at
from bothwell.couples.models import Role as StaffIs
from bothwell.pathway import protocol as protocols
from bothwell.pathway.models import ProtocolVersion
from bothwell.privacy import audit
from bothwell.refusal import Refused
from bothwell.turns import one_after_another


@cache
def _read(source: str) -> protocols.Protocol:
    reading = protocols.read(source, "protocol")
    if reading.protocol is None:
        raise protocols.ProtocolInvalid(reading.problems)
    return reading.protocol


def protocol_of(version: ProtocolVersion) -> protocols.Protocol:
    """The rules of one stored version."""
    return _read(version.source)


@transaction.atomic
def load_protocols(*, by: Person) -> list[ProtocolVersion]:
    """Put the protocol files that ship with Bothwell before the medical director; those known already stay as
    they are.
    """
    if not is_lead(by):
        raise Refused("Only the clinic lead loads a protocol.")
    known = {version.sha256: version for version in ProtocolVersion.objects.all()}
    loaded = []
    for path in protocols.shipped():
        rules = protocols.load(path)
        version = known.get(rules.sha256)
        if version is None:
            version = ProtocolVersion(
                clinic_id=by.clinic_id,
                name=rules.name,
                version=rules.version,
                sha256=rules.sha256,
                source=path.read_text(encoding="utf-8"),
            )
            version.save(force_insert=True)
            audit.log("loaded a protocol", by=by, item_kind="protocol", item_id=version.id)
        loaded.append(version)
    return loaded


@transaction.atomic
def sign_protocol(*, by: Person, protocol_id: UUID, signed_name: str) -> ProtocolVersion:
    """The medical director signs one version; from then on new courses may begin under it."""
    if not signed_name.strip():
        raise Refused("Type your name to sign.")
    if not is_lead(by):
        raise Refused("Only the clinic's medical director or lead signs a protocol.")
    one_signature_at_a_time(by.clinic_id)
    signed = ProtocolVersion.objects.filter(id=protocol_id, signed_at__isnull=True).update(
        signed_by=by, signed_at=timezone.now(), signed_name=signed_name.strip()[:120]
    )
    version = ProtocolVersion.objects.select_related("signed_by").filter(id=protocol_id).first()
    if version is None:
        raise Refused("There is no such protocol here.")
    if not signed and version.signed_by_id != by.id:
        raise Refused(f"{version.signed_name} has signed this version already. Open the page again.")
    if signed:
        audit.log("signed a protocol", by=by, item_kind="protocol", item_id=version.id)
    return version


def one_signature_at_a_time(clinic_id: UUID) -> None:
    """Two who sign protocols at once wait for each other: the second sees what the first put in force."""
    one_after_another(f"protocols of {clinic_id}")


def is_lead(by: Person) -> bool:
    """Whether somebody leads this clinic now: who loads, changes and signs its protocols."""
    return StaffRole.objects.filter(open_at(timezone.now()), person=by, role=StaffIs.LEAD).exists()


def protocol_in_use() -> ProtocolVersion | None:
    """The version signed last: what a new course begins with."""
    return ProtocolVersion.objects.filter(signed_at__isnull=False).order_by("-signed_at").first()
