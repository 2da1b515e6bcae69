"""Messages: who can send and read in which thread, what is told to whom, and what leaves no trace."""

from datetime import UTC, datetime, time, timedelta
from unittest import mock
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from bothwell.couples.models import Assignment, Couple, Person
from bothwell.messaging import message_actions as actions
from bothwell.messaging.threads import LONGEST, Circle, Thread
from bothwell.models import (
    AuditEntry,
    ConsentText,
    DisclosureAgreement,
    DisclosureSignature,
    Message,
    Receipt,
    Shelter,
)
from bothwell.privacy import door
from bothwell.refusal import Refused, SentBefore, Stale
from tests.cast import Cast, make_cast
from tests.conftest import loading

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def agreed(cast: Cast, mode: str = "no_secrets", version: int = 1) -> DisclosureAgreement:
    common = {"clinic": cast.clinic, "couple": cast.couple, "sha256": "0"}
    with loading():
        text = ConsentText.objects.create(
            clinic=cast.clinic, kind="disclosure", code=mode, version=version, title="T", body="B", sha256="0"
        )
        agreement = DisclosureAgreement.objects.create(
            **common, author=cast.couples_therapist, mode=mode, version=version, text=text
        )
        for who in (cast.a, cast.b):
            DisclosureSignature.objects.create(
                clinic=cast.clinic,
                couple=cast.couple,
                subject=who,
                author=who,
                agreement=agreement,
                signed_name="N",
            )
    return agreement


def care(cast: Cast) -> Thread:
    return Thread(Circle.CARE, cast.a.id)


def ours(cast: Cast) -> Thread:
    return Thread(Circle.COUPLE, None, cast.couple.id)


def alone(cast: Cast) -> Thread:
    return Thread(Circle.ALONE, cast.a.id, cast.couple.id)


def wrote(who: Person, thread: Thread, text: str = "words", **more: object) -> Message:
    with door.opened(who.id):
        return actions.send(by=who, thread=thread, text=text, request_id=uuid4(), **more)  # type: ignore[arg-type]


def readers(cast: Cast, thread: Thread) -> set[str]:
    found = set()
    for name, who in cast.everyone().items():
        with door.opened(who.id):
            if actions.messages_in(thread).exists():
                found.add(name)
    return found


def test_each_thread_is_read_by_those_it_names(cast: Cast) -> None:
    for thread in (care(cast), ours(cast), alone(cast), Thread(Circle.THERAPIST, cast.a.id)):
        wrote(cast.a, thread)
    assert readers(cast, care(cast)) == {"a", "prescriber", "nurse", "therapist_a"}
    assert readers(cast, Thread(Circle.THERAPIST, cast.a.id)) == {"a", "therapist_a"}
    assert readers(cast, alone(cast)) == {"a", "couples_therapist"}
    assert readers(cast, ours(cast)) == {"a", "b", "couples_therapist"}


def test_only_those_may_write(cast: Cast) -> None:
    for name, who in cast.everyone().items():
        for thread, may in (
            (care(cast), {"a", "prescriber", "nurse", "therapist_a"}),
            (alone(cast), {"a", "couples_therapist"}),
            (ours(cast), {"a", "b", "couples_therapist"}),
        ):
            if name in may:
                assert wrote(who, thread).author_id == who.id
            else:
                with pytest.raises(Refused):
                    wrote(who, thread)


def test_what_is_sent_twice_stands_once_and_as_it_was(cast: Cast) -> None:
    number = uuid4()
    with door.opened(cast.a.id):
        first = actions.send(by=cast.a, thread=care(cast), text="first", request_id=number)
        assert actions.send(by=cast.a, thread=care(cast), text=" first ", request_id=number) == first
        with pytest.raises(SentBefore):
            actions.send(by=cast.a, thread=care(cast), text="second", request_id=number)
        assert [row.text for row in actions.messages_in(care(cast))] == ["first"]
    with door.opened(cast.b.id), pytest.raises(Refused) as refused:
        actions.send(by=cast.b, thread=Thread(Circle.CARE, cast.b.id), text="x", request_id=number)
    assert "first" not in refused.value.reason


@pytest.mark.parametrize("text", ["", "  \n", "x" * (LONGEST + 1)])
def test_nothing_and_too_much_are_refused(cast: Cast, text: str) -> None:
    with pytest.raises(Refused):
        wrote(cast.a, care(cast), text)


def test_alone_one_writes_under_what_one_read(cast: Cast) -> None:
    first = agreed(cast)
    with pytest.raises(Stale):
        wrote(cast.a, alone(cast))
    assert wrote(cast.a, alone(cast), read_under=first.id).agreement_id == first.id
    second = agreed(cast, "confidential", 2)
    with pytest.raises(Stale):
        wrote(cast.couples_therapist, alone(cast), read_under=first.id)
    assert wrote(cast.couples_therapist, alone(cast), read_under=second.id).agreement_id == second.id


def test_what_is_new_is_ones_own_mark_alone(cast: Cast) -> None:
    message = wrote(cast.prescriber, care(cast))
    with door.opened(cast.prescriber.id):
        assert not actions.has_new(cast.prescriber)
    with door.opened(cast.nurse.id):
        assert actions.has_new(cast.nurse)
    with door.opened(cast.a.id):
        (state,) = [each for each in actions.states(cast.a) if each.last]
        assert (state.new, state.thread) == (1, care(cast))
        actions.mark_read(by=cast.a, thread=care(cast), shown=[message])
        actions.mark_read(by=cast.a, thread=care(cast), shown=[message])
        assert not actions.has_new(cast.a)
        assert Receipt.objects.filter(item_id=message.id).count() == 1
    with door.opened(cast.prescriber.id):
        assert not Receipt.objects.filter(item_id=message.id).exists()
        assert not AuditEntry.objects.filter(actor=cast.a, item_kind="message.care").exists()


