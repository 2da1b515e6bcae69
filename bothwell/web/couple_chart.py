"""What a couples therapist sees of one couple, read once: sessions, words opened to them, exercises, lines
released.

Every row comes through row-level security; it writes nothing, and the number of queries does not grow with
the story.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from uuid import UUID

from django.utils import timezone

from bothwell.couples.models import Assignment, Couple, Membership, Person, Role, open_at
from bothwell.dosing.models import DosingSession
from bothwell.instruments import shelf
from bothwell.instruments.instrument import Instrument
from bothwell.instruments.models import Kind as MeasureKind
from bothwell.instruments.models import Response
from bothwell.integration import agenda, story
from bothwell.integration.agreement_actions import agreements_of
from bothwell.integration.agreements import Agreement, Kind, Standing, standing
from bothwell.integration.doing_actions import given_to
from bothwell.integration.library import title_of
from bothwell.integration.models import (
    CoupleSession,
    ExerciseDone,
    ExerciseGiven,
    InsightDiscussed,
    InsightVersion,
    ProgressNote,
)
from bothwell.privacy.models import Audience, Consent, DisclosureAgreement, Grant, ReleaseClass
from bothwell.web import score

State = CoupleSession.State
DOSING_RELEASE = ReleaseClass.DOSING_SUMMARY.value
SAID_SHOWN = 8
"""So many of the latest things said of exercises stand on the agenda."""
LINES = (MeasureKind.INDIVIDUAL.value, MeasureKind.PREDOSE.value, MeasureKind.RELATIONSHIP.value)
"""Answers that make a line; screens about safety do not."""


def local(at: datetime) -> date:
    """The day on the clinic's calendar."""
    return timezone.localtime(at).date()


@dataclass
class Voice:
    """One partner as this therapist sees them: what they released, and their answers by instrument."""

    side: str
    person: Person
    released: frozenset[str]
    totals: dict[str, list[tuple[date, Decimal]]] = field(default_factory=dict)
    doses: list[DosingSession] = field(default_factory=list)
    wanted: str = ""
    offers: tuple[Instrument, ...] = ()

    @property
    def name(self) -> str:
        return self.person.name_used

    @property
    def instrument(self) -> Instrument | None:
        return story.chosen(self.wanted, self.offers, self.totals)

    @property
    def line(self) -> list[tuple[date, Decimal]]:
        return self.totals.get(self.instrument.id, []) if self.instrument else []

    @property
    def absent(self) -> str:
        if self.instrument is None:
            return story.own(self.name, self.person.pronouns)
        return f"{self.name} has not answered {self.instrument.short} yet"

    @property
    def releases(self) -> list[str]:
        """What was released to the couples therapist, in words, in the order of the list of classes."""
        return [one.label for one in ReleaseClass if one.value in self.released]


@dataclass
class Words:
    """One shared insight with who wrote it and who sees it."""

    brought: story.Brought
    voice: Voice
    seen_by: str
    row: InsightVersion
    for_session: UUID | None = None


