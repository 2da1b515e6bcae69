"""Texts to sign: published, signed, reaffirmed on the day, withdrawn; and the agreement that both partners sign."""

import hashlib
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from django.db import IntegrityError, ProgrammingError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from bothwell.couples.models import Assignment, Couple, Person, Role, open_at
from bothwell.later import tell
from bothwell.privacy import audit
from bothwell.privacy.models import (
    Consent,
    ConsentReaffirmation,
    ConsentText,
    DisclosureAgreement,
    DisclosureSignature,
    ReleaseClass,
)
from bothwell.privacy.together_actions import couple_of, tell_couple
from bothwell.refusal import Refused, Stale

PUBLISHED_MEANWHILE = (
    "Somebody has published a version since you began. Yours is not published and stands below: read the one in force "
    "now, and go on with yours if it should still replace it."
)
Signature = TypeVar("Signature", Consent, DisclosureSignature)


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
