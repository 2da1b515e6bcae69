"""The picture of the cycle at the desk: drawn without a script, compared, shown in two acts, never a word too early."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.template.loader import render_to_string

from bothwell.models import CycleMap, CycleNode, CycleShown, Receipt
from bothwell.privacy import door
from bothwell.web.couple_cycle import CycleSeen, cycle_for
from tests.cast import client_for
from tests.web.desks import Desk, desk

pytestmark = pytest.mark.django_db

CHASE = {
    "kind": "pursue_withdraw",
    "title": "the chase",
    "a-trigger": "He goes quiet",
    "a-behaviour": "I ask louder",
    "a-need": "To be answered",
    "b-trigger": "Her voice gets sharp",
    "b-behaviour": "I go quiet",
    "b-primary": "Afraid",
}


@pytest.fixture
def plain() -> Desk:
    return desk()


def post(made: Desk, path: str, **data: object) -> tuple[int, str]:
    client = client_for(made.cast.couples_therapist)
    response = client.post(f"/couples/{made.cast.couple.id}/cycle{path}", data)
    return response.status_code, response.content.decode()


def look(made: Desk, path: str = "") -> str:
    response = client_for(made.cast.couples_therapist).get(f"/couples/{made.cast.couple.id}/cycle{path}")
    assert response.status_code == 200
    return response.content.decode()


def draw(made: Desk, after: int = 0, **changed: str) -> CycleMap:
    status, _ = post(made, "", **{**CHASE, **changed}, after=after, request_id=str(uuid4()))
    assert status == 302
    with door.opened(made.cast.couples_therapist.id):
        return CycleMap.objects.order_by("-number")[0]


def test_it_is_drawn_in_its_places_and_begins_from_the_last_version(plain: Desk) -> None:
    text = look(plain)
    assert 'name="a-trigger"' in text
    assert 'name="b-need"' in text
    assert "Keep as version 1" in text
    draw(plain)
    text = look(plain)
    assert "To be answered" in text
    assert "Keep as version 2" in text
    assert "What Amara does is what Ben meets" in text


def test_what_is_too_long_is_said_at_its_place_and_every_word_stays(plain: Desk) -> None:
    status, text = post(plain, "", **{**CHASE, "b-need": "x" * 201}, after=0, request_id=str(uuid4()))
    assert status == 422
    assert "There is room for 200 characters" in text
    assert "x" * 201 in text
    assert "To be answered" in text


def test_somebody_elses_version_is_told_and_nothing_is_lost(plain: Desk) -> None:
    draw(plain)
    status, text = post(plain, "", **{**CHASE, "a-need": "Other words"}, after=0, request_id=str(uuid4()))
    assert status == 422
    assert "meanwhile" in text
    assert "Other words" in text


def test_versions_are_looked_at_and_compared(plain: Desk) -> None:
    first = draw(plain)
    second = draw(plain, after=1, **{"b-primary": "Afraid of losing her"})
    text = look(plain, f"/{second.id}")
    assert "What changed since version 1" in text
    assert "Afraid of losing her" in text
    assert text.count('data-label="Earlier"') == 1
    assert "Afraid of losing her" not in look(plain, f"/{first.id}").split("What version 2 changed")[0]
    assert "What version 2 changed" in look(plain, f"/{first.id}?with=2")


def test_a_side_then_the_whole_with_a_preview_before_each(plain: Desk) -> None:
    drawn = draw(plain)
    text = look(plain, f"/{drawn.id}")
    assert "Ben will not find it, nor learn that it was shown." in text
    assert 'value="both"' not in text
    for side in ("a", "b"):
        assert post(plain, f"/{drawn.id}/show", to=side)[0] == 302
    text = look(plain, f"/{drawn.id}")
    assert "What both will see" in text
    assert "It cannot be taken back." in text
    assert post(plain, f"/{drawn.id}/show", to="both")[0] == 302
    with door.opened(plain.cast.couples_therapist.id):
        assert (CycleNode.objects.count(), CycleShown.objects.count()) == (2, 1)


def test_showing_both_too_early_shows_nothing(plain: Desk) -> None:
    drawn = draw(plain)
    assert post(plain, f"/{drawn.id}/show", to="both")[0] == 302
    with door.opened(plain.cast.couples_therapist.id):
        assert not CycleShown.objects.exists()


def test_another_couples_drawing_is_not_found(plain: Desk) -> None:
    assert client_for(plain.cast.couples_therapist).get(
        f"/couples/{plain.cast.couple.id}/cycle/{uuid4()}"
    ).status_code == 404  # fmt: skip


# ── what a partner finds ──


def seen_by(made: Desk, side: str) -> CycleSeen | None:
    who = made.cast.a if side == "a" else made.cast.b
    with door.opened(who.id):
        return cycle_for(who, made.cast.couple, side, {"a": "Amara", "b": "Ben"})


def drawn_for(seen: CycleSeen | None) -> str:
    return render_to_string("couple/_cycle_shown.html", {"seen": seen})


def test_a_partner_finds_nothing_then_their_own_side_then_the_whole(plain: Desk) -> None:
    drawn = draw(plain)
    assert seen_by(plain, "a") is None
    post(plain, f"/{drawn.id}/show", to="a")
    own = drawn_for(seen_by(plain, "a"))
    assert "To be answered" in own
    assert "What I need" in own
    for of_the_other in ("Afraid", "Her voice", "the chase", "Ben"):
        assert of_the_other not in own
    assert seen_by(plain, "b") is None
    post(plain, f"/{drawn.id}/show", to="b")
    post(plain, f"/{drawn.id}/show", to="both")
    for side in ("a", "b"):
        whole = drawn_for(seen_by(plain, side))
        assert "To be answered" in whole
        assert "Afraid" in whole
    with door.opened(plain.cast.b.id):
        assert Receipt.objects.filter(author=plain.cast.b, item_kind="couple.shared").exists()


def test_a_newer_side_shown_alone_stands_before_the_whole_of_before(plain: Desk) -> None:
    first = draw(plain)
    for to in ("a", "b", "both"):
        post(plain, f"/{first.id}/show", to=to)
    second = draw(plain, after=1, **{"a-need": "To be heard"})
    post(plain, f"/{second.id}/show", to="a")
    found, other = seen_by(plain, "a"), seen_by(plain, "b")
    assert found is not None
    assert other is not None
    assert (found.to_both, other.to_both) == (False, True)
    assert "To be heard" in drawn_for(found)
    assert "To be heard" not in drawn_for(other)
