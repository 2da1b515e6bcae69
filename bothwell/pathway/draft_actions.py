"""A draft of a protocol's next version: begun from one that stands, changed by the leads, signed or laid aside.

Nothing here changes a version: one once made stays as it is, and whoever began a course under it keeps it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from bothwell.couples.models import Person
from bothwell.pathway import protocol as protocols
from bothwell.pathway import protocol_changes as changing
from bothwell.pathway.models import ProtocolDraft, ProtocolVersion
from bothwell.pathway.protocol_actions import (
    is_lead,
    one_signature_at_a_time,
    protocol_in_use,
    protocol_of,
    sign_protocol,
)
from bothwell.pathway.protocol_changes import Edit, Typed
from bothwell.pathway.protocol_text import rewritten
from bothwell.privacy import audit
from bothwell.refusal import Refused, Stale

MAX_EDITS = 5000


@dataclass(frozen=True)
class Kept:
    """What keeping a form came to. `draft` as it stands now; `meanwhile`: what others changed since the form was
    made.
    """

    draft: ProtocolDraft
    weighed: changing.Weighed
    meanwhile: tuple[Edit, ...] = ()


def edits_of(draft: ProtocolDraft) -> list[Edit]:
    """Every change of this draft, in the order it was made."""
    return [Edit.of(row) for row in draft.edits]


def may_begin_from(version: ProtocolVersion) -> bool:
    """Whether a next version may be begun from this one: that in force, or one nobody has signed yet."""
    in_use = protocol_in_use()
    return version.signed_at is None or (in_use is not None and in_use.id == version.id)


def open_draft(version: ProtocolVersion) -> ProtocolDraft | None:
    """The draft begun from this version that is neither signed nor laid aside."""
    return (
        ProtocolDraft.objects.select_related("base", "begun_by")
        .filter(base=version, closed_at__isnull=True)
        .first()
    )


@transaction.atomic
def begin_draft(*, by: Person, protocol_id: UUID) -> ProtocolDraft:
    """A draft of the next version; the one that is open already, if there is one: its changes are everybody's."""
    _only_leads(by)
    version = ProtocolVersion.objects.filter(id=protocol_id).first()
    if version is None:
        raise Refused("There is no such protocol here.")
    if not may_begin_from(version):
        raise Refused("Another version is in force. Open that one, and change it there.")
    if there := open_draft(version):
        return there
    draft = ProtocolDraft(clinic_id=by.clinic_id, base=version, begun_by=by)
    try:
        with transaction.atomic():
            draft.save(force_insert=True)
    except IntegrityError:  # somebody else pressed at the same moment
        return ProtocolDraft.objects.get(base=version, closed_at__isnull=True)
    audit.log("began a draft of a protocol", by=by, item_kind="protocol", item_id=version.id)
    return draft


@transaction.atomic
def keep_changes(*, by: Person, draft_id: UUID, seen: int, typed: Mapping[str, Typed]) -> Kept:
    """Keep what one form holds. `seen`: the revision of the draft it was made from.

    Nothing is kept while one field of it cannot be; what somebody else wrote is never written over unseen. Raises
    Stale when the draft is signed or laid aside, or somebody saves at this very moment.
    """
    _only_leads(by)
    draft = _open(draft_id)
    edits = edits_of(draft)
    mark = Edit(draft.revision + 1, "", "", "", str(by.id), by.signs_as, timezone.now())
    weighed = changing.weigh(
        protocol_of(draft.base), edits, typed, seen=seen, text=draft.base.source, by=mark
    )
    meanwhile = tuple(edit for edit in edits if edit.revision > seen and edit.by != str(by.id))
    if weighed.edits:
        if len(edits) + len(weighed.edits) > MAX_EDITS:
            raise Refused("This draft holds too many changes. Sign it, and begin the next one.")
        _save(draft, [*draft.edits, *(edit.row() for edit in weighed.edits)])
        audit.log("changed a draft of a protocol", by=by, item_kind="protocol", item_id=draft.base_id)
    return Kept(draft, weighed, meanwhile)


