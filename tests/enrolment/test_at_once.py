"""Two at the same moment: a link opens one login, a form enrols one couple."""

from uuid import uuid4

from django.db import transaction

from bothwell.enrolment import actions
from bothwell.enrolment.actions import NewPartner
from bothwell.models import Couple, Person, User
from bothwell.privacy import door
from bothwell.refusal import Stale
from tests.conftest import loading
from tests.enrolment.committed import at_once, committing, invited, new_clinic

__all__ = ["committing"]


def test_a_link_used_by_many_at_once_opens_one_login(committing: None) -> None:
    invitation = invited()
    token = actions.address_of(invitation).rpartition("/")[2]

    def accept(number: int) -> User:
        return actions.accept_invitation(
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

    def enrol(_: int) -> actions.Enrolled:
        with door.opened(coordinator.id):
            return actions.enrol_couple(by=coordinator, a=a, b=b, request_id=request_id)

    outcomes = at_once(4, enrol)
    assert {outcome.couple.id for outcome in outcomes} == {outcomes[0].couple.id}
    with transaction.atomic(), loading():
        assert Couple.objects.filter(clinic=clinic).count() == 1
        assert Person.objects.filter(clinic=clinic, kind="partner").count() == 2
