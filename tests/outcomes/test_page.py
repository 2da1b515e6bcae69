"""The outcomes' pages: for the lead and for researchers, in words, with everything under five left out of every file."""

import csv
import io
import json
import re
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.contrib.staticfiles.finders import find
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bothwell import models as tables
from bothwell.outcomes.asking import words
from bothwell.privacy import door
from tests.cast import client_for, make_cast, person
from tests.conftest import loading
from tests.outcomes.many_couples import (
    CHANGE,
    FIRST,
    MOMENTS,
    RELIABLE,
    add,
    again,
    asked,
    many,
    reckoned,
    withdraw,
)

pytestmark = pytest.mark.django_db

FORM = {
    "way": "change",
    "predictor": "phq-9.total",
    "outcome": "csi-16.total",
    "first_week": "0",
    "last_week": "16",
}


def test_it_is_for_the_lead_and_for_researchers_and_looks_like_nothing_to_anybody_else() -> None:
    cast = make_cast()
    with loading():
        researcher = person(cast.clinic, "Ada", "staff", "researcher")
    missing = client_for(cast.nurse).get("/no/such/page")
    for who in (cast.a, cast.nurse, cast.prescriber, cast.couples_therapist, cast.coordinator, cast.safety):
        for path in ("/outcomes", f"/outcomes/{uuid4()}", f"/outcomes/{uuid4()}/1/outcomes.csv"):
            assert client_for(who).get(path).status_code == missing.status_code == 404
        assert client_for(who).post("/outcomes", FORM | {"request_id": uuid4()}).status_code == 404
        assert b"/outcomes" not in client_for(who).get("/today").content
    for who in (cast.lead, researcher):
        page = client_for(who).get("/outcomes")
        assert page.status_code == 200
        assert b'href="/outcomes" aria-current="page"' in page.content


def test_the_sentence_with_its_gaps_asks_and_what_cannot_be_asked_keeps_what_was_chosen() -> None:
    made = many(0)
    client = client_for(made.researcher)
    key = uuid4()
    went = client.post("/outcomes", FORM | {"request_id": key})
    assert went.status_code == 302 and went["Location"] == f"/outcomes/{key}"
    assert client.post("/outcomes", FORM | {"request_id": key})["Location"] == f"/outcomes/{key}"
    waiting = client.get(f"/outcomes/{key}")
    assert b"Waits for its turn" in waiting.content and b'hx-trigger="every 2s"' in waiting.content
    wrong = client.post(
        "/outcomes", FORM | {"request_id": uuid4(), "outcome": "phq-9.total", "last_week": "24"}
    )
    assert wrong.status_code == 422
    assert b"Choose two different scores." in wrong.content
    assert b'<option value="24" selected>' in wrong.content
    assert client.post("/outcomes", FORM | {"request_id": "x", "first_week": "soon"}).status_code == 422


def test_a_result_is_read_aloud_drawn_told_exactly_and_says_what_it_rests_on() -> None:
    made = many(12)
    run = asked(made, CHANGE)
    text = client_for(made.researcher).get(f"/outcomes/{run.analysis_id}").content.decode()
    assert "To be read aloud" in text and "In at least 10 couples" in text
    assert "it does not say that one brought the other about" in text
    assert "Fewer than 30 couples" in text and ">p</th>" not in text
    assert text.count('role="img"') == 3 and "Two partners who are not told apart" in text
    assert "library(nlme)" in text
    assert run.data_hash[:12] in text and run.code_version in text
    fragment = client_for(made.researcher).get(f"/outcomes/{run.analysis_id}", headers={"HX-Request": "true"})
    assert fragment.content.decode().strip().startswith('<div id="result"')


def test_from_thirty_couples_on_there_is_a_p() -> None:
    made = many(31)
    run = asked(made, CHANGE)
    text = client_for(made.lead).get(f"/outcomes/{run.analysis_id}").content.decode()
    assert ">p</th>" in text and "Fewer than 30" not in text


