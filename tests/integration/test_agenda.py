"""The agenda: only reliable change counts as moved, and what was promised comes back until it was spoken of."""

from datetime import date, timedelta
from decimal import Decimal
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from bothwell.instruments.catalogue import load
from bothwell.instruments.change import Verdict, reliable_change
from bothwell.integration import agenda, note_forms
from bothwell.integration.agenda import Kind, Since

LAST = date(2026, 11, 5)
PHQ = load("phq-9")


def totals(before: list[int], after: list[int]) -> list[tuple[date, Decimal]]:
    early = [(LAST - timedelta(days=7 * n), Decimal(total)) for n, total in enumerate(reversed(before))]
    return [
        *reversed(early),
        *((LAST + timedelta(days=n + 1), Decimal(total)) for n, total in enumerate(after)),
    ]


def test_a_reliable_change_since_the_last_session_has_moved() -> None:
    found = agenda.move(PHQ, totals([18, 17], [9]), LAST)
    assert found is not None
    assert (found.before, found.after, found.since, found.words) == (17, 9, Since.LAST, "reliably better")


def test_a_change_that_only_now_reaches_so_far_is_measured_from_the_beginning_and_told_once() -> None:
    found = agenda.move(PHQ, totals([18, 14], [11]), LAST)
    assert found is not None
    assert (found.before, found.since, found.words) == (
        18,
        Since.BEGINNING,
        "reliably better than at the beginning",
    )
    assert agenda.move(PHQ, totals([18, 11], [9]), LAST) is None


def test_what_measurement_error_could_explain_has_not_moved() -> None:
    assert agenda.move(PHQ, totals([12], [9]), LAST) is None
    assert agenda.move(PHQ, totals([], [9]), LAST) is None
    assert agenda.move(PHQ, totals([12], []), LAST) is None


@given(
    st.lists(st.integers(0, 27), min_size=1, max_size=6), st.lists(st.integers(0, 27), min_size=1, max_size=6)
)
def test_whatever_moved_is_a_reliable_change_between_the_two_numbers_told(
    before: list[int], after: list[int]
) -> None:
    found = agenda.move(PHQ, totals(before, after), LAST)
    if found is not None:
        told = Verdict.IMPROVED if found.better else Verdict.WORSENED
        assert reliable_change(PHQ.measure, found.before, found.after).verdict == told
        assert found.after == after[-1]


def test_what_the_last_note_sent_home_and_put_off_comes_back() -> None:
    note = uuid4()
    kept = note_forms.detail("eft", {"homework": "Tea.", "next_focus": "The chase", "minutes": 60})
    assert [(one.key, one.words) for one in agenda.from_note(note, kept)] == [
        (f"home:{note}", "Tea."),
        (f"next:{note}", "The chase"),
    ]
    assert agenda.from_note(note, {}) == []


def test_when_a_point_was_last_spoken_of_is_read_from_the_notes() -> None:
    first = note_forms.detail("eft", {}, ["exercise:1", "home:2"])
    second = note_forms.detail("other", {}, ["exercise:1"])
    found = agenda.taken_up([(LAST, first), (LAST + timedelta(days=14), second)])
    assert found == {"exercise:1": LAST + timedelta(days=14), "home:2": LAST}


def test_an_agreement_reads_as_one_line() -> None:
    assert agenda.agreement_words(True, 7, "") == "No big decisions for 7 days after a session"
    assert (
        agenda.agreement_words(True, 1, "money too")
        == "No big decisions for a day after a session: money too"
    )
    assert agenda.agreement_words(False, None, "No telephones at table") == "No telephones at table"
    assert agenda.key(Kind.HOME, 3) == "home:3"
