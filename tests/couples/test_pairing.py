"""The rules of couples and care teams: who may pair, part, and care for whom."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothwell.couples import pairing
from bothwell.couples.pairing import Candidate, CareRole, Clinician, ClinicRole, Link, OnFile, Post
from bothwell.enrolment import link

CLINIC = uuid4()
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def candidate(**changes: object) -> Candidate:
    return replace(Candidate(uuid4(), CLINIC), **changes)


def test_two_free_people_of_one_clinic_may_pair() -> None:
    assert pairing.may_pair(candidate(), candidate())


def test_nobody_is_their_own_partner() -> None:
    one = candidate()
    assert not pairing.may_pair(one, one)
    assert not pairing.exactly_two([one.id, one.id])


def test_couples_do_not_span_clinics() -> None:
    assert not pairing.may_pair(candidate(), candidate(clinic=uuid4()))


@given(st.booleans(), st.booleans())
def test_whoever_is_in_a_couple_may_not_pair_again(first: bool, second: bool) -> None:
    decision = pairing.may_pair(candidate(is_in_a_couple=first), candidate(is_in_a_couple=second))
    assert bool(decision) == (not first and not second)


@given(st.lists(st.sampled_from([UUID(int=1), UUID(int=2), UUID(int=3)]), max_size=4))
def test_a_couple_is_exactly_two_different_people(people: list[UUID]) -> None:
    assert bool(pairing.exactly_two(people)) == (len(people) == 2 and people[0] != people[1])


def test_a_couple_parts_once_and_with_a_reason() -> None:
    assert pairing.may_part(None, "They moved apart.")
    assert not pairing.may_part(None, "  \n ")
    assert not pairing.may_part(NOW, "They moved apart.")


PARTNER, STAFF = uuid4(), uuid4()
ROLES = st.sampled_from(list(CareRole))


def post(role: CareRole, **changes: object) -> Post:
    is_couple = role is CareRole.COUPLES_THERAPIST
    return replace(Post(role, is_couple, frozenset({PARTNER})), **changes)


def clinician(role: CareRole, **changes: object) -> Clinician:
    return replace(Clinician(STAFF, frozenset({role})), **changes)


@given(ROLES)
def test_a_lead_assigns_whoever_is_qualified(role: CareRole) -> None:
    assert pairing.may_assign({ClinicRole.LEAD}, clinician(role), post(role))


@given(ROLES)
def test_a_coordinator_assigns_every_role_but_the_safety_circle(role: CareRole) -> None:
    allowed = pairing.may_assign({ClinicRole.COORDINATOR}, clinician(role), post(role))
    assert bool(allowed) == (role is not CareRole.SAFETY)


@given(ROLES, st.sampled_from(["prescriber", "nurse", "researcher"]))
def test_nobody_else_assigns(role: CareRole, other: str) -> None:
    assert not pairing.may_assign({other}, clinician(role), post(role))


@given(ROLES)
def test_nobody_cares_for_themselves_or_for_a_partner_of_theirs(role: CareRole) -> None:
    lead = {ClinicRole.LEAD}
    assert not pairing.may_assign(lead, clinician(role, id=PARTNER), post(role))
    assert not pairing.may_assign(lead, clinician(role, intimates=frozenset({PARTNER})), post(role))


@given(ROLES, ROLES)
def test_one_is_assigned_only_as_what_one_is_on_file_for(role: CareRole, held: CareRole) -> None:
    assert bool(pairing.may_assign({ClinicRole.LEAD}, clinician(held), post(role))) == (role is held)


@given(ROLES)
def test_a_couples_therapist_cares_for_couples_and_the_rest_for_people(role: CareRole) -> None:
    wrong = post(role, is_for_couple=role is not CareRole.COUPLES_THERAPIST)
    assert not pairing.may_assign({ClinicRole.LEAD}, clinician(role), wrong)


def test_nobody_new_is_assigned_to_a_couple_that_parted() -> None:
    role = CareRole.COUPLES_THERAPIST
    assert not pairing.may_assign({ClinicRole.LEAD}, clinician(role), post(role, is_parted=True))


def test_the_last_lead_stays_and_nobody_leaves_patients_behind() -> None:
    assert not pairing.may_end_role("lead", open_leads=1, open_assignments=0)
    assert pairing.may_end_role("lead", open_leads=2, open_assignments=0)
    assert not pairing.may_end_role("nurse", open_leads=1, open_assignments=3)
    assert pairing.may_end_role("nurse", open_leads=1, open_assignments=0)


@pytest.mark.parametrize(("days_left", "is_valid"), [(-1, False), (0, True), (1, True)])
def test_a_credential_holds_through_its_last_day(days_left: int, is_valid: bool) -> None:
    today = date(2026, 3, 1)
    filed = OnFile("licence", today + timedelta(days=days_left))
    assert filed.is_valid(today) is is_valid
    assert pairing.valid_kinds([filed, OnFile("couples")], today) >= {"couples"}
    assert ("licence" in pairing.valid_kinds([filed], today)) is is_valid


OPEN = {
    "now": NOW,
    "expires_at": NOW + timedelta(days=1),
    "used_at": None,
    "is_newest": True,
    "has_login": False,
}


@pytest.mark.parametrize(
    "change",
    [{"expires_at": NOW}, {"used_at": NOW}, {"is_newest": False}, {"has_login": True}],
    ids=["run out", "used", "replaced", "login made"],
)
def test_an_invitation_dies_of_any_one_cause(change: dict[str, object]) -> None:
    assert pairing.link_state(**OPEN) is Link.OPEN  # type: ignore[arg-type]
    assert pairing.link_state(**{**OPEN, **change}) is Link.DEAD  # type: ignore[arg-type]


@given(st.uuids(), st.text(min_size=1), st.text(min_size=1))
def test_only_the_sites_own_key_makes_a_genuine_link(key: UUID, secret: str, other: str) -> None:
    token = link.token(key, secret)
    assert link.is_genuine(token, secret) == key
    assert (link.is_genuine(token, other) is None) == (other != secret)


@given(st.text())
def test_no_other_text_is_genuine(text: str) -> None:
    assert link.is_genuine(text, "secret") is None


def test_how_it_began_never_speaks_of_the_others_wishes() -> None:
    words = {pairing.how_it_began(who, side) for who in pairing.StartedBy for side in ("a", "b")}
    assert len(words) == 4
    assert pairing.how_it_began(pairing.StartedBy.A, "b") == pairing.how_it_began(pairing.StartedBy.B, "a")