def test_every_file_says_what_the_page_says_and_no_more() -> None:
    made = many(12)
    run = asked(made, MOMENTS)
    client, root = client_for(made.lead), f"/outcomes/{run.analysis_id}/{run.number}"
    rows = list(csv.DictReader(io.StringIO(client.get(f"{root}/outcomes.csv").content.decode("utf-8-sig"))))
    assert {row["part"] for row in rows} == {"effect", "spread", "course"}
    assert all(int(row["couples_at_least"]) >= 5 for row in rows)
    assert [row["p"] for row in rows] == [""] * len(rows)
    notebook = json.loads(client.get(f"{root}/outcomes.ipynb").content)
    assert notebook["nbformat"] == 4
    assert client.get(f"{root}/outcomes.R").content.decode() == run.result["r"]
    for name in ("paths.svg", "csi-16.total.svg", "phq-9.total.svg"):
        picture = client.get(f"{root}/{name}")
        assert picture.status_code == 200 and picture["Content-Type"] == "image/svg+xml"
        assert b"<style>" in picture.content and b"var(" not in picture.content
    assert client.get(f"{root}/outcomes.pdf").content.startswith(b"%PDF")
    for name in ("outcomes.exe", "gad-7.total.svg", "paths.csv", "outcomes", "outcomes.SIMPLE"):
        assert client.get(f"{root}/{name}").status_code == 404
    assert client.get(f"/outcomes/{run.analysis_id}/9/outcomes.csv").status_code == 404


def test_a_picture_taken_away_says_what_it_shows_and_in_which_points() -> None:
    made = many(12)
    run = asked(made, MOMENTS)
    client, root = client_for(made.lead), f"/outcomes/{run.analysis_id}"
    drawn = client.get(f"{root}/{run.number}/phq-9.total.svg").content.decode()
    assert ">Depression (PHQ-9)</text>" in drawn and ">points, of 0 to 27</text>" in drawn
    page = client.get(root).content.decode()
    assert "points, of 0 to 27" in page and ">Depression (PHQ-9)</text>" not in page
    assert page.count("beside usual</text>") == 2  # of both that come first, and of neither outcome
    assert "not of one person beside another" in page and "rest on other couples" in page


def test_counts_under_five_stand_on_no_page_and_in_no_file() -> None:
    made = many(12)
    run = asked(made, RELIABLE)
    client = client_for(made.lead)
    text = client.get(f"/outcomes/{run.analysis_id}").content.decode()
    assert "Reliable change" in text and "not said" in text
    rows = list(
        csv.DictReader(
            io.StringIO(client.get(f"/outcomes/{run.analysis_id}/1/outcomes.csv").content.decode("utf-8-sig"))
        )
    )
    assert rows and all(not row["estimate"].isdigit() or int(row["estimate"]) >= 5 for row in rows)
    assert client.get(f"/outcomes/{run.analysis_id}/1/outcomes.ipynb").status_code == 404


def test_the_five_gains_show_what_is_followed_what_is_counted_and_what_is_not() -> None:
    made = many(14)
    run = asked(made, RELIABLE)
    client, root = client_for(made.researcher), f"/outcomes/{run.analysis_id}"
    text = client.get(root).content.decode()
    for title in (
        "Communication",
        "Emotional regulation",
        "Connection and intimacy",
        "Less conflict",
        "Beside the gains",
    ):
        assert f">{title}</h2>" in text
    assert "No questionnaire that enters here follows it. Nearest is satisfaction" in text
    assert "at least 10 couples" in text and "6 points or more" in text
    assert "No reliable change is known of this score" in text
    assert text.count('role="img"') == 2  # of the two scores that anybody answered
    assert text.count("No line: fewer than five couples") == 7
    assert client.get(f"{root}/1/csi-16.total.svg").status_code == 200
    assert client.get(f"{root}/1/gad-7.total.svg").status_code == 404
    assert client.get(f"{root}/1/outcomes.pdf").content.startswith(b"%PDF")
    rows = list(csv.DictReader(io.StringIO(client.get(f"{root}/1/outcomes.csv").content.decode("utf-8-sig"))))
    assert [row["week"] for row in rows if row["part"] == "course"] == ["0", "4", "8", "12", "16"] * 2


def test_what_was_counted_before_the_courses_were_drawn_still_shows() -> None:
    made = many(12)
    run = asked(made, RELIABLE)
    with loading():
        kept = {"counts": run.result["counts"], "left": []}
        tables.AnalysisRun.objects.filter(id=run.id).update(result=kept)
    client = client_for(made.lead)
    text = client.get(f"/outcomes/{run.analysis_id}").content.decode()
    assert "Depression (PHQ-9)" in text and "at least 10 couples" in text
    assert 'role="img"' not in text and "No line" not in text
    assert client.get(f"/outcomes/{run.analysis_id}/1/outcomes.csv").status_code == 200
    again(made, run)
    both = client.get(f"/outcomes/{run.analysis_id}").content.decode()
    assert "What is different from run 1" in both and "phq-9.total, mean, week 0" in both


