"""What happens to a couple and to those around them, laid down as rows: each a change of who may see what.

The forms of the pages do the same in their own way; these make sure that every change comes, and comes often.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

from django.db import transaction
from django.utils import timezone

from bothwell import models as tables
from bothwell.models import Couple, Person
from bothwell.privacy.circles import READS, Relation
from tests.cast import assign, pair
from tests.conftest import loading
from tests.privacy.worlds import RELEASES, filled
from tests.web.matrix_world import World as Clinic

MOMENT = timedelta(seconds=1)
GIVEN = {
    "InsightVersion": "insight",
    "DosingSession": "dosing.time",
    "SessionSummary": "dosing.summary",
    "JointDecision": "decision.status",
}
AUDIENCES = (Relation.PARTNER, Relation.COUPLES_THERAPIST, Relation.INDIVIDUAL_THERAPIST)


@dataclass
class Happenings:
    """The two of the clinic's first couple, and everything that may befall them."""

    clinic: Clinic
    rng: Random

    @property
    def two(self) -> tuple[Person, Person]:
        return self.clinic.chart.person, self.clinic.chart.partner

    def one(self) -> str:
        """Let one thing happen; its name."""
        happens: Callable[[], str] = self.rng.choice(
            [self.gift, self.gift, self.gift, self.release, self.part_or_pair, self.shelter, self.hold, self.glass,
             self.team, self.day]
        )  # fmt: skip
        with transaction.atomic(), loading():
            return happens()

    def couple_now(self, who: Person) -> Couple | None:
        return Couple.objects.filter(memberships__person=who, parted_at__isnull=True).first()

    def gift(self) -> str:
        """Share one thing of one's own, sleep on it, open it, or take it back."""
        who = self.rng.choice(self.two)
        model = self.rng.choice(sorted(GIVEN))
        thing = getattr(tables, model).objects.filter(subject=who).order_by("?").first()
        audience, now = self.rng.choice(AUDIENCES), timezone.now()
        couple = self.couple_now(who)
        if thing is None or (couple is None and audience != Relation.INDIVIDUAL_THERAPIST):
            return "nothing to give"
        about = {"subject": who, "item_id": thing.id, "audience": audience, "revoked_at": None}
        given = tables.Grant.objects.filter(**about).first()
        other = getattr(tables, model).objects.filter(subject=who).exclude(id=thing.id).order_by("?").first()
        if given and other and self.rng.random() < 0.5:
            newer = about | {"item_id": other.id}
            if tables.Grant.objects.filter(**newer).exists():
                return "given already"
            tables.Grant.objects.filter(id=given.id).update(revoked_at=now)
            tables.Grant.objects.create(
                **newer,
                clinic_id=who.clinic_id,
                author=who,
                couple=given.couple,
                item_kind=GIVEN[model],
                opens_at=given.opens_at,
                replaces=given,
            )
            return "given newer words"
        if given:
            slept = given.opens_at > now and self.rng.random() < 0.5
            change = {"opens_at": now - MOMENT} if slept else {"revoked_at": now}
            tables.Grant.objects.filter(id=given.id).update(**change)
            return "opened" if slept else "taken back"
        opens_at = now + timedelta(hours=24) if self.rng.random() < 0.3 else now - MOMENT
        assert "G" in READS[GIVEN[model]][audience] or model != "InsightVersion"
        if "G" not in READS[GIVEN[model]][audience]:
            return "not to be given"
        tables.Grant.objects.create(
            **about,
            clinic_id=who.clinic_id,
            author=who,
            couple=couple,
            item_kind=GIVEN[model],
            opens_at=opens_at,
        )
        return "given" if opens_at < now else "given, slept on"

    def release(self) -> str:
        """Sign a release, or withdraw it."""
        who, (data_class, to) = self.rng.choice(self.two), self.rng.choice(RELEASES)
        about = {"subject": who, "release_class": data_class, "release_to": to}
        if tables.Consent.objects.filter(**about, withdrawn_at=None).update(withdrawn_at=timezone.now()):
            return "withdrawn"
        text, _ = tables.ConsentText.objects.get_or_create(
            clinic_id=who.clinic_id, kind="release", code=data_class, version=99,
            defaults={"title": "A text", "body": "What this is.", "sha256": "x"},
        )  # fmt: skip
        signed = {"text": text, "author": who, "sha256": "x", "signed_name": "X", "clinic_id": who.clinic_id}
        tables.Consent.objects.create(**about, **signed)
        return "released"

    def part_or_pair(self) -> str:
        """The two part; or two of three come together, with the same therapist."""
        a, b = self.two
        if couple := self.couple_now(a) or self.couple_now(b):
            if self.rng.random() < 0.6:
                return "still together"
            now = timezone.now()
            tables.Membership.objects.filter(couple=couple, until=None).update(until=now)
            Couple.objects.filter(id=couple.id).update(parted_at=now - MOMENT)
            return "parted"
        other = b if self.rng.random() < 0.8 else self.clinic.chart.ex
        again = pair(self.clinic.cast.clinic, a, other)
        therapist = self.rng.choice(["couples_therapist", "couples_therapist", "stranger_therapist"])
        assign(self.clinic.viewers[therapist], "couples_therapist", couple=again)
        return "paired"

    def shelter(self) -> str:
        who = self.rng.choice(self.two)
        if tables.Shelter.objects.filter(subject=who, until=None).update(until=timezone.now()):
            return "shelter ended"
        tables.Shelter.objects.create(clinic_id=who.clinic_id, subject=who, author=who)
        return "sheltered"

    def hold(self) -> str:
        couple = self.couple_now(self.rng.choice(self.two))
        if couple is None:
            return "no couple to hold"
        filled(tables.CoupleHold, {}, clinic_id=couple.clinic_id, couple=couple, author=None).save(
            force_insert=True
        )
        return "held"

    def glass(self) -> str:
        """Break the glass to one of the two or to the couple; what was broken before is whole again."""
        author = self.clinic.viewers[self.rng.choice(["lead", "couples_therapist"])]
        now = timezone.now()
        tables.BreakGlass.objects.filter(author=author).update(expires_at=now - MOMENT)
        about: dict[str, Any] = {"subject": self.rng.choice(self.two)}
        if self.rng.random() < 0.4 and (couple := self.couple_now(self.two[0])):
            about = {"couple": couple}
        tables.BreakGlass.objects.create(
            clinic_id=author.clinic_id,
            author=author,
            reason="x",
            expires_at=now + timedelta(hours=1),
            **about,
        )
        return "glass broken"

    def team(self) -> str:
        """Somebody leaves a care team, or comes to it."""
        who, role = (
            self.rng.choice(self.two),
            self.rng.choice(["prescriber", "nurse", "individual_therapist", "safety"]),
        )
        now = timezone.now()
        here = tables.Assignment.objects.filter(subject=who, role=role, until=None)
        if self.rng.random() < 0.5 and here.update(until=now - MOMENT):
            return "left the team"
        viewer = {"individual_therapist": "therapist_a"}.get(role, role)
        staff = self.clinic.viewers[viewer]
        if not here.filter(staff=staff).exists():
            assign(staff, role, subject=who)
        return "joined the team"

    def day(self) -> str:
        """A session moves to today, or away."""
        who = self.rng.choice(self.two)
        session = tables.DosingSession.objects.filter(subject=who, started_at=None).first()
        course = tables.Course.objects.filter(subject=who).first()
        at = timezone.now() + self.rng.choice([timedelta(0), timedelta(days=9)])
        if session:
            tables.DosingSession.objects.filter(id=session.id).update(scheduled_at=at)
        elif course:
            about = {"clinic_id": who.clinic_id, "subject": who, "couple": course.couple, "author": None}
            filled(tables.DosingSession, {"Course": course}, **about, scheduled_at=at, number=50).save(
                force_insert=True
            )
        return "moved a session"
