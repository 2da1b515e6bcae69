"""An exercise one of the two chose from the library is both's; either lays it aside."""

from uuid import uuid4

import pytest
from django.utils import timezone

from bothwell.integration.doing_actions import given_to
from bothwell.models import ExerciseDone, ExerciseGiven, Shelter
from bothwell.privacy import door
from tests.cast import Cast, client_for, make_cast
from tests.conftest import loading

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def choose(cast: Cast, code: str = "say_it_back") -> ExerciseGiven:
    sent = {"way": "together", "request_id": str(uuid4())}
    answer = client_for(cast.a).post(f"/us/exercises/library/{code}/choose", sent)
    assert answer.status_code == 302
    with door.opened(cast.a.id):
        return ExerciseGiven.objects.get(exercise=code, until__isnull=True)


def test_what_one_chose_is_among_the_exercises_of_both_with_the_name(cast: Cast) -> None:
    row = choose(cast)
    assert choose(cast).id == row.id, "chosen twice it is there once"
    page = client_for(cast.b).get(f"/us/exercises/{row.id}").content.decode()
    assert "Amara chose it for both of you" in page
    client_for(cast.b).post(f"/us/exercises/{row.id}/done", {"how": "good"})
    with door.opened(cast.couples_therapist.id):
        assert ExerciseDone.objects.get().given_id == row.id


def test_either_lays_it_aside_and_what_was_done_stays(cast: Cast) -> None:
    row = choose(cast)
    client_for(cast.a).post(f"/us/exercises/{row.id}/done", {"how": "good"})
    assert client_for(cast.stranger_a).post(f"/us/exercises/{row.id}/aside").status_code == 404
    assert client_for(cast.b).post(f"/us/exercises/{row.id}/aside").status_code == 302
    with door.opened(cast.a.id):
        assert ExerciseGiven.objects.get().until is None  # it stays as it was given
        (kept,) = given_to(cast.couple)
        assert kept.until is not None
        assert kept.until <= timezone.now()
        assert ExerciseDone.objects.count() == 1
    assert "Say it back" not in client_for(cast.a).get("/us").content.decode()


def test_a_choice_without_a_way_comes_back(cast: Cast) -> None:
    answer = client_for(cast.a).post("/us/exercises/library/say_it_back/choose", {"request_id": str(uuid4())})
    assert answer.status_code == 422
    assert "Choose one of the three." in answer.content.decode()


def test_what_a_sheltered_person_chose_is_not_there_for_their_partner(cast: Cast) -> None:
    with loading():
        Shelter.objects.create(clinic=cast.clinic, subject=cast.a, author=cast.a)
    row = choose(cast)
    assert client_for(cast.b).get(f"/us/exercises/{row.id}").status_code == 404
    assert "Say it back" not in client_for(cast.b).get("/us").content.decode()