def test_staff_reading_stands_in_the_persons_log_and_no_word_does(cast: Cast) -> None:
    message = wrote(cast.a, care(cast), "zqword")
    with door.opened(cast.nurse.id):
        actions.mark_read(by=cast.nurse, thread=care(cast), shown=[message])
    with door.opened(cast.a.id):
        entry = AuditEntry.objects.get(actor=cast.nurse, action="read messages")
        assert entry.subject_id == cast.a.id
        assert not any("zqword" in f"{row.why}{row.action}" for row in AuditEntry.objects.all())


def test_what_one_says_alone_stands_in_no_log_of_the_other(cast: Cast) -> None:
    wrote(cast.a, alone(cast))
    with door.opened(cast.b.id):
        assert not AuditEntry.objects.filter(item_kind="message.alone").exists()
    with door.opened(cast.a.id):
        assert AuditEntry.objects.get(item_kind="message.alone").actor_id == cast.a.id


def told(cast: Cast, by: Person, thread: Thread) -> set[str]:
    names = {who.id: name for name, who in cast.everyone().items()}
    with mock.patch.object(actions, "tell") as tell, mock.patch.object(actions, "tell_couple") as couple:
        wrote(by, thread)
    assert couple.called == (thread.circle == Circle.COUPLE)
    return {names[call.args[1]] for call in tell.call_args_list}


def test_only_open_pages_of_those_who_read_it_are_woken(cast: Cast) -> None:
    assert told(cast, cast.a, care(cast)) == {"a", "prescriber", "nurse", "therapist_a"}
    assert told(cast, cast.couples_therapist, alone(cast)) == {"a", "couples_therapist"}
    assert told(cast, cast.a, Thread(Circle.THERAPIST, cast.a.id)) == {"a", "therapist_a"}
    assert told(cast, cast.a, ours(cast)) == set()


def test_what_staff_write_calls_a_mail_and_what_a_partner_writes_none(cast: Cast) -> None:
    with mock.patch.object(actions, "later_at") as later:
        wrote(cast.a, ours(cast))
        wrote(cast.a, care(cast))
        assert not later.called
        wrote(cast.nurse, care(cast), "zqword")
        assert [call.kwargs["person"] for call in later.call_args_list] == [cast.a.id]
        wrote(cast.couples_therapist, ours(cast), "zqword")
    assert {call.kwargs["person"] for call in later.call_args_list} == {cast.a.id, cast.b.id}
    assert "zqword" not in str(later.call_args_list)
    assert {call.args[1].time() for call in later.call_args_list} == {time(17)}


def test_mails_go_at_one_time_of_day_whatever_the_clocks_do() -> None:
    zone = ZoneInfo("America/New_York")
    for day, hour in ((7, 12), (7, 23), (8, 5), (8, 20), (8, 22)):
        at = actions.next_mail(datetime(2026, 3, day, hour, 30, tzinfo=UTC), zone)
        assert at.astimezone(zone).time() == time(17)
        assert at > datetime(2026, 3, day, hour, 30, tzinfo=UTC)


def test_after_parting_each_reads_what_both_had_opened_and_nobody_writes(cast: Cast) -> None:
    seen, unseen = wrote(cast.a, ours(cast), "seen"), wrote(cast.a, ours(cast), "unseen")
    with door.opened(cast.b.id):
        actions.mark_read(by=cast.b, thread=ours(cast), shown=[seen])
    with loading():
        Couple.objects.filter(id=cast.couple.id).update(parted_at=datetime.now(UTC))
        cast.couple.memberships.update(until=datetime.now(UTC))
    with door.opened(cast.b.id):
        assert [row.text for row in actions.messages_in(ours(cast))] == ["seen"]
        assert ours(cast) not in actions.open_threads(cast.b)
    with door.opened(cast.a.id):
        assert {row.id for row in actions.messages_in(ours(cast))} == {seen.id, unseen.id}
    for who in (cast.a, cast.couples_therapist):
        for thread in (ours(cast), alone(cast)):
            with pytest.raises(Refused):
                wrote(who, thread)


def test_a_sheltered_persons_words_are_not_there_for_their_partner(cast: Cast) -> None:
    with loading():
        Shelter.objects.create(clinic=cast.clinic, subject=cast.a, author=cast.a)
    wrote(cast.a, ours(cast), "from a")
    wrote(cast.couples_therapist, ours(cast), "from Dana")
    with door.opened(cast.b.id):
        assert [row.text for row in actions.messages_in(ours(cast))] == ["from Dana"]
        (state,) = [each for each in actions.states(cast.b) if each.last]
        assert (state.new, state.last and state.last.author_id) == (1, cast.couples_therapist.id)


def test_a_role_that_ends_ends_the_thread(cast: Cast) -> None:
    wrote(cast.a, care(cast))
    with loading():
        Assignment.objects.filter(staff=cast.nurse).update(until=datetime.now(UTC) - timedelta(hours=1))
    with door.opened(cast.nurse.id):
        assert actions.states(cast.nurse) == []
        assert not actions.has_new(cast.nurse)


def test_staff_find_no_thread_of_their_own_life(cast: Cast) -> None:
    with loading():
        Assignment.objects.create(
            clinic=cast.clinic,
            staff=cast.nurse,
            role="nurse",
            subject=cast.stranger_a,
            since=cast.a.created_at,
        )
        Couple.objects.filter(id=cast.strangers.id)
        cast.strangers.memberships.filter(person=cast.stranger_b).update(person=cast.nurse)
    with door.opened(cast.nurse.id):
        assert not any(each.person == cast.stranger_a.id for each in actions.open_threads(cast.nurse))
        assert Message.objects.count() == 0