def test_what_comes_first_is_told_both_ways_with_time_from_left_to_right() -> None:
    made = many(24)
    run = asked(made, FIRST)
    assert run.state == "done", run.reason
    client, root = client_for(made.lead), f"/outcomes/{run.analysis_id}"
    text = client.get(root).content.decode()
    assert (
        "In at least 20 couples" in text
        and "The other way round" in text
        and "Earlier is not because" in text
    )
    assert "Fewer than 30 couples" in text and ">p</th>" not in text
    assert (
        "Depression first, then satisfaction" in text and "Satisfaction with the relationship first" in text
    )
    assert text.count('role="img"') == 3
    assert "Weeks 0, 4, 8: at least 20 couples" in text
    assert text.count("library(nlme)") == 2
    picture = client.get(f"{root}/1/paths.svg").content.decode()
    assert "in the next" in picture and picture.count('class="o-arrow') == 4 and "var(" not in picture
    rows = list(csv.DictReader(io.StringIO(client.get(f"{root}/1/outcomes.csv").content.decode("utf-8-sig"))))
    assert sum(row["part"] == "effect" for row in rows) == 14
    assert [row["couples_at_least"] for row in rows if row["part"] == "step"] == ["20"] * 3
    assert "side_by_side" in client.get(f"{root}/1/outcomes.ipynb").content.decode()
    assert client.get(f"{root}/1/outcomes.R").content.decode() == run.result["r"]
    assert client.get(f"{root}/1/outcomes.pdf").content.startswith(b"%PDF")


def test_each_way_is_offered_and_the_chosen_one_stays_chosen() -> None:
    client = client_for(many(0).lead)
    page = client.get("/outcomes").content.decode()
    assert [f'value="{way}"' in page for way in ("change", "moments", "first", "reliable")] == [True] * 4
    wrong = client.post("/outcomes", FORM | {"request_id": uuid4(), "way": "first", "last_week": "8"})
    assert wrong.status_code == 422 and b"four times at least" in wrong.content
    assert b'value="first" id="o-first" checked' in wrong.content
    made = client.post("/outcomes", FORM | {"request_id": uuid4(), "way": "first"})
    assert made.status_code == 302


def test_asking_again_says_what_is_different_and_an_earlier_run_stays_as_it_was() -> None:
    made = many(12)
    first = asked(made, CHANGE)
    client = client_for(made.lead)
    before = client.get(f"/outcomes/{first.analysis_id}?run=1").content
    add(made, 6)
    again(made, first)
    page = client.get(f"/outcomes/{first.analysis_id}").content.decode()
    assert "What is different from run 1" in page and "It rests on other answers than before." in page
    assert "In at least 15 couples" in page
    earlier = client.get(f"/outcomes/{first.analysis_id}?run=1").content
    assert b"In at least 10 couples" in earlier and b"In at least 10 couples" in before
    assert client.get(f"/outcomes/{first.analysis_id}?run=7").status_code == 404


def test_the_button_asks_again_and_a_run_under_way_is_not_doubled() -> None:
    made = many(6)
    run = asked(made, CHANGE)
    client = client_for(made.researcher)
    for _ in range(2):
        assert client.post(f"/outcomes/{run.analysis_id}/again").status_code == 302
    with door.opened(made.lead.id):
        assert sorted(tables.AnalysisRun.objects.values_list("number", flat=True)) == [1, 2]


def test_a_kept_result_says_that_a_consent_was_taken_back_and_not_whose() -> None:
    made = many(12)
    run = asked(made, CHANGE)
    client = client_for(made.researcher)
    said = b"consent was taken back since this was reckoned"
    assert said not in client.get(f"/outcomes/{run.analysis_id}").content
    withdraw(made, 2)
    page = client.get(f"/outcomes/{run.analysis_id}").content
    assert said in page
    assert made.couples[2][1].name_used.encode() not in page


