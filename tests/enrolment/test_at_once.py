"""Two at the same moment: a link opens one login, a form enrols one couple, a signature is given once, one of two arrives."""

from uuid import uuid4

from django.db import transaction

from bothwell.dosing import visit_actions
from bothwell.enrolment import couple_actions, invitation_actions
from bothwell.enrolment.people_actions import NewPartner
from bothwell.models import (
    Consent,
    ConsentText,
    Couple,
    DisclosureAgreement,
    DisclosureSignature,
    DosingSession,
    Person,
    User,
)
from bothwell.privacy import door, signing_actions
from bothwell.refusal import Refused, Stale
from tests.cast import make_cast
from tests.conftest import loading
from tests.dosing.ready import make_ready
from tests.enrolment.committed import at_once, committing, invited, new_clinic

__all__ = ["committing"]


def test_a_link_used_by_many_at_once_opens_one_login(committing: None) -> None:
    invitation = invited()
    token = invitation_actions.address_of(invitation).rpartition("/")[2]

    def accept(number: int) -> User:
        return invitation_actions.accept_invitation(
            token=token, email=f"{uuid4()}@example.org", password=f"three quiet hills {number}"
        )

    outcomes = at_once(5, accept)
    assert sum(isinstance(outcome, User) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Stale) for outcome in outcomes) == 4
    assert User.objects.filter(person_id=invitation.person_id).count() == 1


def test_a_form_sent_by_many_at_once_enrols_one_couple(committing: None) -> None:
    clinic, coordinator = new_clinic()
    request_id = uuid4()
    a, b = NewPartner("Amy", is_treated=False), NewPartner("Bo", is_treated=False)

    def enrol(_: int) -> couple_actions.Enrolled:
        with door.opened(coordinator.id):
            return couple_actions.enrol_couple(by=coordinator, a=a, b=b, request_id=request_id)

    outcomes = at_once(4, enrol)
    assert {outcome.couple.id for outcome in outcomes} == {outcomes[0].couple.id}
    with transaction.atomic(), loading():
        assert Couple.objects.filter(clinic=clinic).count() == 1
        assert Person.objects.filter(clinic=clinic, kind="partner").count() == 2


def test_what_is_signed_by_two_presses_at_once_stands_once(committing: None) -> None:
    with transaction.atomic():
        cast = make_cast()
        with loading():
            texts = [
                ConsentText.objects.create(
                    clinic=cast.clinic, kind=kind, code=code, title="T", body="B", sha256="0" * 64
                )
                for kind, code in (("treatment", "iv"), ("disclosure", "no_secrets"))
            ]
            agreement = DisclosureAgreement.objects.create(
                clinic=cast.clinic, couple=cast.couple, author=cast.couples_therapist, mode="no_secrets", version=1,
                text=texts[1],
            )  # fmt: skip

    def sign(number: int) -> Consent | DisclosureSignature:
        with door.opened(cast.a.id):
            if number % 2:
                return signing_actions.sign_consent(by=cast.a, text_id=texts[0].id, signed_name="Amara")
            return signing_actions.sign_agreement(by=cast.a, agreement_id=agreement.id, signed_name="Amara")

    outcomes = at_once(6, sign)
    assert len({outcome.id for outcome in outcomes}) == 2, outcomes


def test_a_couple_that_arrives_by_two_doors_at_once_is_in_one_session(committing: None) -> None:
    with transaction.atomic():
        ready = make_ready(make_cast())
        with loading():
            DosingSession.objects.filter(id=ready.partners.id).update(couple=None)  # a course begun alone
    nurse, visits = ready.cast.nurse, [(ready.session, ready.room), (ready.partners, ready.other_room)]

    def arrive(number: int) -> DosingSession:
        session, room = visits[number]
        with door.opened(nurse.id), transaction.atomic():
            return visit_actions.arrive(by=nurse, session_id=session.id, room=room)

    outcomes = at_once(2, arrive)
    assert {type(outcome) for outcome in outcomes} == {DosingSession, Refused}
