"""Sharing and taking back, consenting and withdrawing, breaking the glass: the only writers of these rows.

None of these decides who may see; they record what a person chose, and the policies do the rest at the next request.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar
from uuid import UUID

from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from bothwell.couples.models import Assignment, Couple, Membership, Person, Role, open_at
from bothwell.later import tell
from bothwell.privacy import audit
from bothwell.privacy.circles import READS, Relation
from bothwell.privacy.models import (
    Audience,
    BreakGlass,
    Consent,
    ConsentReaffirmation,
    ConsentText,
    DisclosureAgreement,
    DisclosureSignature,
    Grant,
    Private,
    Receipt,
    ReleaseClass,
)
from bothwell.refusal import Refused, SentBefore, Stale

GLASS_STAYS_BROKEN = timedelta(hours=1)
PUBLISHED_MEANWHILE = (
    "Somebody has published a version since you began. Yours is not published and stands below: read the one in force "
    "now, and go on with yours if it should still replace it."
)
GIVEN_MEANWHILE = "You gave or took back words in another window. Look once more, then choose."
IN_COMMON = "couple.shared"
Kept = TypeVar("Kept", bound=Private)
Signature = TypeVar("Signature", Consent, DisclosureSignature)


class Item(Protocol):
    """Any private row."""

    id: UUID
    clinic_id: UUID
    subject_id: UUID | None
    couple_id: UUID | None


def couple_of(person: Person) -> Couple | None:
    """The couple this person is in now, as the viewer may see it."""
    membership = (
        Membership.objects.select_related("couple")
        .filter(person=person, until__isnull=True, couple__parted_at__isnull=True)
        .first()
    )
    return membership.couple if membership else None


@transaction.atomic
def share(
    *,
    by: Person,
    item_kind: str,
    item: Item,
    to: Audience,
    opens_at: datetime | None = None,
    instead_of: Grant | None = None,
) -> Grant:
    """Open one item of one's own to one further audience, now or from `opens_at` on. Sharing twice changes nothing.

    `instead_of`: a grant of theirs to the same audience that ends with this; whoever may not have the new one keeps
    the old, as if nothing had happened. Raises Refused when the item is not theirs, is not of a kind that can be shared
    this way, or there is nobody.
    """
    if item.subject_id != by.id:
        raise Refused("Only the person it belongs to can share this.")
    if "G" not in READS.get(item_kind, {}).get(Relation(to), ()):
        raise Refused("This cannot be shared this way.")
    if getattr(item, "status", "sent") == "draft":
        raise Refused("Send or save it first; a draft stays with you.")
    couple = couple_of(by)
    if couple is None and to != Audience.INDIVIDUAL_THERAPIST:
        raise Refused("You are not in a couple in care here, so there is nobody to share it with.")
    already = Grant.objects.filter(subject=by, item_id=item.id, audience=to, revoked_at__isnull=True).first()
    if already:
        if opens_at is None and already.opens_at > _database_now():
            Grant.objects.filter(id=already.id, revoked_at__isnull=True).update(opens_at=_database_now())
            already.refresh_from_db()
            _tell_audience(already)
        return already
    grant = Grant(
        clinic_id=by.clinic_id,
        subject=by,
        author=by,
        couple=couple,
        item_kind=item_kind,
        item_id=item.id,
        audience=to,
        opens_at=opens_at or _database_now(),
        replaces=instead_of,
    )
    try:
        with transaction.atomic():
            grant.save(force_insert=True)
    except (IntegrityError, ProgrammingError) as error:
        kept = Grant.objects.filter(subject=by, item_id=item.id, audience=to, revoked_at__isnull=True).first()
        if kept:
            return kept
        if instead_of:  # it ended meanwhile, or something else took its place
            raise Stale(GIVEN_MEANWHILE) from error
        raise
    if instead_of:
        # Nobody is told that it ended: this one tells whom it reaches, and to anybody else nothing has changed.
        _end(by, instead_of)
    audit.log(
        "shared", by=by, subject=by, item_kind=item_kind, item_id=item.id, why=f"with {Audience(to).label}"
    )
    _tell_audience(grant)
    return grant


@transaction.atomic
def revoke(*, by: Person, grant_id: UUID) -> None:
    """Take one grant back; its audience loses the item with the next request. Taking back twice changes nothing."""
    grant = Grant.objects.select_related("couple").filter(id=grant_id, subject=by).first()
    if grant is None:
        raise Refused("There is no such share of yours.")
    if _end(by, grant):
        _tell_audience(grant, only_who_opened=True)


def _end(by: Person, grant: Grant) -> bool:
    """Whether it stood until now."""
    if not Grant.objects.filter(id=grant.id, subject=by, revoked_at__isnull=True).update(
        revoked_at=timezone.now()
    ):
        return False
    audit.log(
        "took back",
        by=by,
        subject=by,
        item_kind=grant.item_kind,
        item_id=grant.item_id,
        why=f"from {Audience(grant.audience).label}",
    )
    return True


def _database_now() -> datetime:
    """When this transaction began, by the clock the policies read: what opens now is open, and told, in it already."""
    with connection.cursor() as cursor:
        cursor.execute("select now()")
        began_at: datetime = cursor.fetchone()[0]
        return began_at


def _tell_audience(grant: Grant, *, only_who_opened: bool = False) -> None:
    """Wake the open pages of the grant's receivers, and of nobody else: timing would tell."""
    with connection.cursor() as cursor:
        cursor.execute("select door.tell_audience(%s, %s)", [grant.id, only_who_opened])


