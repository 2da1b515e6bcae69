"""What one says alone is kept under the agreement that held when it was said, and neither partner ever finds it."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from bothwell.integration import contact_actions as actions
from bothwell.models import (
    AuditEntry,
    ConsentText,
    DisclosureAgreement,
    DisclosureSignature,
    IndividualContact,
    Person,
)
from bothwell.privacy import door
from bothwell.refusal import Refused, SentBefore, Stale
from tests.cast import Cast, assign, make_cast, person
from tests.conftest import loading

NOW = timezone.now


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def agree(cast: Cast, mode: str, version: int, days_ago: float, signed: str = "ab") -> DisclosureAgreement:
    with loading():
        text, _ = ConsentText.objects.get_or_create(
            clinic=cast.clinic,
            kind="disclosure",
            code=mode,
            defaults={"title": mode, "body": "", "sha256": "x"},
        )
        row = DisclosureAgreement.objects.create(
            clinic=cast.clinic, couple=cast.couple, author=cast.couples_therapist, mode=mode, version=version,
            text=text, sha256="x",
        )  # fmt: skip
        for side in signed:
            who = cast.a if side == "a" else cast.b
            DisclosureSignature.objects.create(
                clinic=cast.clinic, couple=cast.couple, subject=who, author=who, agreement=row, signed_name="X",
                recorded_at=NOW() - timedelta(days=days_ago),
            )  # fmt: skip
        return row


def keep(
    cast: Cast,
    read_under: UUID | None = None,
    by: Person | None = None,
    at: datetime | None = None,
    **more: object,
) -> IndividualContact:
    by = by or cast.couples_therapist
    asked = {"side": "b", "minutes": 10, "by_telephone": True, "text": "He is unsure.", "request_id": uuid4()}
    with door.opened(by.id):
        return actions.record_contact(
            by=by,
            couple=cast.couple,
            at=at or NOW(),
            read_under=read_under,
            **{**asked, **more},  # type: ignore[arg-type]
        )


def test_it_keeps_the_agreement_in_force_when_it_was_said(cast: Cast) -> None:
    first, second = agree(cast, "no_secrets", 1, 30), agree(cast, "confidential", 2, 5)
    agree(cast, "no_secrets", 3, 1, signed="a")
    assert keep(cast, second.id).agreement_id == second.id
    assert keep(cast, first.id, at=NOW() - timedelta(days=10)).agreement_id == first.id
    assert keep(cast, None, at=NOW() - timedelta(days=60)).agreement_id is None


def test_what_was_read_before_writing_must_be_what_held(cast: Cast) -> None:
    first, second = agree(cast, "no_secrets", 1, 30), agree(cast, "confidential", 2, 5)
    for read_under, at in ((first.id, NOW()), (None, NOW()), (second.id, NOW() - timedelta(days=10))):
        with pytest.raises(Stale, match="another agreement held"):
            keep(cast, read_under, at=at)
    with door.opened(cast.couples_therapist.id):
        assert not IndividualContact.objects.exists()


def test_without_an_agreement_it_is_kept_so(cast: Cast) -> None:
    agree(cast, "confidential", 1, 3, signed="b")
    assert keep(cast).agreement_id is None


def test_posted_twice_it_is_kept_once(cast: Cast) -> None:
    said = {"request_id": uuid4(), "at": NOW()}
    assert keep(cast, **said).id == keep(cast, **said).id
    with pytest.raises(SentBefore):
        keep(cast, **said, text="Again.")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"text": " "}, "few words"),
        ({"text": "x" * 30_000}, "longer than"),
        ({"side": "c"}, "which of the two"),
        ({"minutes": 301}, "between 0 and 300"),
        ({"at": NOW() + timedelta(hours=1)}, "not come yet"),
    ],
)
def test_what_cannot_be_is_told(cast: Cast, more: dict[str, object], told: str) -> None:
    with pytest.raises(Refused, match=told):
        keep(cast, **more)  # type: ignore[arg-type]


def test_neither_partner_finds_it_nor_a_trace_of_it(cast: Cast) -> None:
    row = keep(cast)
    with door.opened(cast.couples_therapist.id):
        actions.log_look(cast.couples_therapist, cast.couple)
        actions.correct_contact(
            by=cast.couples_therapist, contact_id=row.id, text="He is sure.", minutes=10, reason="Misheard."
        )
    for name, who in cast.everyone().items():
        if name not in ("couples_therapist", "lead"):
            with door.opened(who.id):
                assert not IndividualContact.objects.exists(), name
                assert not AuditEntry.objects.filter(item_kind="couple.alone").exists(), name
    with door.opened(cast.lead.id):
        assert not IndividualContact.objects.exists()
        assert AuditEntry.objects.filter(item_kind="couple.alone").count() == 3


def test_it_wakes_no_partners_page(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[object] = []
    monkeypatch.setattr(
        "bothwell.privacy.together_actions.tell", lambda topic, about, **_: woken.append(about)
    )
    keep(cast)
    assert woken == []


@pytest.mark.parametrize("who", ["a", "prescriber", "therapist_b", "lead"])
def test_nobody_else_keeps_any(cast: Cast, who: str) -> None:
    with pytest.raises(Refused, match="own couples therapist"):
        keep(cast, by=getattr(cast, who))


def test_a_correction_is_a_new_row_under_the_same_agreement(cast: Cast) -> None:
    dana, first = cast.couples_therapist, agree(cast, "no_secrets", 1, 30)
    row = keep(cast, first.id)
    agree(cast, "confidential", 2, 0)
    with door.opened(dana.id):
        with pytest.raises(Refused, match="what was wrong"):
            actions.correct_contact(by=dana, contact_id=row.id, text="Sure.", minutes=5, reason=" ")
        again = actions.correct_contact(
            by=dana, contact_id=row.id, text="Sure.", minutes=5, reason="Misheard."
        )
        assert (again.agreement_id, again.subject_id, again.at) == (first.id, cast.b.id, row.at)
        with pytest.raises(Stale):
            actions.correct_contact(by=dana, contact_id=row.id, text="Sure.", minutes=5, reason="Twice.")
        assert IndividualContact.objects.count() == 2
    with loading():
        second = person(cast.clinic, "Remy", "staff", "couples_therapist")
        assign(second, "couples_therapist", couple=cast.couple)
    with door.opened(second.id), pytest.raises(Refused, match="who wrote it"):
        actions.correct_contact(by=second, contact_id=again.id, text="No.", minutes=5, reason="Mine.")