def test_the_funnel_is_for_the_lead_and_says_no_count_under_five() -> None:
    made = many(7)
    start = timezone.now() - timedelta(days=90)
    with loading():
        version = tables.ProtocolVersion.objects.create(
            clinic=made.clinic, name="x", version="1", sha256="x", source="x"
        )
        for number, (_, who, _) in enumerate(made.couples):
            common = {"clinic": made.clinic, "subject": who, "author": made.lead}
            course = tables.Course.objects.create(
                **common, protocol=version, phase="evaluation", state="active", recorded_at=start
            )
            for place, phase in enumerate(
                ("evaluation", "joint_decision", "consent")[: 3 if number < 4 else 2], 1
            ):
                tables.Step.objects.create(
                    **common, course=course, number=place, event="advance", from_phase="referral", to_phase=phase,
                    to_state="active", why="x", recorded_at=start + timedelta(days=10 * place),
                )  # fmt: skip
    text = client_for(made.lead).get("/outcomes").content.decode()
    assert "How far people come" in text
    rows = text.partition("o-funnel")[2].split("<tr>")[2:]
    assert ["<b>7</b>" in row for row in rows[:2]] == [True, True]
    assert "20 days, median" in rows[1]
    assert all("not said" in row for row in rows[2:5])
    assert "How far people come" not in client_for(made.researcher).get("/outcomes").content.decode()


def test_looking_and_taking_away_stand_in_the_log_and_name_nobody() -> None:
    made = many(6)
    run = asked(made, CHANGE)
    client = client_for(made.researcher)
    client.get(f"/outcomes/{run.analysis_id}")
    client.get(f"/outcomes/{run.analysis_id}/1/outcomes.csv")
    with door.opened(made.lead.id):
        rows = list(tables.AuditEntry.objects.filter(item_kind="outcomes").order_by("at"))
    assert [row.action for row in rows] == ["asked for outcomes", "viewed", "exported outcomes"]
    assert all(row.subject_id is None and row.couple_id is None for row in rows)


def test_however_many_questions_the_page_takes_the_same_statements() -> None:
    made = many(0)
    client = client_for(made.lead)

    def statements() -> int:
        client.get("/outcomes")
        with CaptureQueriesContext(
            connection,
        ) as caught:
            client.get("/outcomes")
        return len(caught)

    client.post("/outcomes", FORM | {"request_id": uuid4()})
    few = statements()
    for _ in range(4):
        client.post("/outcomes", FORM | {"request_id": uuid4()})
    assert statements() == few


def test_no_line_of_the_sentence_begins_with_a_comma_and_its_choices_look_like_every_others() -> None:
    page = client_for(many(0).researcher).get("/outcomes").content.decode()
    assert "</label>," not in page
    sheet = Path(str(find("bothwell/outcomes.css"))).read_text("utf-8")
    (rule,) = re.findall(r"\.o-sentence select \{([^}]*)\}", sheet)
    assert "appearance: none" in rule and "chevron-down.svg" in rule and "border-radius: 12px" in rule


def test_the_page_says_the_question_in_words() -> None:
    made = many(6)
    run = asked(made, CHANGE)
    assert words(CHANGE) in client_for(made.lead).get(f"/outcomes/{run.analysis_id}").content.decode()


def test_a_look_by_a_part_of_the_page_stands_in_the_log_and_waiting_does_not() -> None:
    made = many(6)
    run = asked(made, CHANGE)
    client = client_for(made.researcher)

    def looks() -> int:
        with door.opened(made.lead.id):
            return tables.AuditEntry.objects.filter(item_kind="outcomes", action="viewed").count()

    part = {"HX-Request": "true"}
    assert b"In at least 5 couples" in client.get(f"/outcomes/{run.analysis_id}", headers=part).content
    assert looks() == 1
    key = uuid4()
    client.post("/outcomes", FORM | {"request_id": key, "last_week": "8"})
    for headers in ({}, part, part):
        assert b"Waits for its turn" in client.get(f"/outcomes/{key}", headers=headers).content
    assert looks() == 1
    with door.opened(made.lead.id):
        waiting = tables.AnalysisRun.objects.get(analysis_id=key)
    reckoned(waiting.id, made.lead)
    assert b"In at least 5 couples" in client.get(f"/outcomes/{key}", headers=part).content
    assert looks() == 2


def test_what_it_cannot_hold_is_said_where_one_asks() -> None:
    text = client_for(many(0).researcher).get("/outcomes").content.decode()
    assert "who treats four of five couples knows their answers" in text
    assert "such notes stand in the log" in text and "a limited number of times" in text