def tell_couple(couple: Couple) -> None:
    """Wake the pages of both partners and of their couples therapists, for what is theirs in common.

    Each page is told who did it, and keeps still where that person is sheltered from whoever looks.
    """
    by = _who_acts()
    for person in Membership.objects.filter(couple=couple).values_list("person", flat=True):
        tell("person", person, of=by)
    now = timezone.now()
    for staff in Assignment.objects.filter(open_at(now), couple=couple).values_list("staff", flat=True):
        tell("person", staff, of=by)


def _who_acts() -> UUID | None:
    """Whom the open door names; None where nobody acts. It decides nothing but who is woken."""
    with connection.cursor() as cursor:
        cursor.execute("select split_part(current_setting('bothwell.viewer', true), '.', 1)")
        (named,) = cursor.fetchone()
    return UUID(named) if named else None


@transaction.atomic
def receive(*, by: Person, item_kind: str, item: Item) -> None:
    """Note that `by` has opened somebody else's item. The first time counts."""
    if item.subject_id == by.id or Receipt.objects.filter(author=by, item_id=item.id).exists():
        return
    try:
        with transaction.atomic():
            Receipt(
                clinic_id=by.clinic_id,
                subject_id=item.subject_id,
                author=by,
                item_kind=item_kind,
                item_id=item.id,
            ).save(force_insert=True)
    except IntegrityError:
        return
    # What one of the two opens of what is theirs in common is not the other's to know, whoever wrote it: a line that names
    # the couple alone is kept from the other.
    is_ours = item_kind == IN_COMMON and not by.is_staff_member
    audit.log(
        "opened",
        by=by,
        subject=None if is_ours else item.subject_id,
        couple=item.couple_id if is_ours else None,
        item_kind=item_kind,
        item_id=item.id,
    )


@transaction.atomic
def publish_text(
    *, by: Person, kind: ConsentText.Kind, code: str, version: int, title: str, body: str
) -> ConsentText:
    """The next version of a text to sign; its hash goes into every signature, and what was signed before stays as it is.

    `version` is the one the writer means to publish, the newest they have read and one. The same words twice are one
    version. Raises Stale where somebody else published meanwhile, Refused for no words or none that are new.
    """
    title, body = title.strip()[:200], body.strip()
    if not title or not body:
        raise Refused("Write a title and the text itself.")
    newest = ConsentText.objects.filter(kind=kind, code=code).order_by("-version").first()
    if newest and newest.version >= version:
        return _published_already(newest, version, title, body)
    if version != (newest.version if newest else 0) + 1:
        raise Stale("The version before this one is not there. Open the page again.")
    if newest and (newest.title, newest.body) == (title, body):
        raise Refused("These are the words in force already; there is nothing to publish.")
    text = ConsentText(
        clinic_id=by.clinic_id,
        kind=kind,
        code=code,
        version=version,
        title=title,
        body=body,
        sha256=hashlib.sha256(body.encode()).hexdigest(),
    )
    try:
        with transaction.atomic():
            text.save(force_insert=True)
    except IntegrityError:
        other = ConsentText.objects.get(kind=kind, code=code, version=version)
        return _published_already(other, version, title, body)
    except ProgrammingError as error:  # row-level security refused the insert
        raise Refused("Only the clinic lead publishes the texts people sign.") from error
    audit.log("published a text", by=by, item_kind=f"{kind}:{code}", item_id=text.id)
    return text


