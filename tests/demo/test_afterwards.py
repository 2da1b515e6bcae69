"""What followed the visits of the invented clinic: every call allowed by the rule, and something left to do."""

from bothwell.models import AdverseEvent, DosingSession, NextDayCall, NextDayThoughts, ProgrammeForm
from bothwell.monitoring import adverse, next_day
from tests.demo.test_story import NOW, ZONE, told


def answers_of(call: NextDayCall) -> dict[str, str]:
    """All that was answered, with what lies apart."""
    apart = {one.call_id: one.answer for one in told().of(NextDayThoughts)}
    return call.answers | ({next_day.THOUGHTS: apart[call.id]} if call.id in apart else {})


def test_every_call_is_one_the_rule_takes() -> None:
    for call in told().of(NextDayCall):
        ended_at = call.session.ended_at
        assert ended_at is not None
        said = next_day.Said(call.at, call.was_reached, answers_of(call), call.note, call.next_at)
        assert next_day.faults(said, ended_at=ended_at, now=call.at, may_leave_message=False) == []
        assert next_day.closes(said, ended_at=ended_at, zone=ZONE) is call.is_closed


def test_nearly_all_calls_are_done_and_some_wait() -> None:
    of: dict[object, list[NextDayCall]] = {}
    for call in told().of(NextDayCall):
        of.setdefault(call.session_id, []).append(call)
    over = [one for one in told().of(DosingSession) if one.started_at and one.ended_at]
    due = [next_day.due(one.ended_at, of.get(one.id, []), zone=ZONE, now=NOW) for one in over if one.ended_at]
    waiting = [one for one in due if one]
    assert 0 < len(waiting) < 10
    assert len(due) > 30


def test_what_is_named_is_on_the_list_with_a_grade_it_has() -> None:
    events = told().of(AdverseEvent)
    assert events
    for event in events:
        term = adverse.shipped().find(event.code)
        assert term is not None
        assert event.grade in term.grades


def test_old_nasal_sessions_have_a_form_that_was_sent() -> None:
    sent = told().of(ProgrammeForm)
    assert sent
    assert all(form.session.course.route == "in" and form.state == "sent" for form in sent)
