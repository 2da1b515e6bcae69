"""What one partner said alone to the couples therapist, and the disclosure agreement under which it was said.

Neither partner ever finds it, nor that it took place: it stands in no log of theirs and wakes no page of theirs.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from django.db import IntegrityError, transaction
from django.utils import timezone

from bothwell.couples.models import Couple, Membership, Person
from bothwell.integration.models import IndividualContact
from bothwell.integration.session_actions import check_length, must_be_theirs
from bothwell.privacy import audit
from bothwell.privacy.keeping_actions import kept_first, sent_before
from bothwell.privacy.models import DisclosureAgreement
from bothwell.refusal import Refused, Stale

ALONE = "couple.alone"
AHEAD = timedelta(minutes=5)
"""How far ahead of us a clock may be."""


def agreement_at(agreements: Iterable[DisclosureAgreement], at: datetime) -> DisclosureAgreement | None:
    """The newest version that both had signed by then, or None. `agreements` with their signatures."""
    for agreement in sorted(agreements, key=lambda one: one.version, reverse=True):
        signed = {one.author_id for one in agreement.signatures.all() if one.recorded_at <= at}
        if len(signed) == 2:
            return agreement
    return None


def agreements_of(couple: Couple) -> list[DisclosureAgreement]:
    """Every version with its signatures, newest first."""
    found = DisclosureAgreement.objects.filter(couple=couple).prefetch_related("signatures")
    return list(found.order_by("-version"))


@transaction.atomic
def record_contact(
    *,
    by: Person,
    couple: Couple,
    side: str,
    at: datetime,
    minutes: int,
    by_telephone: bool,
    text: str,
    read_under: UUID | None,
    request_id: UUID,
) -> IndividualContact:
    """Keep what one partner (`side`) said alone. Posted twice, it is kept once.

    `read_under`: the agreement whose meaning the writer was shown, None for none. Raises Stale when another held at
    that time: what it means must be read before it is written under it.
    """
    key = uuid5(by.id, str(request_id))
    member = Membership.objects.filter(couple=couple, side=side).first()
    said: dict[str, Any] = {
        "subject_id": member.person_id if member else None, "couple": couple,
        "at": at, "minutes": minutes, "by_telephone": by_telephone, "text": text.strip(),
    }  # fmt: skip
    if kept := sent_before(IndividualContact, key, by, **said):
        return kept
    must_be_theirs(by, couple)
    if member is None:
        raise Refused("Choose which of the two it was.")
    if at > timezone.now() + AHEAD:
        raise Refused("This time has not come yet.")
    _check(text, minutes)
    agreement = agreement_at(agreements_of(couple), at)
    if (agreement.id if agreement else None) != read_under:
        raise Stale("At that time another agreement held. Read above what it means, then keep it.")
    row = IndividualContact(
        id=key,
        clinic_id=by.clinic_id,
        author=by,
        agreement=agreement,
        **said,
    )
    if not kept_first(row, **said):
        return IndividualContact.objects.get(id=key)
    _log("kept what one said alone", by, row)
    return row


@transaction.atomic
def correct_contact(
    *, by: Person, contact_id: UUID, text: str, minutes: int, reason: str
) -> IndividualContact:
    """A new row in the place of one's own earlier one; both stay, with the reason, under the same agreement."""
    wrong = IndividualContact.objects.select_related("couple").filter(id=contact_id).first()
    if wrong is None:
        raise Refused("There is no such entry.")
    must_be_theirs(by, wrong.couple)
    if wrong.author_id != by.id:
        raise Refused("An entry is corrected by who wrote it. Write one of your own instead.")
    _check(text, minutes)
    if not reason.strip() or len(reason.strip()) > 300:
        raise Refused("Say in a sentence what was wrong: it stays beside this one.")
    row = IndividualContact(
        clinic_id=by.clinic_id,
        subject_id=wrong.subject_id,
        couple_id=wrong.couple_id,
        author=by,
        agreement_id=wrong.agreement_id,
        at=wrong.at,
        minutes=minutes,
        by_telephone=wrong.by_telephone,
        text=text.strip(),
        corrects=wrong,
        reason=reason.strip(),
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise Stale("This was corrected already. Look at the newest one.") from error
    _log("corrected what one said alone", by, row)
    return row


def log_look(by: Person, couple: Couple) -> None:
    """Log that `by` looked at what was said alone; the couple stands as the item, in no log of theirs."""
    audit.log("viewed", by=by, item_kind=ALONE, item_id=couple.id)


def _log(action: str, by: Person, row: IndividualContact) -> None:
    # About nobody by name: an entry about one of the two, or about the couple, would stand in a partner's own log.
    audit.log(action, by=by, item_kind=ALONE, item_id=row.id)


def _check(text: str, minutes: int) -> None:
    if not text.strip():
        raise Refused("Write a few words first.")
    if not 0 <= minutes <= 300:
        raise Refused("It lasted between 0 and 300 minutes.")
    check_length(text)