@dataclass
class Chart:
    """One couple's chart as its couples therapist sees it now."""

    couple: Couple
    a: Voice
    b: Voice
    therapists: list[Person]
    today: date
    sessions: list[CoupleSession]
    words: list[Words]
    given: list[ExerciseGiven]
    done: list[ExerciseDone]
    agreements: list[DisclosureAgreement]
    agreed: list[Agreement]
    notes: list[ProgressNote]

    @property
    def voices(self) -> tuple[Voice, Voice]:
        return (self.a, self.b)

    def voice_of(self, person_id: UUID | None) -> Voice | None:
        return next((voice for voice in self.voices if voice.person.id == person_id), None)

    @cached_property
    def held(self) -> list[CoupleSession]:
        return [one for one in self.sessions if one.state == State.HELD]

    @cached_property
    def last(self) -> CoupleSession | None:
        return self.held[-1] if self.held else None

    @cached_property
    def next(self) -> CoupleSession | None:
        """The planned session nearest to now; one that was to be today counts until it is recorded."""
        planned = (one for one in self.sessions if one.state == State.PLANNED)
        return next((one for one in planned if local(one.at) >= self.today), None)

    @cached_property
    def unrecorded(self) -> list[CoupleSession]:
        """Planned for a day that is over, and neither recorded nor cancelled."""
        return [one for one in self.sessions if one.state == State.PLANNED and local(one.at) < self.today]

    @cached_property
    def waiting(self) -> list[Words]:
        """What was opened to the therapist and no session has taken up; what was given for the next one first."""
        wanted = {
            one.id: place for place, one in enumerate(story.waiting(word.brought for word in self.words))
        }
        found = [word for word in self.words if word.brought.id in wanted]
        return sorted(found, key=lambda word: (not self.is_for_next(word), wanted[word.brought.id]))

    def is_for_next(self, word: Words) -> bool:
        """Whether its author gave it for a session that is still to come."""
        planned = {one.id for one in self.sessions if one.state == State.PLANNED}
        return word.for_session in planned

    @cached_property
    def promises(self) -> list[tuple[ExerciseGiven, story.Promise]]:
        return [(given, self._promise(given)) for given in self.given]

    @property
    def open_promises(self) -> list[tuple[ExerciseGiven, story.Promise]]:
        now = timezone.now()
        return [
            (given, promise) for given, promise in self.promises if given.until is None or given.until > now
        ]

    def _promise(self, given: ExerciseGiven) -> story.Promise:
        begins = local(given.recorded_at)
        ends = local(given.until) if given.until else None
        done = [one.on_day for one in self.done if one.given_id == given.id]
        return story.Promise(title_of(given.exercise), begins, story.weeks_of(begins, ends, done, self.today))

    @property
    def how_it_went(self) -> list[tuple[str, Voice | None, ExerciseDone]]:
        """What the two said of their exercises, the latest first: they wrote it to each other and to their therapist."""
        titles = {given.id: title_of(given.exercise) for given in self.given}
        said = [one for one in self.done if (one.how or one.words) and one.given_id in titles]
        latest = list(reversed(said))[:SAID_SHOWN]
        return [(titles[one.given_id], self.voice_of(one.author_id), one) for one in latest]

    @cached_property
    def agreement(self) -> DisclosureAgreement | None:
        """The newest version both have signed."""
        return next((one for one in self.agreements if len(signers(one)) == 2), None)

    @property
    def proposed(self) -> DisclosureAgreement | None:
        """The newest version, while it is not signed by both."""
        newest = self.agreements[0] if self.agreements else None
        return newest if newest and newest != self.agreement else None

    @property
    def agreement_words(self) -> str:
        signed = [
            voice.name for voice in self.voices if self.proposed and voice.person.id in signers(self.proposed)
        ]
        return story.agreement_words(
            self.agreement.get_mode_display() if self.agreement else "",
            self.proposed.get_mode_display() if self.proposed else "",
            signed,
        )

    @property
    def meaning(self) -> str:
        """What the agreement in force means for what one says alone."""
        return story.MEANS[self.agreement.mode if self.agreement else ""]

    # --------------------------------------------------------------------------------------------- the agenda

    @cached_property
    def standing_notes(self) -> list[ProgressNote]:
        """The progress notes that nothing stands in the place of, by their sessions; none of one that was not held,
        so that what the last one sent home stays on the agenda.
        """
        corrected = {note.corrects_id for note in self.notes}
        on = {one.id: one.at for one in self.held}
        standing_now = [note for note in self.notes if note.id not in corrected and note.session_id in on]
        return sorted(standing_now, key=lambda note: (on[note.session_id], note.recorded_at))

    @property
    def last_note(self) -> ProgressNote | None:
        return self.standing_notes[-1] if self.standing_notes else None

    @cached_property
    def taken_up(self) -> dict[str, date]:
        """When each point of the agenda was last spoken of."""
        on = {one.id: local(one.at) for one in self.sessions}
        return agenda.taken_up((on[note.session_id], note.detail) for note in self.standing_notes)

    @property
    def moved(self) -> list[tuple[Voice, Instrument, agenda.Move]]:
        """Each one's reliable changes since the last couples session, on what they released; nothing over both."""
        if self.last is None:
            return []
        since = local(self.last.at)
        return [
            (voice, instrument, change)
            for voice in self.voices
            for instrument in voice.offers
            if (change := agenda.move(instrument, voice.totals.get(instrument.id, []), since))
        ]

    @cached_property
    def promised(self) -> list[agenda.Point]:
        """What they took on: exercises that run, agreements that hold, what the last note sent home and put off."""
        note = self.last_note
        points = [self._exercise_point(given, promise) for given, promise in self.open_promises]
        points += [self._agreement_point(one) for one in self.agreed]
        points += agenda.from_note(note.id, note.detail) if note else []
        return [replace(point, taken_up_on=self.taken_up.get(point.key)) for point in points]

    @property
    def points(self) -> list[agenda.Point]:
        """Everything on the agenda but the words brought: what can be ticked off in a note."""
        moves = [
            agenda.Point(
                agenda.key(agenda.Kind.MOVED, f"{voice.side}:{instrument.id}"),
                agenda.Kind.MOVED,
                f"{instrument.short} {change.before.normalize():f} to {change.after.normalize():f}",
                change.words,
                voice.side,
            )
            for voice, instrument, change in self.moved
        ]
        return [*moves, *self.promised]

    @staticmethod
    def _exercise_point(given: ExerciseGiven, promise: story.Promise) -> agenda.Point:
        key = agenda.key(agenda.Kind.EXERCISE, given.id)
        return agenda.Point(key, agenda.Kind.EXERCISE, promise.title, promise.words, begun=promise.is_begun)

    @staticmethod
    def _agreement_point(agreement: Agreement) -> agenda.Point:
        is_days = agreement.kind == Kind.NO_BIG_DECISIONS
        words = agenda.agreement_words(is_days, agreement.days, agreement.words)
        key = agenda.key(agenda.Kind.AGREEMENT, agreement.id)
        return agenda.Point(key, agenda.Kind.AGREEMENT, "Agreed", words, begun=True)

    # ---------------------------------------------------------------------------------------------- the score

    def picture(self) -> score.Story:
        """Everything this therapist sees, on one time axis."""
        return self._story(self._voice(self.a), self._voice(self.b), self.words)

    def without(self, withheld: Collection[UUID]) -> Chart:
        """The chart without these words and acts; what was laid aside by one of them goes on."""
        return replace(
            self,
            words=[word for word in self.words if word.row.id not in withheld],
            given=[one for one in given_to(self.couple, but_not=withheld) if one.id not in withheld]
            if withheld
            else self.given,
            done=[one for one in self.done if one.id not in withheld],
        )

    def picture_for_both(self) -> score.Story:
        """What both partners may see: the stave between them. Neither line, no dosing, no words but those
        given to both.

        Which session took an insight up is the therapist's record, so no insight leads anywhere here.
        """
        shared = [
            replace(word, brought=replace(word.brought, taken_up_on=None))
            for word in self.words
            if word.brought.with_partner
        ]
        a, b = (
            score.Voice(
                score.Side(voice.side), voice.name, absent=story.own(voice.name, voice.person.pronouns)
            )
            for voice in self.voices
        )
        return self._story(a, b, shared)

    def _story(self, a: score.Voice, b: score.Voice, words: Sequence[Words]) -> score.Story:
        sessions = [self._session(one) for one in self.sessions if one.state != State.CANCELLED]
        days = [one.on for one in sessions] + [word.brought.on for word in words]
        days += [local(given.recorded_at) for given in self.given]
        for voice in (a, b):
            days += [on for on, _ in (voice.line.totals if voice.line else ())] + [
                dose.on for dose in voice.doses
            ]
        span = story.span(days, self.today)
        return score.Story(
            a=a,
            b=b,
            begins=span.begins,
            ends=span.ends,
            today=self.today,
            sessions=tuple(sessions),
            insights=tuple(
                score.SharedInsight(
                    score.Side(word.voice.side), word.brought.on, word.brought.taken_up_on, word.brought.text
                )
                for word in words
            ),
            exercises=tuple(
                score.Exercise(
                    promise.title,
                    promise.begins,
                    local(given.until) if given.until else self.today,
                    promise.weeks,
                )
                for given, promise in self.promises
            ),
        )

    def _session(self, one: CoupleSession) -> score.CouplesSession:
        on = local(one.at)
        state = score.SessionState.HELD if one.state == State.HELD else score.SessionState.PLANNED
        return score.CouplesSession(on, one.number, score.SessionState.TODAY if on == self.today else state)

    def _voice(self, voice: Voice) -> score.Voice:
        line = score.Line(voice.instrument, tuple(voice.line)) if voice.instrument and voice.line else None
        return score.Voice(
            side=score.Side(voice.side),
            name=voice.name,
            line=line,
            absent="" if line else voice.absent,
            doses=tuple(
                score.Dose(local(one.started_at or one.scheduled_at), one.number, one.started_at is None)
                for one in voice.doses
            ),
        )


