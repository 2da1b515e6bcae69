"""What a protocol asks when, in words the medical director reads before signing."""

import re

import pytest

from bothwell.models import ProtocolVersion
from bothwell.pathway import protocol as protocols
from bothwell.web.protocol_waves import MISSING
from tests.cast import Cast, client_for, make_cast
from tests.conftest import loading

pytestmark = pytest.mark.django_db
PATH = protocols.shipped()[0]


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def page_of(cast: Cast, source: str) -> str:
    with loading():
        version = ProtocolVersion.objects.create(
            clinic=cast.clinic, name="Ours", version="1", sha256="1", source=source
        )
    return client_for(cast.lead).get(f"/clinic/protocols/{version.id}").content.decode()


def test_every_wave_with_when_and_what_and_what_is_missing_here(cast: Cast) -> None:
    page = page_of(cast, PATH.read_text())
    for words in (
        "What is asked when",
        "Every Monday, at 08:00, for 52 weeks; both on the same day.",
        "On a Monday every 4 weeks, at 08:00",
        "Due 2 hours before a session.",
        "Open 1 day before, until 6 hours after.",
        "Due 3 months after the couple began; both on the same day, at 08:00.",
        "Due 1 day after a session, at 10:00.",
        "Due 2 days after the last session of a series, at 10:00.",
        "Leaves out what these ask within 2 days",
        "PHQ-9",
        f"ECR-S <b>({MISSING})</b>",
        "Questions: This week",
        "Can be answered after it was due, for",
    ):
        assert words in page, words
    assert "HARK" not in page


def test_waves_stand_in_order_of_time_and_so_does_what_they_yield_to(cast: Cast) -> None:
    page = page_of(cast, PATH.read_text())
    titles = re.findall(r'<th scope="row" data-label="Wave">([^<]+)</th>', page)
    assert titles == [
        "To begin with", "This week", "Every four weeks", "Three months on", "Six months on", "A year on",
        "Before your session", "The day after your session", "At the end of the series",
    ]  # fmt: skip
    assert "to begin with, every four weeks, three months on, six months on, a year on." in page


def test_what_has_no_words_here_gets_one_remark_and_its_short_name(cast: Cast) -> None:
    page = page_of(cast, PATH.read_text())
    assert f"({MISSING})</b> <span" not in page
    for slug in ("ecr-s", "ebi"):
        assert f">{slug} <b>" not in page
        assert f", {slug} <b>" not in page


def test_a_questionnaire_nobody_knows_is_said_and_breaks_nothing(cast: Cast) -> None:
    page = page_of(cast, PATH.read_text().replace('{ id = "pulse-us"', '{ id = "our-own-10"'))
    assert f"our-own-10 <b>({MISSING})</b>" in page
