"""The pages of measures: each sees what is theirs to see; hidden looks like nothing; paper is accessible and logged."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pypdf import PdfReader

from bothwell.instruments.catalogue import load
from bothwell.models import AuditEntry, Consent, Grant, Person, Response
from bothwell.privacy import door
from bothwell.web.printed import OwnFilesOnly, chart_style
from tests.cast import client_for
from tests.conftest import loading
from tests.web.desks import GAD, PHQ, Desk, desk

pytestmark = pytest.mark.django_db

CSI = (34, 41, 50, 57)


@pytest.fixture
def plain() -> Desk:
    return desk()


@pytest.fixture
def told(plain: Desk) -> Desk:
    """Both answered about themselves and about the two; Amara was dosed; nobody released anything."""
    a, b = plain.cast.a, plain.cast.b
    plain.answers(a, "phq-9", PHQ)
    plain.answers(b, "gad-7", GAD)
    plain.answers(a, "csi-16", CSI, "measure.relationship")
    plain.answers(b, "csi-16", CSI[::-1], "measure.relationship")
    plain.answers(a, "phq-2", (4, 3, 1), "measure.predose")
    plain.dose(a, plain.course(a), 1, -40)
    return plain


def page(who: Person, path: str) -> str:
    answer = client_for(who).get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


def bare(text: str) -> str:
    """A page without what differs at every look."""
    return re.sub(r'(value|token)="[\w-]+"|X-CSRFToken[^}]*|[0-9a-f]{8}-[0-9a-f-]{27}', "", text)


def of_person(made: Desk, who: Person | None = None) -> str:
    return page(who or made.cast.prescriber, f"/people/{made.cast.a.id}/measures")


def of_couple(made: Desk) -> str:
    return page(made.cast.couples_therapist, f"/couples/{made.cast.couple.id}/measures")


# ── my own ───────────────────────────────────────────────────────────────────────────────────────


def test_one_sees_ones_own_lines_in_two_groups_and_who_sees_them(told: Desk) -> None:
    text = page(told.cast.a, "/how-i-am")
    assert text.index("About me") < text.index("Mood") < text.index("About us, from my side")
    assert text.index("About us, from my side") < text.index("Our relationship")
    assert text.count('<svg xmlns="http://www.w3.org/2000/svg"') == 3
    assert "Lighter than in" in text
    assert "more than chance would explain" in text
    assert "Helen (prescriber)" in text
    assert "m-dose a" in text
    assert "<title>How I am</title>" in text


def test_nothing_of_the_other_is_on_it_even_when_they_gave_it(told: Desk) -> None:
    before = bare(page(told.cast.a, "/how-i-am"))
    with loading():
        for row in Response.objects.filter(subject=told.cast.b):
            Grant.objects.create(
                clinic=told.cast.clinic, subject=told.cast.b, author=told.cast.b, couple=told.cast.couple,
                item_kind=row.kind, item_id=row.id, audience="partner", opens_at=timezone.now() - timedelta(days=1),
            )  # fmt: skip
    with door.opened(told.cast.a.id):
        assert Response.objects.filter(subject=told.cast.b).count() == len(GAD) + len(CSI)
    assert bare(page(told.cast.a, "/how-i-am")) == before


def test_screens_about_safety_are_on_no_page_of_measures(told: Desk) -> None:
    pages = [(told.cast.a, "/how-i-am"), (told.cast.prescriber, f"/people/{told.cast.a.id}/measures")]
    before = [bare(page(*each)) for each in pages]
    told.answers(told.cast.a, "asq", (1, 2, 3), "screen.suicide")
    told.answers(told.cast.a, "hark", (1, 2, 3), "screen.violence")
    assert [bare(page(*each)) for each in pages] == before


def test_before_the_first_answer_it_says_what_will_be_there(plain: Desk) -> None:
    assert "Your lines appear here once you have answered" in page(plain.cast.a, "/how-i-am")


def test_no_band_is_named_on_ones_own_page(told: Desk) -> None:
    text = page(told.cast.a, "/how-i-am")
    assert not re.search(r"\b(severe|moderate|mild|minimal|dissatisfaction|PHQ|CSI)\b", text)


# ── somebody in my care ──────────────────────────────────────────────────────────────────────────


def test_the_prescriber_sees_totals_change_and_how_sure_it_is(told: Desk) -> None:
    text = of_person(told)
    for words in (
        "PHQ-9",
        "−12 points (−67 %)",
        "Reliably improved and held since",
        "Reliable change: 6 points or more, published",
        "m-ring a",
        "m-cut",
        "Dosing session 1",
    ):
        assert words in text, words
    assert "CSI-16" not in text  # relationship measures need a release


def test_a_release_opens_relationship_measures_and_its_end_closes_them(told: Desk) -> None:
    closed = bare(of_person(told))
    consent = told.release(told.cast.a, "relationship_scores", "prescriber")
    assert "CSI-16" in of_person(told)
    with loading():
        Consent.objects.filter(id=consent.id).update(withdrawn_at=timezone.now())
    assert bare(of_person(told)) == closed


def test_the_nurse_sees_what_was_asked_before_a_dose_and_nothing_else(told: Desk) -> None:
    text = of_person(told, told.cast.nurse)
    assert "PHQ-2" in text
    assert "before a dose" in text
    assert "PHQ-9" not in text


def test_no_answer_and_no_open_answer_look_the_same(plain: Desk) -> None:
    path = f"/people/{plain.cast.a.id}/measures"
    empty = bare(page(plain.cast.nurse, path))
    plain.answers(plain.cast.a, "phq-9", PHQ)
    assert bare(page(plain.cast.nurse, path)) == empty


def test_every_line_of_the_contents_leads_to_a_heading(told: Desk) -> None:
    told.release(told.cast.a, "individual_scores")
    for who, path in (
        (told.cast.prescriber, f"/people/{told.cast.a.id}/measures"),
        (told.cast.couples_therapist, f"/couples/{told.cast.couple.id}/measures"),
    ):
        shown = page(who, path)
        contents = re.search(r'<nav class="contents.*?</nav>', shown, re.DOTALL)
        assert contents
        links = re.findall(r'href="#([^"]+)"', contents[0])
        assert links
        assert all(shown.count(f'id="{each}"') == 1 for each in links)


def test_looking_and_printing_stand_in_the_log_of_the_person(told: Desk) -> None:
    of_person(told)
    client_for(told.cast.prescriber).get(f"/people/{told.cast.a.id}/measures.pdf")
    with door.opened(told.cast.a.id):
        seen = AuditEntry.objects.filter(actor=told.cast.prescriber, item_kind="measures").order_by("at")
        assert [entry.action for entry in seen] == ["viewed", "exported"]


def test_a_shorter_look_back_keeps_the_first_total_as_what_is_compared_with(told: Desk) -> None:
    with loading():
        Response.objects.filter(subject=told.cast.a, instrument="phq-9", wave="w0").update(
            sent_at=timezone.now() - timedelta(days=900)
        )
    whole, half = of_person(told), page(told.cast.prescriber, f"/people/{told.cast.a.id}/measures?since=half")
    for text in (whole, half):
        assert "−12 points (−67 %) since" in text
    assert '<polyline class="m-line a"' in half
    assert whole.count("m-month") > 0
    assert bare(page(told.cast.prescriber, f"/people/{told.cast.a.id}/measures?since=ever")) == bare(whole)


# ── what was answered ────────────────────────────────────────────────────────────────────────────


def one(made: Desk, answers: dict[str, Any], **more: Any) -> Response:
    gad = load("gad-7")
    with loading():
        return Response.objects.create(
            clinic=made.cast.clinic, subject=made.cast.a, author=more.pop("author", made.cast.a), instrument="gad-7",
            instrument_version=gad.version, kind="measure.individual", wave="x", status="sent", sent_at=timezone.now(),
            total=Decimal(3), answers=answers, **more,
        )  # fmt: skip


def answers_of(made: Desk, sent: Response) -> str:
    return page(made.cast.prescriber, f"/people/{made.cast.a.id}/measures/{sent.id}")


def test_each_answer_stands_by_its_question_and_what_is_open_is_marked(plain: Desk) -> None:
    items = load("gad-7").items
    option = items[0].options[3]
    text = answers_of(plain, one(plain, {items[0].link_id: option.code, items[1].link_id: None}))
    assert items[0].text in text
    assert option.text in text
    assert text.count("Would rather not answer") == 1
    assert text.count("Not answered") == len(items) - 2
    assert "Answered by Amara." in text


def test_what_was_copied_from_paper_says_by_whom(plain: Desk) -> None:
    sent = one(plain, {}, entered_as="paper", author=plain.cast.prescriber)
    assert "Copied from paper by Helen, MD." in answers_of(plain, sent)


def test_answers_are_found_only_under_their_person_and_never_those_of_a_screen(told: Desk) -> None:
    sent = one(told, {})
    told.answers(told.cast.a, "asq", (1,), "screen.suicide")
    with loading():
        screen = Response.objects.get(subject=told.cast.a, kind="screen.suicide")
    client = client_for(told.cast.prescriber)
    for person, key in ((told.cast.b, sent.id), (told.cast.a, screen.id), (told.cast.a, uuid4())):
        assert client.get(f"/people/{person.id}/measures/{key}").status_code == 404


def test_an_answer_to_a_wording_that_is_gone_is_shown_with_a_word_about_it(plain: Desk) -> None:
    sent = one(plain, {})
    with loading():
        Response.objects.filter(id=sent.id).update(instrument_version="long ago")
    assert "earlier wording" in answers_of(plain, sent)


# ── two ──────────────────────────────────────────────────────────────────────────────────────────


def test_each_side_stands_with_that_partners_release_alone(told: Desk) -> None:
    told.release(told.cast.a, "individual_scores")
    text = of_couple(told)
    assert "PHQ-9" in text
    assert "GAD-7" not in text
    assert "CSI-16" not in text
    assert "Nothing released here by Ben." in text
    told.release(told.cast.b, "relationship_scores")
    text = of_couple(told)
    assert "b-relationship-csi-16-total" in text
    assert "a-relationship-csi-16-total" not in text
    assert "Nothing released here by Amara." in text


def test_what_is_not_released_looks_like_what_never_was(plain: Desk) -> None:
    plain.release(plain.cast.a, "individual_scores")
    plain.answers(plain.cast.a, "phq-9", PHQ)
    never = bare(of_couple(plain))
    plain.answers(plain.cast.b, "gad-7", GAD)
    plain.answers(plain.cast.b, "csi-16", CSI, "measure.relationship")
    plain.answers(plain.cast.a, "csi-16", CSI, "measure.relationship")
    plain.dose(plain.cast.b, plain.course(plain.cast.b), 1, -20)
    assert bare(of_couple(plain)) == never
    consent = plain.release(plain.cast.b, "individual_scores")
    assert "GAD-7" in of_couple(plain)
    with loading():
        Consent.objects.filter(id=consent.id).update(withdrawn_at=timezone.now())
    assert bare(of_couple(plain)) == never


def test_released_and_not_answered_looks_like_not_released(plain: Desk) -> None:
    before = bare(of_couple(plain))
    plain.release(plain.cast.b, "individual_scores")
    assert bare(of_couple(plain)) == before


def test_dosing_days_stand_with_the_release_of_the_summary_alone(told: Desk) -> None:
    told.release(told.cast.a, "individual_scores")
    assert "m-dose a" not in of_couple(told)
    told.release(told.cast.a, "dosing_summary")
    assert "m-dose a" in of_couple(told)


def test_both_sides_stand_on_the_same_days_and_nothing_joins_them(told: Desk) -> None:
    for who in (told.cast.a, told.cast.b):
        told.release(who, "relationship_scores")
    text = of_couple(told)
    lines = re.findall(r'<polyline class="m-line (a|b)" points="([\d., ]+)"', text)
    assert [side for side, _ in lines] == ["a", "b"]
    days = [[point.split(",")[0] for point in points.split()] for _, points in lines]
    assert days[0] == days[1]
    assert "m-line us" not in text


def test_each_partner_finds_the_look_in_their_own_log(told: Desk) -> None:
    told.release(told.cast.a, "individual_scores")
    of_couple(told)
    for partner, kind in ((told.cast.a, "measures"), (told.cast.b, "couple.shared")):
        with door.opened(partner.id):
            seen = AuditEntry.objects.filter(
                actor=told.cast.couples_therapist, action="viewed", subject=partner
            )
            assert [entry.item_kind for entry in seen] == [kind]


# ── paper ────────────────────────────────────────────────────────────────────────────────────────


def paper(who: Person, path: str) -> PdfReader:
    answer = client_for(who).get(path)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/pdf"
    assert "no-store" in answer["Cache-Control"]
    assert answer["Content-Disposition"].startswith("attachment; ")
    return PdfReader(BytesIO(answer.content))


def words_of(made: PdfReader) -> str:
    return " ".join(" ".join(each.extract_text().split()) for each in made.pages)


def alternatives(node: Any) -> list[str]:
    """What a reader hears for each figure, from the tree of tags."""
    node = node.get_object() if hasattr(node, "get_object") else node
    if isinstance(node, list):
        return [words for each in node for words in alternatives(each)]
    if not hasattr(node, "get"):
        return []
    own = [str(node.get("/Alt", ""))] if node.get("/S") == "/Figure" else []
    return own + (alternatives(node["/K"]) if "/K" in node else [])


def test_ones_own_paper_is_tagged_neutral_and_says_what_the_pictures_say(told: Desk) -> None:
    made = paper(told.cast.a, "/how-i-am.pdf")
    root = made.trailer["/Root"]
    assert made.metadata is not None
    assert made.metadata.title == "How I am"
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en"
    assert b"pdfuaid" in root["/Metadata"].get_object().get_data()
    figures = alternatives(root["/StructTreeRoot"])
    assert len(figures) == 3
    assert {each.partition(":")[0] for each in figures} == {
        "Mood",
        "Mood, in two questions",
        "Our relationship",
    }
    assert all(re.search(r"(than in|as in|now, ) ?\w+", each) for each in figures), figures
    said = words_of(made)
    assert "Lighter than in" in said
    assert not re.search(
        r"ketamine|clinic|Bothwell|PHQ|severe|Ben\b", said + str(made.metadata), re.IGNORECASE
    )
    with door.opened(told.cast.a.id):
        assert (
            AuditEntry.objects.filter(actor=told.cast.a, action="exported", item_kind="measures").count() == 1
        )


def test_the_paper_of_one_person_holds_what_the_page_holds(told: Desk) -> None:
    said = words_of(paper(told.cast.prescriber, f"/people/{told.cast.a.id}/measures.pdf"))
    assert "−12 points (−67 %)" in said
    assert "Printed by Helen, MD" in said
    assert "CSI-16" not in said
    nurse = words_of(paper(told.cast.nurse, f"/people/{told.cast.a.id}/measures.pdf"))
    assert "PHQ-2" in nurse
    assert "PHQ-9" not in nurse


def test_the_paper_of_two_holds_what_each_released(told: Desk) -> None:
    told.release(told.cast.a, "individual_scores")
    said = words_of(paper(told.cast.couples_therapist, f"/couples/{told.cast.couple.id}/measures.pdf"))
    assert "PHQ-9" in said
    assert "GAD-7" not in said
    assert "Nothing released here by Ben." in said
    for partner in (told.cast.a, told.cast.b):
        with door.opened(partner.id):
            assert AuditEntry.objects.filter(action="exported", subject=partner).count() == 1


@pytest.mark.parametrize(
    "address",
    [
        "https://example.org/x.css",
        "http://localhost/x",
        "file:///etc/passwd",
        "data:text/css,x",
        "https://static.invalid/../settings.py",
        "https://static.invalid//etc/passwd",
        "https://static.invalid/no/such.css",
    ],
)
def test_paper_takes_nothing_along_but_our_own_files(address: str) -> None:
    with pytest.raises((ValueError, OSError)):
        OwnFilesOnly().fetch(address)


def test_paper_has_the_colours_written_out() -> None:
    assert "var(" not in chart_style()
    assert "#0b7d78" in chart_style()


# ── how much is asked of the database ────────────────────────────────────────────────────────────


def test_ten_times_the_answers_ask_no_more_of_the_database(told: Desk) -> None:
    for who in (told.cast.a, told.cast.b):
        told.release(who, "individual_scores")
    pages = [
        (told.cast.a, "/how-i-am"),
        (told.cast.prescriber, f"/people/{told.cast.a.id}/measures"),
        (told.cast.couples_therapist, f"/couples/{told.cast.couple.id}/measures"),
        (told.cast.prescriber, f"/people/{told.cast.a.id}/workup"),
        (told.cast.couples_therapist, f"/couples/{told.cast.couple.id}"),
    ]
    before = [statements(*each) for each in pages]
    for instrument in ("phq-9", "gad-7", "core-10", "who-5", "audit"):
        told.answers(told.cast.a, instrument, (9,) * 10 * len(PHQ))
        told.answers(told.cast.b, instrument, (9,) * 10 * len(PHQ))
    assert [statements(*each) for each in pages] == before


def statements(who: Person, path: str) -> int:
    client = client_for(who)
    client.get(path)
    with CaptureQueriesContext(connection) as asked:
        assert client.get(path).status_code == 200
    return len(asked)