def signers(agreement: DisclosureAgreement) -> set[UUID | None]:
    return {signature.author_id for signature in agreement.signatures.all()}


# ---------------------------------------------------------------------------------------------------- reading


def read(couple: Couple, a_wants: str = "", b_wants: str = "") -> Chart:
    """The chart of one couple, in a fixed number of queries."""
    members = members_of([couple]).get(couple.id, {})
    ids = [person.id for person in members.values()]
    voices = _voices(members, ids)
    voices["a"].wanted, voices["b"].wanted = a_wants, b_wants
    sessions = list(CoupleSession.objects.filter(couple=couple).order_by("at", "number"))
    team = Assignment.objects.select_related("staff").filter(
        open_at(timezone.now()), couple=couple, role=Role.COUPLES_THERAPIST
    )
    therapists = [one.staff for one in team.order_by("staff__name_used")]
    return Chart(
        couple=couple,
        a=voices["a"],
        b=voices["b"],
        therapists=therapists,
        today=timezone.localdate(),
        sessions=sessions,
        words=_words(couple, voices, sessions, [one.name_used for one in therapists]),
        given=given_to(couple),
        done=list(ExerciseDone.objects.select_related("author").filter(couple=couple).order_by("on_day")),
        agreements=list(
            DisclosureAgreement.objects.filter(couple=couple)
            .prefetch_related("signatures")
            .order_by("-version")
        ),
        agreed=[one for one in agreements_of(couple) if standing(one, ids) is Standing.HOLDS],
        notes=list(ProgressNote.objects.filter(couple=couple).order_by("recorded_at")),
    )