def _published_already(newest: ConsentText, version: int, title: str, body: str) -> ConsentText:
    """The version that stands, when these very words were published as it a moment ago."""
    if (newest.version, newest.title, newest.body) == (version, title, body):
        return newest
    raise Stale(PUBLISHED_MEANWHILE)


@transaction.atomic
def sign_consent(*, by: Person, text_id: UUID, signed_name: str, release_to: str = "") -> Consent:
    """Sign one text in one's own name. A release also names the role that may then see. Signing twice changes nothing."""
    text = ConsentText.objects.filter(id=text_id).first()
    if text is None:
        raise Refused("This text is no longer there. Open the list again.")
    if not signed_name.strip():
        raise Refused("Type your name to sign.")
    is_release = text.kind == ConsentText.Kind.RELEASE
    if is_release and release_to not in (Role.PRESCRIBER, Role.INDIVIDUAL_THERAPIST, Role.COUPLES_THERAPIST):
        raise Refused(
            "Say who may see it: your prescriber, your individual therapist or your couples therapist."
        )
    couple = couple_of(by)
    if release_to == Role.COUPLES_THERAPIST and couple is None:
        # A page from before a parting: signed now, it would open to the therapist of whatever couple comes next.
        raise Refused("You are not in a couple in care here, so there is no couples therapist to let see it.")
    consent = Consent(
        clinic_id=by.clinic_id,
        subject=by,
        author=by,
        couple=couple,
        text=text,
        sha256=text.sha256,
        release_class=ReleaseClass(text.code) if is_release else "",
        release_to=release_to if is_release else "",
        signed_name=signed_name.strip()[:120],
    )
    open_ones = Consent.objects.filter(
        subject=by, text=text, release_to=consent.release_to, withdrawn_at__isnull=True
    )
    if signed_before := _signed_once(consent, open_ones):
        return signed_before
    audit.log("signed", by=by, subject=by, item_kind=f"{text.kind}:{text.code}", item_id=consent.id)
    return consent


def _signed_once(signature: Signature, standing: QuerySet[Signature]) -> Signature | None:
    """Add a signature of which one may stand; none is returned then. Else the one that stands, be it of a moment ago."""
    if kept := standing.first():
        return kept
    try:
        with transaction.atomic():
            signature.save(force_insert=True)
    except IntegrityError:
        if kept := standing.first():
            return kept
        raise
    return None


@transaction.atomic
def withdraw_consent(*, by: Person, consent_id: UUID) -> None:
    """Withdraw, in every version that was signed of it; its effect ends with the next request of anyone.

    Withdrawing twice changes nothing: what was signed anew since the first time stands.
    """
    consent = Consent.objects.select_related("text").filter(id=consent_id, subject=by).first()
    if consent is None:
        raise Refused("There is no such signature of yours.")
    text, now = consent.text, timezone.now()
    mine = Consent.objects.filter(subject=by, withdrawn_at__isnull=True)
    if mine.filter(id=consent_id).update(withdrawn_at=now):
        # Whoever takes one back means the matter, not the edition: an older one left standing would go on opening it.
        same = ConsentText.objects.filter(kind=text.kind, code=text.code)
        mine.filter(text__in=same, release_to=consent.release_to).update(withdrawn_at=now)
        audit.log("withdrew", by=by, subject=by, item_kind=f"{text.kind}:{text.code}", item_id=consent.id)
        _tell_staff(by)


def _tell_staff(person: Person) -> None:
    """Wake the pages of those who care for this person: what they may see has changed."""
    now = timezone.now()
    mine = Q(subject=person) | Q(couple__memberships__person=person)
    for staff in (
        Assignment.objects.filter(open_at(now), mine)
        .exclude(role=Role.SAFETY)
        .values_list("staff", flat=True)
    ):
        tell("access", staff)


@transaction.atomic
def reaffirm(*, by: Person, consent: Consent, on_day: datetime) -> ConsentReaffirmation:
    """On the day of a dose: the person says yes again, recorded by them or by who is with them."""
    row = ConsentReaffirmation(
        clinic_id=by.clinic_id,
        subject_id=consent.subject_id,
        author=by,
        consent=consent,
        on_day=on_day.date(),
    )
    row.save(force_insert=True)
    audit.log(
        "reaffirmed consent", by=by, subject=consent.subject_id, item_kind="consent", item_id=consent.id
    )
    return row


