"""Enrolling, inviting, assigning, parting: what each leaves in the database, and who may not."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from bothwell.couples.models import (
    Assignment,
    Clinic,
    Contact,
    Couple,
    Credential,
    Membership,
    Person,
    Role,
    Room,
    StaffRole,
)
from bothwell.couples.pairing import StartedBy
from bothwell.enrolment import (
    clinic_actions,
    couple_actions,
    invitation_actions,
    people_actions,
    roles_actions,
    staff_actions,
    team_actions,
)
from bothwell.enrolment.people_actions import NewPartner, Reach
from bothwell.models import CloseTo, Device, DosingSession
from bothwell.pathway.models import Course, ProtocolVersion
from bothwell.pathway.protocol_actions import load_protocols, sign_protocol
from bothwell.privacy import door
from bothwell.privacy.models import AuditEntry, Invitation, User
from bothwell.refusal import Refused, Stale
from tests.cast import Cast, assign, make_cast
from tests.conftest import loading

pytestmark = pytest.mark.django_db

AMY = NewPartner("Amy", "she/her", Reach(safe_email="amy@example.org", safe_phone="555 0100"))
BO = NewPartner("Bo", is_treated=False)


@pytest.fixture
def cast() -> Cast:
    cast = make_cast()
    with door.opened(cast.lead.id):
        (version, *_) = load_protocols(by=cast.lead)
        sign_protocol(by=cast.lead, protocol_id=version.id, signed_name="Lea")
    return cast


@pytest.fixture
def request_id() -> UUID:
    return uuid4()


def enrol(cast: Cast, request_id: UUID, **changes: object) -> couple_actions.Enrolled:
    with door.opened(cast.coordinator.id):
        wanted = {"a": AMY, "b": BO, "started_by": StartedBy.A, **changes}
        return couple_actions.enrol_couple(by=cast.coordinator, request_id=request_id, **wanted)  # type: ignore[arg-type]


def a_day_passes(*ids: UUID) -> None:
    """To the database a test is one moment: what was assigned or ended in it is put before it."""
    day = timedelta(days=1)
    with loading():
        for model in (Assignment, StaffRole):
            model.objects.filter(id__in=ids).update(since=F("since") - day, until=F("until") - day)


def test_enrolling_makes_two_people_a_couple_questions_links_and_a_course(
    cast: Cast, request_id: UUID
) -> None:
    made = enrol(cast, request_id)
    with loading():
        sides = (
            Membership.objects.filter(couple=made.couple)
            .order_by("side")
            .values_list("side", "person__name_used")
        )
        assert list(sides) == [("a", "Amy"), ("b", "Bo")]
        assert Contact.objects.get(subject=made.people[0]).safe_email == "amy@example.org"
        for person in made.people:
            assert Invitation.objects.filter(person=person, used_at=None).count() == 1
        courses = Course.objects.filter(couple=made.couple)
        assert [course.subject for course in courses] == [made.people[0]]
        assert "asked for it" in courses[0].steps.get().why


def test_a_form_sent_twice_enrols_once(cast: Cast, request_id: UUID) -> None:
    first, second = enrol(cast, request_id), enrol(cast, request_id)
    assert first.couple == second.couple
    assert first.people == second.people
    assert first.invitations == second.invitations
    with loading():
        assert Person.objects.filter(name_used="Amy").count() == 1


def test_two_people_with_the_same_form_number_make_two_couples(cast: Cast, request_id: UUID) -> None:
    with loading():
        role = StaffRole.objects.create(clinic=cast.clinic, person=cast.lead, role="coordinator")
    a_day_passes(role.id)
    first = enrol(cast, request_id)
    with door.opened(cast.lead.id):
        second = couple_actions.enrol_couple(by=cast.lead, a=AMY, b=BO, request_id=request_id)
    assert first.couple != second.couple


def test_only_those_with_a_safe_address_are_mailed_and_only_the_number_goes_into_the_job(
    cast: Cast, request_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    deferred: list[tuple[str, dict[str, object]]] = []
    for each in (couple_actions, invitation_actions):
        monkeypatch.setattr(each, "later", lambda task, **ids: deferred.append((task, ids)))
    made = enrol(cast, request_id)
    asks = ("measures.plan", {"clinic": cast.clinic.id, "couple": made.couple.id})
    assert deferred == [asks, ("mail.invitation", {"invitation": made.invitations[0].id})]


def test_who_comes_alone_and_who_becomes_a_couple_later_are_asked_too(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    deferred: list[tuple[str, dict[str, object]]] = []
    for each in (couple_actions, invitation_actions, people_actions):
        monkeypatch.setattr(each, "later", lambda task, **ids: deferred.append((task, ids)))
    with door.opened(cast.coordinator.id):
        one, other = (
            people_actions.add_person(by=cast.coordinator, new=BO, request_id=uuid4()) for _ in range(2)
        )
        couple = couple_actions.pair(by=cast.coordinator, one=one, other=other, request_id=uuid4())
    plans = [ids for task, ids in deferred if task == "measures.plan"]
    who = [{"person": one.id}, {"person": other.id}, {"couple": couple.id}]
    assert plans == [{"clinic": cast.clinic.id} | each for each in who]


def test_reminders_are_switched_off_and_on_by_the_person_alone(cast: Cast) -> None:
    with door.opened(cast.a.id):
        people_actions.choose_reminders(by=cast.a, wants=False)
        people_actions.choose_reminders(by=cast.a, wants=False)
        assert not Contact.objects.get(subject=cast.a).wants_reminders
        people_actions.choose_reminders(by=cast.a, wants=True)
    with loading():
        assert Contact.objects.get(subject=cast.a).wants_reminders
        did = AuditEntry.objects.filter(subject=cast.a, action__startswith="switched").order_by("at")
        assert [row.action for row in did] == ["switched reminders off", "switched reminders on"]


@pytest.mark.parametrize("who", ["lead", "prescriber", "nurse", "couples_therapist", "a"])
def test_only_a_coordinator_enrols(cast: Cast, request_id: UUID, who: str) -> None:
    by = getattr(cast, who)
    with door.opened(by.id), pytest.raises(Refused, match="coordinator"):
        couple_actions.enrol_couple(by=by, a=AMY, b=BO, request_id=request_id)


def test_without_a_signed_protocol_nobody_is_enrolled_for_treatment(request_id: UUID) -> None:
    cast = make_cast()
    with pytest.raises(Refused, match="protocol"):
        enrol(cast, request_id)
    with loading():
        assert not Person.objects.filter(name_used="Amy").exists()
    enrol(cast, request_id, a=BO)


def test_a_nameless_partner_undoes_the_whole_enrolment(cast: Cast, request_id: UUID) -> None:
    with pytest.raises(Refused, match="name"):
        enrol(cast, request_id, b=NewPartner("  "))
    with loading():
        assert not Person.objects.filter(name_used="Amy").exists()


# ---------------------------------------------------------------------------------------------------- contact


def test_a_contact_changes_only_as_it_was_seen(cast: Cast) -> None:
    with door.opened(cast.coordinator.id):
        seen_at = Contact.objects.get(subject=cast.a).changed_at
        change = {"by": cast.coordinator, "subject": cast.a, "name_used": "Amara", "pronouns": ""}
        people_actions.change_contact(**change, reach=Reach(safe_phone="1"), seen_at=seen_at)  # type: ignore[arg-type]
        with pytest.raises(Stale):
            people_actions.change_contact(**change, reach=Reach(safe_phone="2"), seen_at=seen_at)  # type: ignore[arg-type]
        assert Contact.objects.get(subject=cast.a).safe_phone == "1"


def test_a_person_changes_their_own_contact_and_nobody_elses(cast: Cast) -> None:
    with door.opened(cast.a.id):
        seen_at = Contact.objects.get(subject=cast.a).changed_at
        people_actions.change_contact(
            by=cast.a, subject=cast.a, name_used="Mara", pronouns="she", reach=Reach(), seen_at=seen_at
        )
        assert Person.objects.get(id=cast.a.id).name_used == "Mara"
        with pytest.raises(Refused):
            people_actions.change_contact(
                by=cast.a, subject=cast.b, name_used="Benny", pronouns="", reach=Reach(), seen_at=seen_at
            )


# ------------------------------------------------------------------------------------------------- care teams


def test_assigning_opens_the_record_and_ending_closes_it(cast: Cast) -> None:
    with door.opened(cast.stranger_prescriber.id):
        assert not Contact.objects.filter(subject=cast.a).exists()
    with door.opened(cast.coordinator.id):
        place = team_actions.assign(
            by=cast.coordinator, staff=cast.stranger_prescriber, role=Role.PRESCRIBER, subject=cast.a
        )
        again = team_actions.assign(
            by=cast.coordinator, staff=cast.stranger_prescriber, role=Role.PRESCRIBER, subject=cast.a
        )
    assert place == again
    a_day_passes(place.id)
    with door.opened(cast.stranger_prescriber.id):
        assert Contact.objects.filter(subject=cast.a).exists()
    with door.opened(cast.coordinator.id):
        team_actions.end_assignment(by=cast.coordinator, assignment_id=place.id)
        team_actions.end_assignment(by=cast.coordinator, assignment_id=place.id)
    a_day_passes(place.id)
    with door.opened(cast.stranger_prescriber.id):
        assert not Contact.objects.filter(subject=cast.a).exists()
    with door.opened(cast.a.id):
        seen = AuditEntry.objects.filter(subject=cast.a, item_id=place.id).values_list("action", flat=True)
        assert sorted(seen) == ["assigned", "ended an assignment"]


def test_assigning_to_a_couple_stands_in_both_logs(cast: Cast) -> None:
    with loading():
        StaffRole.objects.create(clinic=cast.clinic, person=cast.therapist_a, role="couples_therapist")
    with door.opened(cast.coordinator.id):
        place = team_actions.assign(
            by=cast.coordinator, staff=cast.therapist_a, role=Role.COUPLES_THERAPIST, couple=cast.couple
        )
    for partner in (cast.a, cast.b):
        with door.opened(partner.id):
            assert AuditEntry.objects.filter(subject=partner, item_id=place.id).count() == 1


def test_the_safety_circle_is_the_leads_to_name_and_leaves_no_trace(cast: Cast) -> None:
    with loading():
        StaffRole.objects.create(clinic=cast.clinic, person=cast.therapist_a, role="safety")
    new = {"staff": cast.therapist_a, "role": Role.SAFETY, "subject": cast.a}
    with door.opened(cast.coordinator.id), pytest.raises(Refused):
        team_actions.assign(by=cast.coordinator, **new)  # type: ignore[arg-type]
    with door.opened(cast.lead.id):
        place = team_actions.assign(by=cast.lead, **new)  # type: ignore[arg-type]
    for who in (cast.a, cast.b, cast.coordinator, cast.prescriber):
        with door.opened(who.id):
            assert not AuditEntry.objects.filter(item_id=place.id).exists()
            assert not Assignment.objects.filter(id=place.id).exists()
    with door.opened(cast.safety.id):
        assert AuditEntry.objects.filter(item_id=place.id, sealed=True).exists()


def test_nobody_is_assigned_to_their_own_partner(cast: Cast) -> None:
    with loading():
        StaffRole.objects.create(clinic=cast.clinic, person=cast.nurse, role="prescriber")
        couple = Couple.objects.create(clinic=cast.clinic)
        loner = Person.objects.create(clinic=cast.clinic, kind="partner", name_used="Lone")
        for person, side in ((cast.nurse, "a"), (loner, "b")):
            Membership.objects.create(clinic=cast.clinic, couple=couple, person=person, side=side)
    with door.opened(cast.coordinator.id), pytest.raises(Refused, match="own partner"):
        team_actions.assign(by=cast.coordinator, staff=cast.nurse, role=Role.PRESCRIBER, subject=loner)


# ---------------------------------------------------------------------------------------------------- parting


def test_parting_closes_the_chart_and_keeps_the_reason_from_the_partners(cast: Cast) -> None:
    with door.opened(cast.coordinator.id):
        couple_actions.part(by=cast.coordinator, couple_id=cast.couple.id, reason="Moved out in March.")
        with pytest.raises(Refused, match="already"):
            couple_actions.part(by=cast.coordinator, couple_id=cast.couple.id, reason="Again.")
    with loading():
        assert not Couple.objects.get(id=cast.couple.id).is_together
        assert not Membership.objects.filter(couple=cast.couple, until__isnull=True).exists()
    for partner in (cast.a, cast.b):
        with door.opened(partner.id):
            told = AuditEntry.objects.filter(subject=partner, action="recorded a parting")
            assert [entry.why for entry in told] == [""]
    with door.opened(cast.lead.id):
        assert AuditEntry.objects.filter(couple=cast.couple, why="Moved out in March.").count() == 1


def test_their_couples_therapist_may_record_a_parting_and_another_clinician_may_not(cast: Cast) -> None:
    with door.opened(cast.prescriber.id), pytest.raises(Refused):
        couple_actions.part(by=cast.prescriber, couple_id=cast.couple.id, reason="Moved out.")
    with door.opened(cast.couples_therapist.id):
        couple_actions.part(by=cast.couples_therapist, couple_id=cast.couple.id, reason="Moved out.")


def test_who_parted_may_be_a_couple_again_with_a_new_chart(cast: Cast, request_id: UUID) -> None:
    with door.opened(cast.coordinator.id):
        again = {"by": cast.coordinator, "one": cast.a, "other": cast.b, "request_id": request_id}
        with pytest.raises(Refused, match="part first"):
            couple_actions.pair(**again)  # type: ignore[arg-type]
        couple_actions.part(by=cast.coordinator, couple_id=cast.couple.id, reason="Moved out.")
        new = couple_actions.pair(**again)  # type: ignore[arg-type]
        assert new == couple_actions.pair(**again)  # type: ignore[arg-type]
    assert new != cast.couple
    with loading():
        assert Membership.objects.filter(person=cast.a, until__isnull=True).get().couple == new


def in_session(cast: Cast, who: Person) -> DosingSession:
    """They arrived a moment ago, in a course begun alone. As the loader."""
    of = {"clinic": cast.clinic, "subject": who, "author": cast.prescriber}
    version = ProtocolVersion.objects.filter(clinic=cast.clinic).first()
    course = Course.objects.create(**of, protocol=version, phase="preparation", state="active")
    now = timezone.now()
    return DosingSession.objects.create(**of, course=course, number=1, scheduled_at=now, arrived_at=now)


def test_two_who_are_both_in_a_session_become_a_couple_once_one_is_signed_off(
    cast: Cast, request_id: UUID
) -> None:
    with door.opened(cast.coordinator.id):
        couple_actions.part(by=cast.coordinator, couple_id=cast.couple.id, reason="Moved out.")
    with loading():
        first, _ = (in_session(cast, who) for who in (cast.a, cast.b))
    again = {"by": cast.coordinator, "one": cast.a, "other": cast.b, "request_id": request_id}
    with door.opened(cast.coordinator.id), pytest.raises(Refused, match="signed off before they become"):
        couple_actions.pair(**again)  # type: ignore[arg-type]
    with loading():
        DosingSession.objects.filter(id=first.id).update(ended_at=timezone.now())
    with door.opened(cast.coordinator.id):
        assert couple_actions.pair(**again).is_together  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------------ staff


def test_a_colleague_joins_with_roles_and_a_link(cast: Cast, request_id: UUID) -> None:
    new = {
        "by": cast.lead, "name_used": "Ida", "title": "RN", "roles": [Role.NURSE], "email": "ida@example.org",
        "request_id": request_id,
    }  # fmt: skip
    with door.opened(cast.lead.id):
        ida = staff_actions.add_staff(**new)  # type: ignore[arg-type]
        assert ida == staff_actions.add_staff(**new)  # type: ignore[arg-type]
        assert roles_actions.roles_held(ida) == {"nurse"}
        assert ida.signs_as == "Ida, RN"
        assert Invitation.objects.filter(person=ida).count() == 1
    with door.opened(cast.coordinator.id), pytest.raises(Refused, match="clinic lead"):
        staff_actions.add_staff(**{**new, "by": cast.coordinator})  # type: ignore[arg-type]


def test_no_two_colleagues_are_entered_under_one_address(cast: Cast, request_id: UUID) -> None:
    new: dict[str, Any] = {"by": cast.lead, "title": "RN", "roles": [Role.NURSE]}
    with door.opened(cast.lead.id):
        staff_actions.add_staff(**new, name_used="Ida", email="ida@example.org", request_id=request_id)
        for taken in ("Ida@example.org", f"{cast.nurse.id}@EXAMPLE.org", f"{cast.a.id}@example.org"):
            with pytest.raises(Refused, match="belongs to somebody here already"):
                staff_actions.add_staff(**new, name_used="Ivo", email=taken, request_id=uuid4())
        ivo = staff_actions.add_staff(**new, name_used="Ivo", email="", request_id=uuid4())
        with pytest.raises(Refused, match="belongs to somebody here already"):
            staff_actions.correct_address(by=cast.lead, person=ivo, email="ida@example.org")
        staff_actions.correct_address(by=cast.lead, person=ivo, email="ivo@example.org")
        staff_actions.correct_address(by=cast.lead, person=ivo, email="ivo@example.org")


def test_only_the_lead_learns_that_an_address_is_somebodys_and_not_of_whom_no_role_shows_them(
    cast: Cast,
) -> None:
    address = f"{cast.a.id}@example.org"

    def told(who: Person) -> bool:
        with door.opened(who.id), connection.cursor() as cursor:
            cursor.execute("select door.signs_in_here(%s)", [address])
            return bool(cursor.fetchone()[0])

    assert told(cast.lead)
    assert not any(told(who) for who in (cast.b, cast.nurse, cast.coordinator, cast.couples_therapist))
    with loading():
        CloseTo.objects.create(
            clinic=cast.clinic,
            staff=cast.lead,
            subject=cast.b,
            author=cast.coordinator,
            how=CloseTo.How.FRIEND,
        )
    assert not told(cast.lead)


def test_a_role_ends_unless_it_is_the_last_leads_or_somebody_is_cared_for_in_it(cast: Cast) -> None:
    with door.opened(cast.lead.id):
        for person, role, why in (
            (cast.lead, "lead", "last clinic lead"),
            (cast.nurse, "nurse", "care for somebody"),
        ):
            with pytest.raises(Refused, match=why):
                roles_actions.end_staff_role(
                    by=cast.lead, role_id=StaffRole.objects.get(person=person, role=role).id
                )
        researcher = roles_actions.add_staff_role(by=cast.lead, person=cast.nurse, role=Role.RESEARCHER)
        roles_actions.end_staff_role(by=cast.lead, role_id=researcher.id)
        assert roles_actions.roles_held(cast.nurse) == {"nurse"}


def test_a_credential_is_filed_once_by_the_lead(cast: Cast, request_id: UUID) -> None:
    filed = {
        "person": cast.prescriber, "kind": Credential.Kind.LICENCE, "reference": "MD 1", "expires_on": None,
        "request_id": request_id,
    }  # fmt: skip
    with door.opened(cast.lead.id):
        one = staff_actions.file_credential(by=cast.lead, **filed)  # type: ignore[arg-type]
        assert one == staff_actions.file_credential(by=cast.lead, **filed)  # type: ignore[arg-type]
    with door.opened(cast.prescriber.id), pytest.raises(Refused):
        staff_actions.file_credential(by=cast.prescriber, **filed)  # type: ignore[arg-type]


# ----------------------------------------------------------------------------------------------------- clinic


def test_a_clinic_begins_is_set_up_and_then_ends_being_loadable() -> None:
    with loading():
        clinic, invitation = clinic_actions.found(clinic_name="New", lead_name="Nina")
        lead = invitation.person
        roles = list(StaffRole.objects.filter(person=lead).values_list("id", flat=True))
    a_day_passes(*roles)
    assert (
        invitation_actions.open_invitation(invitation_actions.address_of(invitation).rpartition("/")[2])
        == invitation
    )
    with door.opened(lead.id):
        assert roles_actions.roles_held(lead) == {"lead", "coordinator"}
        with pytest.raises(Refused, match="crisis"):
            clinic_actions.finish_set_up(by=lead)
        line = {"label": "Crisis line", "number": "988", "href": "tel:988"}
        clinic_actions.set_up_clinic(
            by=lead, name="Newer", timezone_name="UTC", country="US", crisis_lines=[line]
        )
        clinic_actions.finish_set_up(by=lead)
        clinic.refresh_from_db()
        assert (clinic.name, clinic.set_up_at is not None) == ("Newer", True)
    with loading():
        assert not Clinic.objects.filter(id=clinic.id).exists()


def test_a_lost_first_link_is_replaced_until_the_lead_has_a_login() -> None:
    with loading():
        clinic, first = clinic_actions.found(clinic_name="New", lead_name="Nina")
        second = clinic_actions.found_again(clinic)
    assert second is not None
    assert invitation_actions.open_invitation(invitation_actions.address_of(first).rpartition("/")[2]) is None
    token = invitation_actions.address_of(second).rpartition("/")[2]
    user = invitation_actions.accept_invitation(
        token=token, email="Nina@Example.org", password="three quiet green hills"
    )
    assert (user.email, user.must_have_second_factor) == ("nina@example.org", True)
    with loading():
        assert clinic_actions.found_again(clinic) is None


def test_rooms_and_monitors_stand_once(cast: Cast) -> None:
    with door.opened(cast.lead.id):
        room = clinic_actions.add_room(by=cast.lead, name="Garden")
        with pytest.raises(Refused, match="already"):
            clinic_actions.add_room(by=cast.lead, name="Garden ")
        device = clinic_actions.add_device(by=cast.lead, identifier="MON-1", name="", room=room)
        with pytest.raises(Refused, match="in use"):
            clinic_actions.add_device(by=cast.lead, identifier="MON-1", name="Other")
        clinic_actions.retire_device(by=cast.lead, device_id=device.pk)
        assert Device.objects.get(id=device.pk).is_retired
        assert Room.objects.filter(name="Garden").count() == 1
    with door.opened(cast.nurse.id), pytest.raises(Refused):
        clinic_actions.add_room(by=cast.nurse, name="Attic")


# ------------------------------------------------------------------------------------------------ invitations


def token_of(invitation: Invitation) -> str:
    return invitation_actions.address_of(invitation).rpartition("/")[2]


@pytest.fixture
def invited(cast: Cast) -> Invitation:
    with door.opened(cast.coordinator.id):
        lone = people_actions.add_person(by=cast.coordinator, new=BO, request_id=uuid4())
        return Invitation.objects.get(person=lone)


def test_a_login_is_made_once_and_is_logged(invited: Invitation) -> None:
    user = invitation_actions.accept_invitation(
        token=token_of(invited), email="bo@example.org", password="three quiet hills"
    )
    assert user.person_id == invited.person_id
    assert not user.must_have_second_factor
    assert user.check_password("three quiet hills")
    with pytest.raises(Stale):
        invitation_actions.accept_invitation(
            token=token_of(invited), email="eve@example.org", password="three quiet hills"
        )
    with door.opened(user.person_id):
        assert AuditEntry.objects.filter(subject=user.person_id, action="set up a login").count() == 1


def test_an_address_in_use_is_refused_and_the_link_stays_good(cast: Cast, invited: Invitation) -> None:
    taken = f"{cast.a.id}@EXAMPLE.org"
    with pytest.raises(Refused) as refused:
        invitation_actions.accept_invitation(
            token=token_of(invited), email=taken, password="three quiet hills"
        )
    assert not isinstance(refused.value, Stale)
    assert invitation_actions.open_invitation(token_of(invited)) is not None
    assert not User.objects.filter(person_id=invited.person_id).exists()


def test_a_new_link_ends_the_one_before(cast: Cast, invited: Invitation) -> None:
    with door.opened(cast.coordinator.id):
        second = invitation_actions.invite(
            by=cast.coordinator, person=Person.objects.get(id=invited.person_id)
        )
    assert invitation_actions.open_invitation(token_of(invited)) is None
    assert invitation_actions.open_invitation(token_of(second)) == second


def test_a_link_runs_out(invited: Invitation) -> None:
    with loading():
        Invitation.objects.filter(id=invited.id).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert invitation_actions.open_invitation(token_of(invited)) is None


def test_who_has_a_login_is_not_invited_again(cast: Cast) -> None:
    with door.opened(cast.coordinator.id), pytest.raises(Refused, match="login already"):
        invitation_actions.invite(by=cast.coordinator, person=cast.a)


def test_only_the_lead_invites_colleagues(cast: Cast) -> None:
    with loading():
        new = Person.objects.create(clinic=cast.clinic, kind="staff", name_used="Ida")
    with door.opened(cast.coordinator.id), pytest.raises(Refused):
        invitation_actions.invite(by=cast.coordinator, person=new)


def test_another_clinics_lead_changes_nothing_here(cast: Cast) -> None:
    with loading():
        place = assign(cast.stranger_prescriber, "prescriber", subject=cast.a)
    with door.opened(cast.other_lead.id):
        for attempt in (
            lambda: couple_actions.part(by=cast.other_lead, couple_id=cast.couple.id, reason="Moved out."),
            lambda: team_actions.end_assignment(by=cast.other_lead, assignment_id=place.id),
            lambda: couple_actions.enrolled(cast.couple.id),
        ):
            with pytest.raises(Refused, match="no such"):
                attempt()
