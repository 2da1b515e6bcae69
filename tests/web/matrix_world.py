"""The world in which every row of the table of pages is tried: a couple, those who care for them, all they left.

`Chart` is everything about one person and their couple: an id for each thing an address could name (`ids`) and, in
each private text, a word with those who may ever read it (`words`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.utils import timezone

from bothwell import models as tables
from bothwell.couples.models import Couple, Person, new_id
from bothwell.enrolment import link
from bothwell.instruments import importing
from bothwell.instruments.instrument import Better, Kind
from bothwell.outcomes.asking import Question, Way
from bothwell.pathway import protocol as protocols
from tests.cast import Cast, assign, make_cast, pair, person
from tests.conftest import loading

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
ALL_ROLES = ("prescriber", "nurse", "individual_therapist", "couples_therapist", "lead", "coordinator")
SELF, PARTNER, EX = "self", "partner", "ex_partner"
OF_THE_COUPLE = frozenset({SELF, PARTNER})
BESIDE = ("prescriber", "nurse")
OFFICE = ("lead", "coordinator")
TEAM = (*BESIDE, "therapist_a", "couples_therapist")

INTIMATE_STAFF = {"staff_partner": PARTNER, "staff_ex_partner": EX}
"""Colleagues with every role and an assignment of every kind towards their own partner, present or past."""


@dataclass
class Chart:
    """Everything about one person and their couple."""

    person: Person
    partner: Person
    ex: Person
    couple: Couple
    old: Couple
    ids: dict[str, Any] = field(default_factory=dict)
    words: dict[str, frozenset[str]] = field(default_factory=dict)

    def word(self, name: str, *readers: str) -> str:
        """A word that stands in one private text; `readers` are those who may ever read it."""
        text = f"zq{name.replace(' ', '')}{self.person.id.hex[-6:]}"
        self.words[text] = frozenset(readers)
        return text


@dataclass
class World:
    """The viewers by name and the two charts: one among partners, one of a person who lives with a colleague."""

    cast: Cast
    viewers: dict[str, Person]
    chart: Chart
    colleagues: Chart
    link: str


def make_world() -> World:
    """Lay it out inside the current transaction. Everything was done before that transaction began."""
    cast = make_cast()
    with loading():
        viewers = _viewers(cast)
        viewers |= _partners_on_staff(cast)
        protocol, texts = _protocol(cast), _texts(cast)
        one = _chart(
            cast, cast.a, cast.b, viewers["ex_partner"], cast.couple, viewers["therapist_a"], protocol, texts
        )
        loved = viewers["loved"]
        couple = pair(cast.clinic, loved, viewers["staff_partner"])
        for role in ("prescriber", "nurse", "individual_therapist", "safety"):
            if role == "prescriber":
                assign(cast.prescriber, role, subject=loved)
            for colleague in INTIMATE_STAFF:
                assign(viewers[colleague], role, subject=loved)
        for who in ("couples_therapist", *INTIMATE_STAFF):
            assign(viewers[who], "couples_therapist", couple=couple)
        two = _chart(
            cast, loved, viewers["staff_partner"], viewers["staff_ex_partner"], couple, viewers["therapist_a"],
            protocol, texts,
        )  # fmt: skip
        for colleague in INTIMATE_STAFF:
            assign(viewers[colleague], "couples_therapist", couple=two.old)
        _questionnaire(cast)
        address = _invited(
            cast, Person.objects.create(clinic=cast.clinic, kind="partner", name_used="Gina"), cast.lead
        )
    return World(cast, viewers, one, two, address)


LOADED = "own-loaded"


def _questionnaire(cast: Cast) -> None:
    """One the clinic loaded itself; it is the clinic's, and no other's."""
    yes_or_no = {"linkId": "q", "text": "Did you sleep?", "type": "boolean"}
    form = {"resourceType": "Questionnaire", "title": "Loaded", "item": [yes_or_no]}
    imported = importing.read_questionnaire(json.dumps(form).encode())
    assert isinstance(imported, importing.Imported)
    described = importing.Described(
        slug=LOADED.removeprefix("own-"), short="Loaded", plain_title="Sleep", recall="last night",
        kind=Kind.INDIVIDUAL, better=Better.NEITHER, reverse=frozenset(), left_out=frozenset(), areas=(),
        licence_holder="the clinic", licence_terms="its own",
    )  # fmt: skip
    tables.ClinicInstrument.objects.create(
        clinic=cast.clinic, instrument=LOADED, version=importing.instrument(imported, described).version,
        document=importing.document(imported, described).decode(), origin="imported",
        licence_holder="the clinic", licence_terms="its own", author=cast.lead,
    )  # fmt: skip


def _viewers(cast: Cast) -> dict[str, Person]:
    clinic = cast.clinic
    viewers = {
        SELF: cast.a, PARTNER: cast.b, EX: person(clinic, "Ezra"), "stranger": cast.stranger_a,
        "stranger_therapist": person(clinic, "Tess", "staff", "couples_therapist"),
        "past_nurse": person(clinic, "Nils", "staff", "nurse"),
        "researcher": person(clinic, "Ada", "staff", "researcher"),
    }  # fmt: skip
    same = (
        "prescriber", "nurse", "therapist_a", "therapist_b", "couples_therapist", "safety", "lead", "coordinator",
        "stranger_prescriber", "other_partner", "other_lead",
    )  # fmt: skip
    viewers |= {name: getattr(cast, name) for name in same}
    assign(viewers["stranger_therapist"], "couples_therapist", couple=cast.strangers)
    past = assign(viewers["past_nurse"], "nurse", subject=cast.a)
    past.until = timezone.now() - DAY
    past.save()
    return viewers


def _partners_on_staff(cast: Cast) -> dict[str, Person]:
    """Two colleagues with every role, and somebody in care whose partner one of them is and the other was."""
    return {
        "loved": person(cast.clinic, "Gus"),
        "staff_partner": person(cast.clinic, "Pia", "staff", *ALL_ROLES),
        "staff_ex_partner": person(cast.clinic, "Quin", "staff", *ALL_ROLES),
    }


def _protocol(cast: Cast) -> tables.ProtocolVersion:
    path = protocols.shipped()[0]
    rules = protocols.load(path)
    return tables.ProtocolVersion.objects.create(
        clinic=cast.clinic, name=rules.name, version=rules.version, sha256=rules.sha256, source=path.read_text("utf-8"),
        signed_by=cast.lead, signed_at=timezone.now() - DAY, signed_name="Lea",
    )  # fmt: skip


def _draft_of(cast: Cast, protocol: tables.ProtocolVersion) -> tables.ProtocolDraft:
    edit = {
        "revision": 1, "at": "hold_bp.systolic_above_mmhg", "value": "138", "reason": "Ours", "by": str(cast.lead.id),
        "by_name": "Lea", "edited_at": timezone.now().isoformat(),
    }  # fmt: skip
    draft, _ = tables.ProtocolDraft.objects.get_or_create(
        clinic=cast.clinic, base=protocol, defaults={"begun_by": cast.lead, "revision": 1, "edits": [edit]}
    )
    return draft


def _texts(cast: Cast) -> dict[str, tables.ConsentText]:
    codes = {"treatment": "iv", "release": "individual_scores", "disclosure": "no_secrets"}
    return {
        kind: tables.ConsentText.objects.create(
            clinic=cast.clinic, kind=kind, code=code, title="A text", body="What this is.", sha256="x"
        )
        for kind, code in codes.items()
    }


def _invited(cast: Cast, who: Person, by: Person) -> str:
    key = new_id()
    token = link.token(key, settings.SECRET_KEY)
    tables.Invitation.objects.create(
        id=key, clinic=cast.clinic, person=who, token_hash=link.token_hash(token), made_by=by,
        made_at=timezone.now() - HOUR, expires_at=timezone.now() + DAY,
    )  # fmt: skip
    return token


def _chart(
    cast: Cast, who: Person, partner: Person, ex: Person, couple: Couple, therapist: Person,
    protocol: tables.ProtocolVersion, texts: dict[str, tables.ConsentText],
) -> Chart:  # fmt: skip
    old = _old_couple(cast, who, ex)
    chart = Chart(who, partner, ex, couple, old)
    chart.ids |= {
        "person": who.id, "colleague": cast.nurse.id, "couple": couple.id, "old couple": old.id,
        "protocol": protocol.id, "protocol draft": _draft_of(cast, protocol).id,
        **{f"text {kind}": text.id for kind, text in texts.items()},
    }  # fmt: skip
    lay = _Layer(cast, chart, therapist, protocol, texts, timezone.now())
    for part in (
        lay.contacts, lay.care_team, lay.answers, lay.course, lay.sessions, lay.vials, lay.insights, lay.couples_work,
        lay.old_work,
        lay.consents, lay.log, lay.rights, lay.outcomes,
    ):  # fmt: skip
        part()
    return chart


def _old_couple(cast: Cast, who: Person, ex: Person) -> Couple:
    now = timezone.now()
    old = Couple.objects.create(clinic=cast.clinic, formed_at=now - 700 * DAY, parted_at=now - 300 * DAY)
    for side, member in (("a", who), ("b", ex)):
        tables.Membership.objects.create(
            clinic=cast.clinic, couple=old, person=member, side=side, until=now - 300 * DAY
        )
    return old


@dataclass
class _Layer:
    """Lays out one chart, slice by slice."""

    cast: Cast
    chart: Chart
    therapist: Person
    protocol: tables.ProtocolVersion
    texts: dict[str, tables.ConsentText]
    now: datetime
    of_course: Any = None

    def own(self, model: str, author: Person | None = None, of: Person | None = None, **columns: Any) -> Any:
        """A row about the person, or about their partner."""
        return getattr(tables, model).objects.create(
            clinic=self.cast.clinic, subject=of or self.chart.person, couple=self.chart.couple,
            author=author or self.cast.prescriber, **columns,
        )  # fmt: skip

    def ours(self, model: str, author: Person, couple: Couple | None = None, **columns: Any) -> Any:
        """A row about the couple."""
        about = {"clinic": self.cast.clinic, "couple": couple or self.chart.couple}
        return getattr(tables, model).objects.create(**about, author=author, **columns)

    def keep(self, name: str, row: Any) -> Any:
        self.chart.ids[name] = row.id
        return row

    def contacts(self) -> None:
        for name, who in (("own", self.chart.person), ("partners", self.chart.partner)):
            of = SELF if name == "own" else PARTNER
            therapist = "therapist_a" if name == "own" else "therapist_b"
            readers = (*BESIDE, "couples_therapist", "safety", therapist, *OFFICE)
            word = self.chart.word(f"{name} telephone", of, *readers)
            tables.Contact.objects.update_or_create(
                subject=who, defaults={"clinic": self.cast.clinic, "full_name": word, "safe_phone": word}
            )
            self.chart.words[_invited(self.cast, who, self.cast.lead)] = frozenset(OFFICE)

    def care_team(self) -> None:
        about = {"subject": self.chart.person}
        if self.chart.person != self.cast.a:
            assign(self.therapist, "individual_therapist", **about)
            assign(self.cast.nurse, "nurse", **about)
            assign(self.cast.safety, "safety", **about)
        for role in ("nurse", "safety"):
            row = tables.Assignment.objects.filter(role=role, **about).order_by("id").last()
            self.chart.ids[f"assignment {role}"] = row.id
        of_both = tables.Assignment.objects.filter(
            role="couples_therapist", couple=self.chart.couple
        ).order_by("id")
        self.keep("assignment couples_therapist", of_both.first())
        close = {"author": self.cast.lead, "staff": self.cast.stranger_prescriber, "how": "friend"}
        self.keep("close", self.own("CloseTo", **close))

    def answers(self) -> None:
        def asked(name: str, instrument: str, kind: str, wave: str) -> Any:
            return self.keep(
                f"request {name}",
                self.own("Request", instrument=instrument, kind=kind, wave=wave, due_at=self.now + DAY),
            )

        def said(request: Any, status: str, **columns: Any) -> Any:
            sent = {"sent_at": self.now - HOUR} if status == "sent" else {}
            return self.keep(f"response {request.wave}", self.own(
                "Response", self.chart.person, request=request, instrument=request.instrument, kind=request.kind,
                instrument_version="1", wave=request.wave, status=status, **sent, **columns,
            ))  # fmt: skip

        asked("due", "phq-9", "measure.predose", "w1")
        draft = self.chart.word("draft answer", SELF)
        said(asked("draft", "gad-7", "measure.individual", "w2"), "draft", answers={"zz": draft})
        said(asked("sent", "csi-16", "measure.relationship", "w3"), "sent", total=Decimal(41), band="mid")
        asked_of = asked("sent of oneself", "gad-7", "measure.individual", "w7")
        said(asked_of, "sent", total=Decimal(9), band="mild", answers={"other": "none"})
        self.keep("response copied", self.own(
            "Response", instrument="gad-7", kind="measure.individual", instrument_version="1", wave="w8",
            status="sent", sent_at=self.now - HOUR, entered_as="paper", answers={"other": "none"},
        ))  # fmt: skip
        screen = said(asked("screen", "phq-9", "screen.suicide", "w4"), "sent", answers={})
        asked("violence", "phq-9", "screen.violence", "w5")
        alone = self.chart.word("said alone", "safety")
        said(
            asked("violence sent", "phq-9", "screen.violence", "w6"), "sent", answers={"1": alone}, band=alone
        )
        flagged = self.chart.word("flag", *BESIDE, "therapist_a")
        self.keep("flag", self.own("SafetyFlag", self.chart.person, response=screen, what=flagged))

    def course(self) -> None:
        word, team = self.chart.word, (*TEAM, "lead", SELF)
        course = self.of_course = self.own(
            "Course",
            protocol=self.protocol,
            route="iv",
            phase="dosing_series",
            state="active",
            sessions_planned=4,
            steps_taken=2,
        )
        for number, kind in enumerate(("medical", "screen.suicide"), 1):
            step = self.own(
                "Step", course=course, number=number, event="hold", from_phase="preparation", to_phase="preparation",
                to_state="on_hold", why=word(f"why {number}", *team),
            )  # fmt: skip
            readers = (*BESIDE, SELF) if kind == "medical" else (*BESIDE, "therapist_a")
            self.own("HoldReason", step=step, kind=kind, text=word(f"hold {number}", *readers))
        medical = {"observed_at": self.now - HOUR, "source": "visit", "code": "weight_kg", "value": 70}
        self.keep("fact", self.own("MedicalFact", note=word("finding", *BESIDE, SELF), **medical))
        partners = {"of": self.chart.partner, "note": word("partners finding", *BESIDE, PARTNER)}
        self.keep("fact of partner", self.own("MedicalFact", **partners, **medical))
        self.own("Resolution", finding="hypertension", reason=word("resolution", *BESIDE, SELF))
        ordered = {"course": course, "route": "iv", "weight_kg": 68, "minutes": 40, "product": "Ketamine"}
        first = self.own("Order", dose_mg=40, **ordered)
        self.own("OrderWithdrawn", order=first, reason=word("why withdrawn", *BESIDE, SELF))
        self.own("Order", dose_mg=34, out_of_range_reason=word("order reason", *BESIDE, SELF), **ordered)
        self.own("Preparation", course=course, note=word("arranged", *BESIDE, SELF, "therapist_a"))
        summary = word("decision", *team)
        decision = self.keep(
            "decision", self.own("JointDecision", course=course, route="iv", summary=summary)
        )
        for signer, role in (
            (self.cast.prescriber, "prescriber"),
            (self.cast.couples_therapist, "couples_therapist"),
        ):
            self.own("DecisionSignature", signer, decision=decision, signs_as=role, verdict="proceed", signed_name="X",
                     words=word(f"signed {role}", *team))  # fmt: skip

    def vials(self) -> None:
        """A vial of the clinic; what was drawn from it for the session that runs; a count that differs."""
        cast, of_clinic = self.cast, {"clinic": self.cast.clinic, "author": self.cast.nurse}
        session = tables.DosingSession.objects.get(id=self.chart.ids["session running"])
        vial = tables.Vial.objects.create(
            **of_clinic, code=f"V{uuid4().hex[:8]}", substance="ketamine", product="Ketamine", lot="1", invoice="1",
            expires_on=(self.now + 90 * DAY).date(), ug_per_ml=50_000, nominal_ul=10_000, supplier="S",
            received_on=(self.now - 9 * DAY).date(),
        )  # fmt: skip
        syringe = uuid4()
        for kind, more in (
            ("receive", {"volume_ul": 10_000}),
            ("open", {}),
            ("draw", {"volume_ul": 700, "syringe": syringe}),
        ):
            line = tables.VialEvent.objects.create(**of_clinic, vial=vial, kind=kind, **more)
        self.own("VialUse", cast.nurse, session=session, event=line, syringe=syringe)
        taken = tables.Inventory.objects.create(
            **of_clinic, witness=cast.prescriber, taken_at=self.now, business="open"
        )
        count = tables.VialEvent.objects.create(
            **of_clinic, vial=vial, kind="count", observed_ul=9_000, witness=cast.prescriber, inventory=taken
        )
        off = tables.Discrepancy.objects.create(
            **of_clinic, vial=vial, event=count, expected_ul=9_300, observed_ul=9_000
        )
        self.chart.ids |= {"vial": vial.id, "line": line.id, "inventory": taken.id, "discrepancy": off.id}

    def outcomes(self) -> None:
        """A question of the lead's about all couples, and what came of it."""
        of_clinic = {"clinic": self.cast.clinic, "author": self.cast.lead}
        question = Question(Way.RELIABLE).as_plain()
        asked = self.keep("analysis", tables.Analysis.objects.create(**of_clinic, question=question))
        tables.AnalysisRun.objects.create(
            **of_clinic,
            analysis=asked,
            number=1,
            state="done",
            done_at=self.now,
            result={"counts": [], "left": []},
        )

    def sessions(self) -> None:
        now, word = self.now, self.chart.word
        order = tables.Order.objects.get(course=self.of_course, withdrawn__isnull=True)
        room = self.keep("room", tables.Room.objects.create(clinic=self.cast.clinic, name=uuid4().hex[:8]))
        self.keep("free room", tables.Room.objects.create(clinic=self.cast.clinic, name=uuid4().hex[:8]))
        times: dict[str, dict[str, Any]] = {
            "before": {"scheduled_at": now + HOUR},
            "running": {"scheduled_at": now, "arrived_at": now - 50 * MINUTE,
                        "started_at": now - 20 * MINUTE, "room": room},
            "over": {"scheduled_at": now - 7 * DAY, "arrived_at": now - 7 * DAY, "started_at": now - 7 * DAY + HOUR,
                     "ended_at": now - 7 * DAY + 3 * HOUR, "outcome": "discharged"},
            "cancelled": {"scheduled_at": now + 2 * DAY, "outcome": "cancelled"},
        }  # fmt: skip
        sessions = {
            name: self.keep(
                f"session {name}",
                self.own("DosingSession", course=self.of_course, order=order, number=number, **at),
            )
            for number, (name, at) in enumerate(times.items(), 1)
        }
        beside = (*BESIDE, SELF)
        self._nasal()
        for name in ("running", "over"):
            self._flowsheet(name, sessions[name], beside)
        theirs = {"of": self.chart.partner, "course": self.partners_course()}
        visit = self.own("DosingSession", number=1, scheduled_at=now - 30 * DAY, **theirs)
        sample = self.own("Sample", self.cast.nurse, of=self.chart.partner, session=visit, code="spo2",
                          value=98, unit="%",
                          observed_at=now - 30 * DAY)  # fmt: skip
        self.keep("sample partners", sample)
        medicine = self.own("Administration", self.cast.nurse, of=self.chart.partner, session=visit, event="given",
                            substance="Water", at=now - 30 * DAY)  # fmt: skip
        self.keep("given partners", medicine)
        begun = self.own("Administration", self.cast.nurse, of=self.chart.partner, session=visit, event="start",
                         substance="Water", at=now - 30 * DAY)  # fmt: skip
        self.keep("begun partners", begun)
        device = tables.Device.objects.create(
            clinic=self.cast.clinic, identifier=uuid4().hex, name="Monitor", room=room
        )
        self.own("Binding", self.cast.nurse, session=sessions["running"], device=device)
        alarm = self.own(
            "Alarm", session=sessions["running"], code="spo2", number=1, priority="high", raised_at=now - 10 * MINUTE,
            text=word("alarm", *beside),
        )  # fmt: skip
        self.keep("alarm", alarm)
        self.own(
            "SessionSummary",
            self.cast.nurse,
            session=sessions["over"],
            text=word("how it went", *beside, "therapist_a"),
        )

    def _nasal(self) -> None:
        """A session under a drug's safety programme, with the form it asks for afterwards."""
        order = self.own(
            "Order", course=self.of_course, route="in", dose_mg=56, weight_kg=68, product="Esketamine"
        )
        then = self.now - 14 * DAY
        session = self.own("DosingSession", course=self.of_course, order=order, number=9, scheduled_at=then,
                           arrived_at=then, started_at=then + HOUR, ended_at=then + 3 * HOUR, outcome="discharged")  # fmt: skip
        self.keep("session nasal", session)
        answers = {"lots": self.chart.word("lot", *BESIDE, SELF)}
        self.own("ProgrammeForm", self.cast.nurse, session=session, form="spravato-rems-2024", number=1,
                 state="draft", answers=answers)  # fmt: skip

    def partners_course(self) -> Any:
        return self.own(
            "Course", of=self.chart.partner, protocol=self.protocol, phase="joint_decision", state="active"
        )

    def _flowsheet(self, name: str, session: Any, readers: tuple[str, ...]) -> None:
        word, nurse, at = self.chart.word, self.cast.nurse, session.started_at + MINUTE
        self.own(
            "GateCheck",
            nurse,
            session=session,
            name="escort",
            value="Ruth",
            note=word(f"check {name}", *readers),
        )
        begun = self.own(
            "Administration",
            nurse,
            session=session,
            event="start",
            substance=word(f"given {name}", *readers),
            at=at,
        )
        self.keep(f"begun {name}", begun)
        medicine = self.own(
            "Administration",
            nurse,
            session=session,
            event="given",
            substance=word(f"medicine {name}", *readers),
            at=at,
        )
        self.keep(f"given {name}", medicine)
        self.own("Note", nurse, session=session, at=at, text=word(f"note {name}", *readers))
        event = self.own(
            "AdverseEvent", nurse, session=session, term=word(f"event {name}", *readers), grade=1, began_at=at,
            follow_up_on=self.now.date(), follow_up=word(f"follow up {name}", *readers),
        )  # fmt: skip
        self.keep(f"event {name}", event)
        for code, value in (("systolic", 128), ("diastolic", 80), ("spo2", 97), ("heart_rate", 72)):
            sample = self.own(
                "Sample", nurse, session=session, code=code, value=value, unit="", observed_at=at
            )
        self.keep(f"sample {name}", sample)
        if session.ended_at:
            self.own("NextDayCall", nurse, session=session, at=session.ended_at + HOUR, was_reached=False,
                     note=word("call", *readers))  # fmt: skip
            self.own("Discharge", nurse, session=session, outcome="discharged", criteria=[], signed_name="Luis",
                     reason=word("discharge", *readers))  # fmt: skip

    def insights(self) -> None:
        readers: dict[str, tuple[str, ...]] = {
            "alone": (SELF,), "to partner": OF_THE_COUPLE, "to therapist": (SELF, "couples_therapist"),
            "slept on": (SELF,), "taken back": (SELF,),
        }  # type: ignore[dict-item]  # fmt: skip
        for name, who in readers.items():
            insight = self.keep(f"insight {name}", self.own("Insight", self.chart.person))
            first = self.own(
                "InsightVersion",
                self.chart.person,
                insight=insight,
                number=1,
                text=self.chart.word(name, *who),
            )
            self.own(
                "InsightVersion",
                self.chart.person,
                insight=insight,
                number=2,
                text=self.chart.word(f"{name} later", SELF),
            )
            if name == "alone":
                continue
            self.keep(
                f"grant {name}",
                self.own(
                    "Grant", self.chart.person, item_kind="insight", item_id=first.id,
                    audience="couples_therapist" if name == "to therapist" else "partner",
                    opens_at=self.now + DAY if name == "slept on" else self.now - DAY,
                    revoked_at=self.now - HOUR if name == "taken back" else None,
                ),
            )  # fmt: skip
        about = tables.Insight.objects.get(id=self.chart.ids["insight alone"])
        for name, insight in (("new", None), ("of insight", about)):
            text = self.chart.word(f"draft {name}", SELF)
            self.keep(
                f"draft {name}", self.own("InsightDraft", self.chart.person, insight=insight, text=text)
            )
        by = {"author": self.chart.partner, "of": self.chart.partner}
        theirs = self.keep("insight partners", self.own("Insight", **by))
        text = self.chart.word("partners", *OF_THE_COUPLE)
        given = self.own("InsightVersion", **by, insight=theirs, number=1, text=text)
        opened = {
            "item_kind": "insight",
            "item_id": given.id,
            "audience": "partner",
            "opens_at": self.now - DAY,
        }
        self.keep("grant partners", self.own("Grant", **by, **opened))

    def couples_work(self) -> None:
        dana, word = self.cast.couples_therapist, self.chart.word
        both = (*OF_THE_COUPLE, "couples_therapist")
        for number, (name, at, state) in enumerate(
            (("planned", self.now + HOUR, "planned"), ("held", self.now - 7 * DAY, "held")), 1
        ):
            self.keep(
                f"meeting {name}",
                self.ours(
                    "CoupleSession",
                    dana,
                    at=at,
                    number=number,
                    state=state,
                    place=word(f"place {name}", *both),
                ),
            )
        held = tables.CoupleSession.objects.get(id=self.chart.ids["meeting held"])
        self.ours("SharedSummary", dana, session=held, text=word("for both", *both))
        note = self.ours("ProgressNote", dana, session=held, modality="eft", focus=word("focus", "couples_therapist"),
                         text=word("progress", "couples_therapist"))  # fmt: skip
        self.keep("note", note)
        planned = tables.CoupleSession.objects.get(id=self.chart.ids["meeting planned"])
        begun = {"text": [word("half a note", "couples_therapist")]}
        self.keep("note draft", self.ours("NoteDraft", dana, session=planned, fields=begun))
        self.ours("ProcessNote", dana, session=held, text=word("process", "couples_therapist"))
        drawn = word("cycle", "couples_therapist")
        shown = {"a": {"need": word("cycle of both", *both)}}
        picture = self.ours("CycleMap", dana, session=held, number=1, map={"a": {"trigger": drawn}})
        self.keep("cycle", picture)
        own_side = {"trigger": word("cycle of oneself", SELF, "couples_therapist")}
        self.own("CycleNode", dana, map=picture, node=own_side)
        self.ours("CycleShown", dana, map=picture, shown=shown)
        told = word("told alone", "couples_therapist")
        self.keep(
            "said alone",
            self.ours("IndividualContact", dana, subject=self.chart.person, at=self.now, text=told),
        )
        self.own("ProcessNote", self.therapist, text=word("process alone", "therapist_a"))
        given = self.ours(
            "ExerciseGiven", dana, session=held, exercise="one_thank_you_a_day", words=word("exercise", *both)
        )
        self.keep("exercise running", given)
        self.ours("ExerciseDone", self.chart.partner, subject=self.chart.partner, given=given,
                  on_day=(self.now - DAY).date(), words=word("done", *both))  # fmt: skip
        self._at_home(both)
        self._written(both)
        text = self.texts["disclosure"]
        agreement = self.ours(
            "DisclosureAgreement", dana, mode="no_secrets", version=1, text=text, sha256="x"
        )
        self.keep("agreement", agreement)

    def _at_home(self, both: tuple[str, ...]) -> None:
        """What the two wrote and agreed for themselves, and the plan for afterwards."""
        word, dana, partner = self.chart.word, self.cast.couples_therapist, self.chart.partner
        self.keep("exercise chosen", self.ours("ExerciseGiven", partner, exercise="mend_it_soon"))
        self.ours("CoupleCheckin", partner, subject=partner, week=(self.now - 21 * DAY).date(),
                  appreciated=word("week", *both))  # fmt: skip
        promise = self.ours("CoupleAgreement", partner, kind="other", words=word("promise", *both))
        self.keep("promise", promise)
        self.ours("AgreementAnswer", partner, subject=partner, agreement=promise, answer="yes")
        self.ours("SupportPlan", dana, number=1, cadence=word("cadence", *both))
        for name, who in (("", self.chart.person), (" of partner", partner)):
            self.keep(
                f"sign{name}", self.ours("WarningSign", who, subject=who, words=word(f"sign{name}", *both))
            )
        self.ours("PlanReview", dana, kind="maintenance", words=word("look", *both))
        team = (SELF, *BESIDE, "therapist_a")
        own = self.own("CarePlanItem", self.chart.person, part="daily", words=word("care", *team))
        self.keep("care part", own)
        by = {"author": partner, "of": partner}
        words = word("care of partner", PARTNER, *BESIDE, "therapist_b")
        theirs = self.own("CarePlanItem", **by, part="daily", words=words)
        self.keep("care part of partner", theirs)

    def rights(self) -> None:
        """What was asked about the record, and what the clinic keeps to itself of it."""
        word, who = self.chart.word, self.chart.person
        due = self.now.date() + 20 * DAY
        asked = self.own("RecordRequest", who, scope="own", due_on=due, words=word("copy", SELF, *OFFICE))
        self.keep("copy asked", asked)
        words = word("parting", SELF, "couples_therapist", *OFFICE)
        self.keep("parting asked", self.own("PartingRequest", who, words=words))
        both = (*OF_THE_COUPLE, *OFFICE)
        joint = self.ours(
            "JointRequest", who, recipient=word("recipient", *both), purpose=word("purpose", *both)
        )
        self.keep("joint asked", joint)
        self.own("Disclosure", self.cast.lead, recipient=word("receiver", SELF, "prescriber", "lead"), what="A letter",
                 ground="authorised")  # fmt: skip
        self.own("LegalHold", self.cast.lead, reason=word("held", *OFFICE))

    def _written(self, both: tuple[str, ...]) -> None:
        """A message in each thread, and an appointment."""
        person, couple, word = self.chart.person, self.chart.couple, self.chart.word
        threads = (
            ("care", person, None, (SELF, *BESIDE, "therapist_a")),
            ("therapist", person, None, (SELF, "therapist_a")),
            ("alone", person, couple, (SELF, "couples_therapist")),
            ("couple", None, couple, both),
        )
        for name, subject, of, readers in threads:
            tables.Message.objects.create(
                clinic=self.cast.clinic, kind=f"message.{name}", subject=subject, couple=of,
                author=self.cast.couples_therapist if of else self.therapist, text=word(f"message {name}", *readers),
            )  # fmt: skip
        place = word("appointment", SELF, *BESIDE, "therapist_a", *OFFICE)
        row = tables.Appointment.objects.create(
            clinic=self.cast.clinic, subject=person, author=self.therapist, kind="integration",
            staff=self.therapist, at=self.now + 3 * DAY, place=place,
        )  # fmt: skip
        self.keep("appointment", row)

    def old_work(self) -> None:
        """What the couple that parted left: one summary both had read, one that only one of them had."""
        therapist, word, old = self.cast.safety, self.chart.word, self.chart.old
        at = self.now - 400 * DAY
        meeting = self.keep(
            "meeting old", self.ours("CoupleSession", therapist, old, at=at, number=1, state="held")
        )
        note = self.ours(
            "ProgressNote", therapist, old, session=meeting, modality="eft", focus=word("old focus")
        )
        self.keep("note of old couple", note)
        drawn = {"a": {"trigger": word("old cycle")}}
        self.keep("cycle of old couple", self.ours("CycleMap", therapist, old, number=1, map=drawn))
        told = self.ours(
            "IndividualContact", therapist, old, subject=self.chart.person, at=at, text=word("old alone")
        )
        self.keep("said alone of old couple", told)
        for name, readers in (
            ("read by both", (self.chart.person, self.chart.ex)),
            ("read by one", (self.chart.person,)),
        ):
            seen = (SELF, EX) if len(readers) == 2 else ()
            summary = self.ours("SharedSummary", therapist, old, session=meeting, text=word(name, *seen))
            for reader in readers:
                self.ours("Receipt", reader, old, item_kind="couple.shared", item_id=summary.id)
        self.keep("exercise old", self.ours("ExerciseGiven", therapist, old, exercise="one_thank_you_a_day"))
        self.keep("promise old", self.ours("CoupleAgreement", self.chart.ex, old, kind="other", words="x"))
        self.keep("sign old", self.ours("WarningSign", self.chart.ex, old, words="x"))
        signed = self.ours(
            "DisclosureAgreement",
            therapist,
            old,
            mode="confidential",
            version=1,
            text=self.texts["disclosure"],
            sha256="x",
        )
        self.keep("old agreement", signed)

    def consents(self) -> None:
        for name, columns in (
            ("treatment", {}),
            ("release", {"release_class": "individual_scores", "release_to": "couples_therapist"}),
        ):
            row = self.own(
                "Consent", self.chart.person, text=self.texts[name], sha256="x", signed_name="X", **columns
            )
            self.keep(f"consent {name}", row)
        by, text = {"author": self.chart.partner, "of": self.chart.partner}, self.texts["treatment"]
        self.keep("consent partners", self.own("Consent", **by, text=text, sha256="x", signed_name="X"))

    def log(self) -> None:
        word, about = (
            self.chart.word,
            {"clinic": self.cast.clinic, "actor": self.cast.nurse, "action": "viewed"},
        )
        entries = tables.AuditEntry.objects
        entries.create(
            **about, subject=self.chart.person, item_kind="medical", why=word("seen", SELF, "lead")
        )
        entries.create(
            **about,
            couple=self.chart.couple,
            item_kind="couple",
            why=word("both seen", *OF_THE_COUPLE, "lead"),
        )
        sealed = {**about, "actor": self.cast.safety, "sealed": True, "item_kind": "screen.violence"}
        entries.create(**sealed, subject=self.chart.person, why=word("sealed", "safety"))
        tables.BreakGlass.objects.create(clinic=self.cast.clinic, subject=self.chart.person, author=self.cast.lead,
                                         reason=word("glass", "lead"), expires_at=self.now - DAY)  # fmt: skip
