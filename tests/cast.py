"""The cast: two partners, everyone who cares for them, a stranger couple, and another clinic."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.test import Client
from django.utils import timezone

from bothwell.models import Assignment, Clinic, Contact, Couple, Membership, Person, StaffRole, User
from tests.conftest import loading


@dataclass
class Cast:
    """Amara and Ben are a couple; Carl and Dora another; Eve and Finn live in another clinic."""

    clinic: Clinic
    a: Person
    b: Person
    couple: Couple
    prescriber: Person
    nurse: Person
    therapist_a: Person
    therapist_b: Person
    couples_therapist: Person
    safety: Person
    lead: Person
    coordinator: Person
    stranger_a: Person
    stranger_b: Person
    strangers: Couple
    stranger_prescriber: Person
    other_clinic: Clinic
    other_partner: Person
    other_lead: Person

    def everyone(self) -> dict[str, Person]:
        return {name: value for name, value in vars(self).items() if isinstance(value, Person)}


def person(clinic: Clinic, name: str, kind: str = "partner", *roles: str) -> Person:
    """One person with a login (password `correct-horse-battery`) and, for staff, their roles."""
    who = Person.objects.create(clinic=clinic, kind=kind, name_used=name)
    since = timezone.now() - timedelta(days=200)
    StaffRole.objects.bulk_create(
        [StaffRole(clinic=clinic, person=who, role=role, since=since) for role in roles]
    )
    if kind == "partner":
        Contact.objects.create(
            clinic=clinic, subject=who, full_name=f"{name} Full", safe_email=f"{who.id}@example.org"
        )
    User.objects.create(
        email=f"{who.id}@example.org", person=who, password="!", must_have_second_factor=False
    )
    return who


def pair(clinic: Clinic, a: Person, b: Person) -> Couple:
    """Two people become a couple."""
    couple = Couple.objects.create(clinic=clinic)
    Membership.objects.create(clinic=clinic, couple=couple, person=a, side="a")
    Membership.objects.create(clinic=clinic, couple=couple, person=b, side="b")
    return couple


def assign(
    staff: Person, role: str, *, subject: Person | None = None, couple: Couple | None = None
) -> Assignment:
    """Put a clinician on a care team, since 100 days."""
    since = timezone.now() - timedelta(days=100)
    return Assignment.objects.create(
        clinic_id=staff.clinic_id, staff=staff, role=role, subject=subject, couple=couple, since=since
    )


def make_cast() -> Cast:
    """Lay out the cast inside the current test's transaction."""
    with loading():
        clinic = Clinic.objects.create(name="Clinic One", is_demo=True, set_up_at=timezone.now())
        other = Clinic.objects.create(name="Clinic Two", is_demo=True, set_up_at=timezone.now())
        cast = Cast(
            clinic=clinic,
            a=(a := person(clinic, "Amara")),
            b=(b := person(clinic, "Ben")),
            couple=(couple := pair(clinic, a, b)),
            prescriber=person(clinic, "Helen", "staff", "prescriber"),
            nurse=person(clinic, "Luis", "staff", "nurse"),
            therapist_a=person(clinic, "Priya", "staff", "individual_therapist"),
            therapist_b=person(clinic, "Noor", "staff", "individual_therapist"),
            couples_therapist=person(clinic, "Dana", "staff", "couples_therapist"),
            safety=person(clinic, "Sol", "staff", "individual_therapist"),
            lead=person(clinic, "Lea", "staff", "lead"),
            coordinator=person(clinic, "Cora", "staff", "coordinator"),
            stranger_a=(sa := person(clinic, "Carl")),
            stranger_b=(sb := person(clinic, "Dora")),
            strangers=pair(clinic, sa, sb),
            stranger_prescriber=person(clinic, "Hugo", "staff", "prescriber"),
            other_clinic=other,
            other_partner=person(other, "Eve"),
            other_lead=person(other, "Otto", "staff", "lead", "coordinator"),
        )
        for subject, therapist in ((a, cast.therapist_a), (b, cast.therapist_b)):
            assign(cast.prescriber, "prescriber", subject=subject)
            assign(cast.nurse, "nurse", subject=subject)
            assign(therapist, "individual_therapist", subject=subject)
            assign(cast.safety, "safety", subject=subject)
        assign(cast.couples_therapist, "couples_therapist", couple=couple)
        assign(cast.stranger_prescriber, "prescriber", subject=sa)
    return cast


def user_of(who: Person) -> User:
    """Their login, read before the door."""
    return User.objects.get(person_id=UUID(str(who.id)))


def client_for(who: Person) -> Client:
    """A browser in which `who` is logged in."""
    client = Client()
    client.force_login(user_of(who), backend="allauth.account.auth_backends.AuthenticationBackend")
    return client