def members_of(couples: Sequence[Couple]) -> dict[UUID, dict[str, Person]]:
    """The two of each couple by side; where a name is not the viewer's to see, a letter stands."""
    rows = list(Membership.objects.filter(couple__in=couples).order_by("side"))
    known = {person.id: person for person in Person.objects.filter(id__in=[row.person_id for row in rows])}
    found: dict[UUID, dict[str, Person]] = {}
    for row in rows:
        person = known.get(row.person_id) or Person(id=row.person_id, name_used=f"Partner {row.side.upper()}")
        found.setdefault(row.couple_id, {})[row.side] = person
    return found


def _voices(members: dict[str, Person], ids: Sequence[UUID]) -> dict[str, Voice]:
    released = releases_of(ids)
    voices = {side: Voice(side, person, released[person.id]) for side, person in members.items()}
    by_person = {voice.person.id: voice for voice in voices.values()}
    answered = Response.objects.filter(
        subject_id__in=ids, status=Response.Status.SENT, kind__in=LINES, total__isnull=False
    ).order_by("sent_at")
    for whose, instrument, at, total in answered.values_list("subject_id", "instrument", "sent_at", "total"):
        if whose and at and total is not None:
            by_person[whose].totals.setdefault(instrument, []).append((local(at), total))
    _offer(voices)
    for session in (
        DosingSession.objects.filter(subject_id__in=ids)
        .exclude(outcome__in=["cancelled", "turned_back"])
        .order_by("scheduled_at")
    ):
        voice = by_person[session.subject_id]
        if DOSING_RELEASE in voice.released:
            voice.doses.append(session)
    return voices


def releases_of(ids: Sequence[UUID]) -> dict[UUID, frozenset[str]]:
    """The classes each of them released to the couples therapist, in force now."""
    released: dict[UUID, set[str]] = {key: set() for key in ids}
    for giver, data in Consent.objects.filter(
        subject_id__in=ids, release_to=Role.COUPLES_THERAPIST, withdrawn_at__isnull=True
    ).values_list("subject_id", "release_class"):
        if giver:
            released[giver].add(data)
    return {key: frozenset(classes) for key, classes in released.items()}


def _offer(voices: dict[str, Voice]) -> None:
    """What each side may be shown on: what is always offered, and what that partner has answered besides."""
    clinic = next((voice.person.clinic_id for voice in voices.values() if voice.person.clinic_id), None)
    wanted = [*story.INSTRUMENTS, *sorted({key for voice in voices.values() for key in voice.totals})]
    known = shelf.find_all(clinic, [(key, "") for key in wanted]) if clinic else {}
    for voice in voices.values():
        mine = dict.fromkeys([*story.INSTRUMENTS, *sorted(voice.totals)])
        found = [known[key, ""] for key in mine if (key, "") in known]
        voice.offers = story.offered([one for one in found if one.main], voice.released)


def _words(
    couple: Couple, voices: dict[str, Voice], sessions: Sequence[CoupleSession], therapists: Sequence[str]
) -> list[Words]:
    names = {voice.person.id: voice.name for voice in voices.values()}
    by_person = {voice.person.id: voice for voice in voices.values()}
    grants = list(Grant.objects.filter(item_kind="insight", subject_id__in=names, couple=couple))
    opened = {
        one.item_id: local(one.opens_at) for one in grants if one.audience == Audience.COUPLES_THERAPIST
    }
    for_session = {
        one.item_id: one.for_session_id for one in grants if one.audience == Audience.COUPLES_THERAPIST
    }
    with_partner = {one.item_id for one in grants if one.audience == Audience.PARTNER}
    on = {session.id: local(session.at) for session in sessions}
    taken = {
        row.version_id: on[row.session_id]
        for row in InsightDiscussed.objects.filter(couple=couple).order_by("recorded_at")
        if row.session_id in on
    }
    found = []
    for row in InsightVersion.objects.filter(id__in=opened).order_by("recorded_at"):
        if row.subject_id is None:
            continue
        brought = story.Brought(
            row.id, row.subject_id, row.text, opened[row.id], row.id in with_partner, taken.get(row.id)
        )
        seen = story.seen_by(brought, names, therapists)
        found.append(Words(brought, by_person[row.subject_id], seen, row, for_session.get(row.id)))
    return found
