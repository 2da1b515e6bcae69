"""Nobody in the invented clinic was given a dose, or waits for one, over a finding that holds."""

from decimal import Decimal

from bothwell.models import DosingSession, MedicalFact
from bothwell.pathway import eligibility
from bothwell.pathway import protocol as protocols
from bothwell.pathway.facts import SPECS, Answer, Fact, Severity
from tests.demo.test_story import NOW, told


def test_no_dose_was_given_and_none_waits_over_a_finding_that_holds() -> None:
    sessions = told().of(DosingSession)
    dosed = [one for one in sessions if one.started_at or (one.arrived_at and not one.ended_at)]
    assert len(dosed) > 30
    facts = told().of(MedicalFact)
    for session in dosed:
        at = session.started_at or NOW
        rules = protocols.read(session.course.protocol.source, "as signed").protocol
        assert rules is not None
        known = [
            Fact(row.code, in_words_of_the_rules(row), "", row.observed_at)
            for row in facts
            if row.subject_id == session.subject_id and row.recorded_at <= at
        ]
        found = eligibility.assess(known, rules, at)
        assert known
        assert [one.title for one in found if one.kind in (Severity.ABSOLUTE, Severity.HOLD)] == []


def in_words_of_the_rules(row: MedicalFact) -> bool | Decimal | str | None:
    is_number = SPECS[row.code].answer is Answer.NUMBER
    return Decimal(str(row.value)) if is_number else row.value
