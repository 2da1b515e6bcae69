"""Proposing an agreement, saying yes to it, ending it: the only writers of these rows.

Nothing here is decided for anybody: an agreement holds only by the yes of both, and either ends it without a reason.
"""

from typing import Any
from uuid import UUID, uuid5

from django.db import IntegrityError, transaction

from bothwell.couples.models import Couple, Person
from bothwell.integration import agreements as rules
from bothwell.integration.doing_actions import SHARED, own_couple
from bothwell.integration.models import AgreementAnswer, CoupleAgreement
from bothwell.privacy import audit
from bothwell.privacy.keeping_actions import kept_first, sent_before
from bothwell.privacy.together_actions import tell_couple
from bothwell.refusal import Refused


def agreements_of(couple: Couple) -> list[rules.Agreement]:
    """What the two proposed and answered, newest first, as far as the viewer can see it. Two queries."""
    rows = CoupleAgreement.objects.filter(couple=couple).order_by("-recorded_at", "-id")[:40]
    said: dict[UUID, list[rules.Said]] = {}
    for one in AgreementAnswer.objects.filter(couple=couple).order_by("recorded_at", "id"):
        if one.author_id:
            each = rules.Said(one.author_id, rules.Answer(one.answer), one.recorded_at)
            said.setdefault(one.agreement_id, []).append(each)
    return [
        rules.Agreement(row.id, rules.Kind(row.kind), row.days, row.words, tuple(said.get(row.id, ())))
        for row in rows
    ]


def said_about(couple: Couple) -> list[CoupleAgreement | AgreementAnswer]:
    """Every proposal and answer that the viewer can see, as they are kept."""
    return [*CoupleAgreement.objects.filter(couple=couple), *AgreementAnswer.objects.filter(couple=couple)]


@transaction.atomic
def propose(
    *, by: Person, kind: rules.Kind, days: int | None, words: str, request_id: UUID
) -> CoupleAgreement:
    """Put something before the other, with one's own yes to it. Posted twice, it is proposed once."""
    couple, key = own_couple(by), uuid5(by.id, str(request_id))
    is_quiet = kind == rules.Kind.NO_BIG_DECISIONS
    said: dict[str, Any] = {
        "couple": couple, "kind": kind,
        "days": days if is_quiet else None, "words": "" if is_quiet else words.strip(),
    }  # fmt: skip
    if kept := sent_before(CoupleAgreement, key, by, **said):
        return kept
    if problem := rules.fault(kind, days, words):
        raise Refused(problem)
    row = CoupleAgreement(
        id=key,
        clinic_id=by.clinic_id,
        author=by,  # no subject: the answers of both hang on it
        **said,
    )
    if not kept_first(row, **said):
        return CoupleAgreement.objects.get(id=key)
    audit.log("proposed an agreement", by=by, couple=couple, item_kind=SHARED, item_id=row.id)
    _answer(by, couple, row, rules.Answer.YES)
    tell_couple(couple)
    return row


@transaction.atomic
def answer(*, by: Person, agreement_id: UUID, said: rules.Answer) -> None:
    """Say yes to what was proposed, or end it; either is said once. What was ended takes no yes."""
    couple = own_couple(by)
    row = CoupleAgreement.objects.filter(id=agreement_id, couple=couple).first()
    if row is None:
        raise Refused("This is no longer there. Open the page again.")
    is_over = row.answers.filter(answer=rules.Answer.END).exists()
    if is_over and said == rules.Answer.YES:
        raise Refused("This was ended. Propose it again if you would both like it.")
    if _answer(by, couple, row, said):
        what = "said yes to an agreement" if said == rules.Answer.YES else "ended an agreement"
        audit.log(what, by=by, couple=couple, item_kind=SHARED, item_id=row.id)
        tell_couple(couple)


def _answer(by: Person, couple: Couple, row: CoupleAgreement, said: rules.Answer) -> bool:
    """Whether this answer is new."""
    given = AgreementAnswer(
        clinic_id=by.clinic_id, couple=couple, subject=by, author=by, agreement=row, answer=said
    )
    try:
        with transaction.atomic():
            given.save(force_insert=True)
    except IntegrityError:
        return False
    return True