@transaction.atomic
def sign_draft(
    *, by: Person, draft_id: UUID, seen: int, against: UUID | None, signed_name: str
) -> ProtocolVersion:
    """Make the draft a version and sign it as medical director, or for them: courses begun from then on keep it.

    `seen` and `against`: the revision of the draft, and the version, whose differences were read. Raises Stale when
    either is another by now. Sent twice, it is signed once.
    """
    _only_leads(by)
    one_signature_at_a_time(by.clinic_id)
    if kept := _signed_before(by, draft_id, seen, signed_name):
        return kept
    draft = _open(draft_id)
    if draft.revision != seen:
        raise Stale("The draft was changed while you read it. Read the differences again, then sign.")
    if compared_with(draft).id != against:
        raise Stale(
            "Another version was signed while you read. Read what the draft changes in that one, then sign."
        )
    if not changing.changes(protocol_of(draft.base), edits_of(draft)):
        raise Refused("Nothing is changed in this draft: there is nothing to sign.")
    text, rules = draft_text(draft)
    if ProtocolVersion.objects.filter(sha256=rules.sha256).exists():
        raise Refused("A version with exactly these numbers stands already.")
    version = ProtocolVersion(
        clinic_id=by.clinic_id, name=rules.name, version=rules.version, sha256=rules.sha256, source=text
    )
    version.save(force_insert=True)
    signed = sign_protocol(by=by, protocol_id=version.id, signed_name=signed_name)
    closed = ProtocolDraft.objects.filter(id=draft.id, revision=seen, closed_at__isnull=True)
    if not closed.update(closed_at=timezone.now(), became=version):
        raise Stale("The draft was changed while you read it. Read the differences again, then sign.")
    return signed


def compared_with(draft: ProtocolDraft) -> ProtocolVersion:
    """The version in force, whichever the draft began from: that is what a signature changes."""
    return protocol_in_use() or draft.base


def _signed_before(by: Person, draft_id: UUID, seen: int, signed_name: str) -> ProtocolVersion | None:
    """The version that the same form, sent before, made of this draft."""
    return ProtocolVersion.objects.filter(
        came_from=draft_id, came_from__revision=seen, signed_by=by, signed_name=signed_name.strip()[:120]
    ).first()


@transaction.atomic
def lay_aside(*, by: Person, draft_id: UUID) -> None:
    """Close a draft that is not wanted. What was written in it is kept, and no longer offered."""
    _only_leads(by)
    draft = _open(draft_id)
    ProtocolDraft.objects.filter(id=draft.id, closed_at__isnull=True).update(closed_at=timezone.now())
    audit.log("laid a draft of a protocol aside", by=by, item_kind="protocol", item_id=draft.base_id)


def draft_text(draft: ProtocolDraft) -> tuple[str, protocols.Protocol]:
    """The file this draft would become, and what it says.

    Raises Refused when it breaks a rule that came after its changes were kept, as with a newer Bothwell.
    """
    base, edits = protocol_of(draft.base), edits_of(draft)
    label = changing.next_version(draft.base.version, _labels(draft))
    text = rewritten(draft.base.source, changing.changes(base, edits), label)
    reading = protocols.read(text, "draft")
    if reading.protocol is None:
        faults = " ".join(changing.faults_of(base, edits, draft.base.source))
        raise Refused(f"As it stands, this draft cannot become a version. {faults} Change that in the draft.")
    return text, reading.protocol


def _labels(draft: ProtocolDraft) -> Iterable[str]:
    return ProtocolVersion.objects.filter(name=draft.base.name).values_list("version", flat=True)


def _open(draft_id: UUID) -> ProtocolDraft:
    draft = ProtocolDraft.objects.select_related("base").filter(id=draft_id).first()
    if draft is None:
        raise Refused("There is no such draft here.")
    if draft.closed_at is not None:
        raise Stale(
            "This draft was signed or laid aside meanwhile, so what you wrote is not kept. It still stands here: "
            "copy what you need into a new draft."
        )
    return draft


def _save(draft: ProtocolDraft, edits: list[dict[str, str | int]]) -> None:
    """Compare and set: of two who save at once, the second is told and sends the same form again."""
    now, known = timezone.now(), draft.revision
    open_ones = ProtocolDraft.objects.filter(id=draft.id, revision=known, closed_at__isnull=True)
    if not open_ones.update(revision=known + 1, edits=edits, saved_at=now):
        raise Stale(
            "Somebody else saved this draft at the same moment. Save again: nothing you wrote is lost."
        )
    draft.revision, draft.edits, draft.saved_at = known + 1, edits, now


def _only_leads(by: Person) -> None:
    if not is_lead(by):
        raise Refused("Only the clinic's medical director or lead changes a protocol.")