@transaction.atomic
def propose_agreement(*, by: Person, couple: Couple, mode: DisclosureAgreement.Mode) -> DisclosureAgreement:
    """The couples therapist puts a (new version of the) disclosure agreement before both partners."""
    text = (
        ConsentText.objects.filter(kind=ConsentText.Kind.DISCLOSURE, code=mode).order_by("-version").first()
    )
    if text is None:
        raise Refused("The clinic has no text for this agreement yet. The clinic lead publishes it.")
    if not couple.is_together:
        raise Refused("This couple has parted; its chart takes no new entries.")
    last = DisclosureAgreement.objects.filter(couple=couple).order_by("-version").first()
    agreement = DisclosureAgreement(
        clinic_id=by.clinic_id,
        couple=couple,
        author=by,
        mode=mode,
        version=last.version + 1 if last else 1,
        text=text,
        sha256=text.sha256,
    )
    try:
        with transaction.atomic():
            agreement.save(force_insert=True)
    except IntegrityError as error:
        raise Stale("Somebody else has just proposed a version. Look at it first.") from error
    audit.log("proposed an agreement", by=by, couple=couple, item_kind="disclosure", item_id=agreement.id)
    tell_couple(couple)
    return agreement


@transaction.atomic
def sign_agreement(*, by: Person, agreement_id: UUID, signed_name: str) -> DisclosureSignature:
    """One partner signs; the agreement is in force once both have. Signing twice changes nothing."""
    agreement = DisclosureAgreement.objects.select_related("couple").filter(id=agreement_id).first()
    if agreement is None or agreement.couple is None:
        raise Refused("This agreement is no longer there. Open the page again.")
    if not agreement.couple.is_together:
        raise Refused("This couple has parted; its chart takes no new entries.")
    if not signed_name.strip():
        raise Refused("Type your name to sign.")
    signature = DisclosureSignature(
        clinic_id=by.clinic_id,
        couple=agreement.couple,
        subject=by,
        author=by,
        agreement=agreement,
        signed_name=signed_name.strip()[:120],
    )
    standing = DisclosureSignature.objects.filter(agreement=agreement, author=by)
    if signed_before := _signed_once(signature, standing):
        return signed_before
    audit.log(
        "signed", by=by, subject=by, couple=agreement.couple, item_kind="disclosure", item_id=agreement.id
    )
    tell_couple(agreement.couple)
    return signature


def agreement_in_force(couple: Couple) -> DisclosureAgreement | None:
    """The newest version that both partners have signed."""
    for agreement in (
        DisclosureAgreement.objects.filter(couple=couple)
        .prefetch_related("signatures")
        .order_by("-version")[:10]
    ):
        if len({signature.author_id for signature in agreement.signatures.all()}) == 2:
            return agreement
    return None


@transaction.atomic
def break_glass(
    *, by: Person, reason: str, subject: Person | None = None, couple: Couple | None = None
) -> BreakGlass:
    """One hour of access for a written reason. It never opens insights, safety or process notes.

    The subject's log shows it, and the lead's; nobody is asked first.
    """
    if len(reason.strip()) < 10:
        raise Refused("Write why, in a sentence: it will stand in the person's own log.")
    glass = BreakGlass(
        clinic_id=by.clinic_id,
        subject=subject,
        couple=couple,
        author=by,
        reason=reason.strip(),
        expires_at=timezone.now() + GLASS_STAYS_BROKEN - timedelta(seconds=5),
    )
    try:
        with transaction.atomic():
            glass.save(force_insert=True)
    except ProgrammingError as error:  # row-level security refused the insert
        raise Refused("You may not open this record this way.") from error
    for who in [subject] if subject else _members(couple):
        audit.log("broke the glass", by=by, subject=who, couple=couple, why=reason.strip())
    return glass


def _members(couple: Couple | None) -> list[Person]:
    return (
        [m.person for m in Membership.objects.select_related("person").filter(couple=couple)]
        if couple
        else []
    )


def sent_before(model: type[Kept], key: UUID, by: Person, **said: Any) -> Kept | None:
    """The row that a form left when it was sent before, so that a second press is answered like the first; None when it
    was not. `said`: what it says now, by column. Raises SentBefore where it said something else then.
    """
    kept = model._default_manager.filter(pk=key, author=by).first()
    if kept is not None and any(getattr(kept, column) != value for column, value in said.items()):
        raise SentBefore
    return kept


def kept_first(row: Private, **said: Any) -> bool:
    """Insert a row that its form named; false if a second press of the same form came first, and its row stands. Raises
    SentBefore where that one said something else (`said`, by column).
    """
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        assert row.author is not None
        if sent_before(type(row), row.pk, row.author, **said) is None:
            raise
        return False
    return True
