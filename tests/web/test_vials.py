"""The clinic's vials on the screen: drawing up, signing together, counting, and what an inspector is given."""

import csv
import io
import random
import re
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.core.cache import cache
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bothwell.dosing import syringe_actions
from bothwell.models import (
    Administration,
    AuditEntry,
    CloseTo,
    Discrepancy,
    DiscrepancyResolved,
    Inventory,
    Order,
    Person,
    User,
    Vial,
    VialEvent,
    VialUse,
)
from bothwell.privacy import door
from bothwell.refusal import Refused
from bothwell.web import syringes
from tests.cast import Cast, client_for, make_cast, person
from tests.conftest import loading
from tests.dosing.ready import Ready, make_ready, started_ago

pytestmark = pytest.mark.django_db
PASSWORD = "correct-horse-battery"
HASHED = make_password(PASSWORD)
TODAY = timezone.now().date()


@pytest.fixture(autouse=True)
def _no_tries_left_over() -> None:
    cache.clear()


@pytest.fixture
def ready() -> Ready:
    """Amara's dose runs since twenty minutes; everybody has a password."""
    found = make_ready(make_cast())
    started_ago(found, 20)
    with loading():
        User.objects.update(password=HASHED)
        for user in User.objects.all():
            EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        Administration.objects.create(
            clinic=found.cast.clinic, subject=found.cast.a, couple=found.cast.couple, author=found.cast.nurse,
            session=found.session, event="start", substance="Ketamine", dose_mg=34, route="iv", at=timezone.now(),
        )  # fmt: skip
    return found


def sign(who: Person, name: str = "witness", password: str = PASSWORD) -> dict[str, str]:
    return {f"{name}_email": f"{who.id}@example.org", f"{name}_password": password}


def post(client: Client, path: str, **said: Any) -> HttpResponse:
    return client.post(path, {"request_id": str(uuid4()), **said})  # type: ignore[return-value]


DELIVERY = {
    "count": 2, "substance": "Ketamine hydrochloride", "product": "Ketamine", "form": "solution for injection",
    "mg_per_ml": "50", "nominal_ml": "10.00", "lot": "L7", "expires_on": str(TODAY + timedelta(days=300)),
    "received_on": str(TODAY), "invoice": "INV-1", "supplier": "Supply House",
}  # fmt: skip


def received(cast: Cast, **other: Any) -> list[Vial]:
    """A delivery of two, as the nurse enters it."""
    answer = post(client_for(cast.nurse), "/vials/receive", **(DELIVERY | other))
    assert answer.status_code == 302, answer.content.decode()
    with door.opened(cast.nurse.id):
        return list(Vial.objects.order_by("code"))


def rows_of(vial: Vial, cast: Cast) -> list[VialEvent]:
    with door.opened(cast.nurse.id):
        return list(VialEvent.objects.filter(vial=vial).order_by("number"))


def drawn(ready: Ready) -> tuple[Vial, UUID]:
    """The ordered 34 mg drawn from the first vial, which that opens."""
    cast = ready.cast
    vial = received(cast)[0]
    answer = post(client_for(cast.nurse), f"/vials/session/{ready.session.id}", do="draw", vial=str(vial.id))
    assert answer.status_code == 302, answer.content.decode()
    with door.opened(cast.nurse.id):
        return vial, VialUse.objects.get(session=ready.session).syringe


# ── from the delivery to the last drop ────────────────────────────────────────────────────────────────────


def test_a_delivery_makes_a_ledger_of_its_own_for_each_vial(ready: Ready) -> None:
    one, two = received(ready.cast)
    assert (one.code, two.code) == ("V-0001", "V-0002")
    (receipt,) = rows_of(two, ready.cast)
    assert (receipt.kind, receipt.on_hand_ul, receipt.amount_ug) == ("receive", 10_000, 500_000)


def test_the_volume_to_draw_comes_from_the_order_and_the_label_with_its_working(ready: Ready) -> None:
    received(ready.cast)
    page = client_for(ready.cast.nurse).get(f"/vials/session/{ready.session.id}").content.decode()
    assert "34 mg ÷ 50 mg/mL = 0.68 mL" in page
    assert "sealed: drawing opens it" in page


def test_a_syringe_is_accounted_for_and_tied_to_the_charted_dose(ready: Ready) -> None:
    cast = ready.cast
    vial, syringe = drawn(ready)
    dose = _dose(ready)
    answer = post(
        client_for(cast.nurse), f"/vials/session/{ready.session.id}", do="settle", syringe=str(syringe),
        given_ml="0.66", wasted_ml="0.02", reason="Left in the line", administration=str(dose.id),
        **sign(cast.prescriber),
    )  # fmt: skip
    assert answer.status_code == 302, answer.content.decode()
    assert [(row.kind, row.volume_ul, row.on_hand_ul, row.held_ul) for row in rows_of(vial, cast)] == [
        ("receive", 10_000, 10_000, None),
        ("open", 0, 10_000, None),
        ("draw", 680, 9_320, 680),
        ("administer", 660, 9_320, 20),
        ("waste", 20, 9_320, 0),
    ]
    with door.opened(cast.nurse.id):
        assert VialUse.objects.get(event__kind="administer").administration_id == dose.id
        assert VialEvent.objects.get(kind="waste").witness_id == cast.prescriber.id


@pytest.mark.parametrize(
    ("given", "charted", "first", "never"),
    [
        ("0.68", 34, "Accounted for", "do not agree"),
        ("0.66", 33, "Accounted for", "do not agree"),
        ("0.66", 34, "The ledger and the chart do not agree", "Accounted for"),
    ],
)
def test_once_the_syringe_is_settled_the_page_says_so_first_and_drawing_is_folded(
    ready: Ready, given: str, charted: int, first: str, never: str
) -> None:
    client, where = client_for(ready.cast.nurse), f"/vials/session/{ready.session.id}"
    with loading():
        Administration.objects.filter(session=ready.session).update(dose_mg=charted)
    _, syringe = drawn(ready)
    before = client.get(where).content.decode()
    assert first not in before
    wasted = {"wasted_ml": "0.02", "reason": "Left over"} if given == "0.66" else {}
    said = {
        "given_ml": given,
        "administration": str(_dose(ready).id),
        **wasted,
        **sign(ready.cast.prescriber),
    }
    answer = post(client, where, do="settle", syringe=str(syringe), **said)
    assert answer.status_code == 302, answer.content.decode()
    page = client.get(where).content.decode()
    assert never not in page
    assert page.index(first) < page.index('<details><summary class="btn">Draw more</summary>')


def _dose(ready: Ready) -> Administration:
    with door.opened(ready.cast.nurse.id):
        return Administration.objects.get(session=ready.session)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"given_ml": "0.60"}, "0.68 mL are in this syringe; what is written here makes 0.60 mL"),
        ({"given_ml": "0.66", "wasted_ml": "0.02"}, "type your own address and password"),
        ({"given_ml": "0.68", "administration": ""}, "Chart the dose in the room first"),
        ({"given_ml": "0.675"}, "0.01 mL"),
        ({"given_ml": "0,60"}, "what is written here makes 0.60 mL"),
        ({"given_ml": "1,000"}, "0.01 mL"),
        ({"given_ml": "1,0.5"}, "Write a number"),
        ({"given_ml": "-0,68"}, "A volume is never below 0 mL"),
    ],
)
def test_what_does_not_add_up_is_said_and_nothing_is_kept(
    ready: Ready, said: dict[str, str], words: str
) -> None:
    vial, syringe = drawn(ready)
    sent = {"administration": str(_dose(ready).id), "reason": "typed words"} | said
    answer = post(
        client_for(ready.cast.nurse),
        f"/vials/session/{ready.session.id}",
        do="settle",
        syringe=str(syringe),
        **sent,
    )
    page = answer.content.decode()
    assert answer.status_code == 422
    assert words in page
    assert "typed words" in page
    assert len(rows_of(vial, ready.cast)) == 3


def test_a_decimal_comma_is_a_decimal_point(ready: Ready) -> None:
    one, _ = received(ready.cast, mg_per_ml="12,5", nominal_ml="0,62")
    assert (one.ug_per_ml, one.nominal_ul) == (12_500, 620)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"count": "-2"}, "at least one vial"),
        ({"mg_per_ml": "-50"}, "at least 0.1 mg/mL"),
        ({"nominal_ml": "-10"}, "never below 0 mL"),
        ({"mg_per_ml": "fifty"}, "Write a number"),
    ],
)
def test_a_number_that_cannot_be_is_answered_in_our_own_words(
    ready: Ready, said: dict[str, str], words: str
) -> None:
    answer = post(client_for(ready.cast.nurse), "/vials/receive", **(DELIVERY | said))
    assert (answer.status_code, words in answer.content.decode()) == (422, True)
    assert "Ensure this value" not in answer.content.decode()


def test_the_same_post_twice_changes_nothing_and_shows_the_same(ready: Ready) -> None:
    cast, vial = ready.cast, received(ready.cast)[0]
    client, where = client_for(cast.nurse), f"/vials/session/{ready.session.id}"
    draw = {"request_id": str(uuid4()), "do": "draw", "vial": str(vial.id)}
    first, again = client.post(where, draw), client.post(where, draw)
    assert (first.status_code, again.status_code) == (302, 302)
    with door.opened(cast.nurse.id):
        syringe = VialUse.objects.get(session=ready.session).syringe
    settle = {
        "request_id": str(uuid4()), "do": "settle", "syringe": str(syringe), "given_ml": "0.68",
        "administration": str(_dose(ready).id),
    }  # fmt: skip
    first, again = client.post(where, settle), client.post(where, settle)
    assert (first.status_code, again.status_code) == (302, 302)
    waste = {"request_id": str(uuid4()), "volume_ml": "1.00", "reason": "x", **sign(cast.prescriber)}
    for _ in range(2):
        assert client.post(f"/vials/{vial.id}/waste", waste).status_code == 302
    delivery = {"request_id": str(uuid4()), **DELIVERY}
    for _ in range(2):
        assert client.post("/vials/receive", delivery).status_code == 302
    assert [row.kind for row in rows_of(vial, cast)] == ["receive", "open", "draw", "administer", "waste"]
    with door.opened(cast.nurse.id):
        assert Vial.objects.count() == 4


def test_nothing_more_than_is_there_can_be_drawn(ready: Ready) -> None:
    vial = received(ready.cast)[0]
    answer = post(
        client_for(ready.cast.nurse), f"/vials/session/{ready.session.id}", do="draw", vial=str(vial.id),
        volume_ml="10.01",
    )  # fmt: skip
    assert answer.status_code == 422
    assert "Only 10.00 mL are in this vial" in answer.content.decode()
    assert [row.kind for row in rows_of(vial, ready.cast)] == ["receive"]


def test_what_is_not_accounted_for_stands_first_in_the_cupboard(ready: Ready) -> None:
    drawn(ready)
    page = client_for(ready.cast.nurse).get("/vials").content.decode()
    assert "Drawn up, not accounted for" in page
    assert "For Amara" in page


@pytest.mark.parametrize(("who", "is_led"), [("nurse", True), ("prescriber", True), ("lead", False)])
def test_a_name_leads_to_the_room_only_for_those_it_opens_to(ready: Ready, who: str, is_led: bool) -> None:
    vial, _ = drawn(ready)
    client, room = client_for(getattr(ready.cast, who)), f"/vials/session/{ready.session.id}"
    for page in ("/vials", f"/vials/{vial.id}"):
        shown = client.get(page).content.decode()
        assert "Amara" in shown
        assert (room in shown) is is_led, page
    assert client.get(room).status_code == (200 if is_led else 404)


# ── signing together ──────────────────────────────────────────────────────────────────────────────────────


def waste(ready: Ready, vial: Vial, **signed: str) -> HttpResponse:
    return post(
        client_for(ready.cast.nurse), f"/vials/{vial.id}/waste", volume_ml="1.00", reason="broken", **signed
    )


@pytest.mark.parametrize(
    ("who", "password", "words"),
    [
        ("nurse", PASSWORD, "must be somebody else"),
        ("prescriber", "wrong", "do not belong together"),
        ("lead", PASSWORD, "signed by a nurse, a prescriber"),
        ("coordinator", PASSWORD, "signed by a nurse, a prescriber"),
        ("a", PASSWORD, "Only a colleague of this clinic"),
        ("other_lead", PASSWORD, "Only a colleague of this clinic"),
    ],
)
def test_who_cannot_sign_beside_the_nurse(ready: Ready, who: str, password: str, words: str) -> None:
    vial = received(ready.cast)[0]
    answer = waste(ready, vial, **sign(getattr(ready.cast, who), password=password))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert words in page
    assert "broken" in page
    assert password not in page.replace(words, "") or password == "wrong"
    assert len(rows_of(vial, ready.cast)) == 1


def test_a_colleague_signs_and_the_nurse_stays_the_one_who_is_logged_in(ready: Ready) -> None:
    vial = received(ready.cast)[0]
    client = client_for(ready.cast.nurse)
    before = dict(client.session)
    answer = post(
        client, f"/vials/{vial.id}/waste", volume_ml="1.00", reason="broken", **sign(ready.cast.prescriber)
    )
    assert answer.status_code == 302
    assert client.session["_auth_user_id"] == before["_auth_user_id"]
    assert PASSWORD not in str(dict(client.session))
    assert rows_of(vial, ready.cast)[-1].witness_id == ready.cast.prescriber.id


def test_wrong_tries_lock_out_as_at_the_login(ready: Ready) -> None:
    vial = received(ready.cast)[0]
    for _ in range(5):
        waste(ready, vial, **sign(ready.cast.prescriber, password="guess"))
    page = waste(ready, vial, **sign(ready.cast.prescriber)).content.decode()
    assert "Too many tries" in page
    assert len(rows_of(vial, ready.cast)) == 1


def test_a_colleague_whose_login_was_closed_signs_nothing(ready: Ready) -> None:
    vial = received(ready.cast)[0]
    with loading():
        User.objects.filter(person=ready.cast.prescriber).update(is_active=False)
    assert waste(ready, vial, **sign(ready.cast.prescriber)).status_code == 422
    assert len(rows_of(vial, ready.cast)) == 1


def test_destruction_takes_two_witnesses_and_keeps_what_form_41_asks(ready: Ready) -> None:
    vial, cast = received(ready.cast)[0], ready.cast
    with loading():
        second = person(cast.clinic, "Nils", "staff", "nurse")
        User.objects.filter(person=second).update(password=HASHED)
    client, where = client_for(cast.nurse), f"/vials/{vial.id}/destroy"
    said = {"volume_ml": "10.00", "reason": "Chemical digestion", "counterparty": "Clinic pharmacy room"}
    assert post(client, where, **said, **sign(cast.prescriber)).status_code == 422
    both = sign(cast.prescriber) | sign(second, "second")
    assert post(client, where, **said, **both).status_code == 302
    row = rows_of(vial, cast)[-1]
    assert (row.witness_id, row.second_witness_id, row.on_hand_ul) == (cast.prescriber.id, second.id, 0)


def test_a_wrong_line_is_taken_back_by_another_that_somebody_approves(ready: Ready) -> None:
    vial, cast = received(ready.cast)[0], ready.cast
    assert waste(ready, vial, **sign(cast.prescriber)).status_code == 302
    line = rows_of(vial, cast)[-1]
    where = f"/vials/{vial.id}/lines/{line.id}"
    client = client_for(cast.nurse)
    assert post(client, where, reason="Wrong vial", **sign(cast.lead)).status_code == 302
    last = rows_of(vial, cast)[-1]
    assert (last.kind, last.corrects_id, last.on_hand_ul) == ("correct", line.id, 10_000)
    again = post(client, where, reason="Wrong vial", **sign(cast.lead))
    assert again.status_code == 422
    assert "taken back already" in again.content.decode()
    assert "taken back" in client.get(f"/vials/{vial.id}").content.decode()


# ── counting ──────────────────────────────────────────────────────────────────────────────────────────────


def count_short(ready: Ready) -> tuple[Vial, Discrepancy]:
    vial = received(ready.cast)[0]
    answer = post(
        client_for(ready.cast.nurse),
        f"/vials/{vial.id}/count",
        observed_ml="9.90",
        **sign(ready.cast.prescriber),
    )
    assert answer.status_code == 302
    with door.opened(ready.cast.nurse.id):
        return vial, Discrepancy.objects.get(vial=vial)


def test_a_count_that_differs_opens_a_discrepancy_with_its_clock(ready: Ready) -> None:
    vial, found = count_short(ready)
    page = client_for(ready.cast.nurse).get("/vials").content.decode()
    assert page.index(f"{vial.code} does not agree: −0.10 mL (5.00 mg)") < page.index(
        "mg on hand by the ledger"
    )
    one = client_for(ready.cast.lead).get(f"/vials/discrepancies/{found.id}").content.decode()
    assert "within one business day" in one
    assert "Form 106" in one
    assert "to be confirmed here" in one


def test_the_page_of_a_count_does_not_tell_what_to_find(ready: Ready) -> None:
    vial = received(ready.cast)[0]
    assert (
        "10.00 mL</b> are in this vial"
        not in client_for(ready.cast.nurse).get(f"/vials/{vial.id}/count").content.decode()
    )
    assert (
        "10.00 mL</b> are in this vial"
        in client_for(ready.cast.nurse).get(f"/vials/{vial.id}/waste").content.decode()
    )


def test_a_discrepancy_is_ended_by_somebody_who_did_not_count_and_stays_on_record(ready: Ready) -> None:
    vial, found = count_short(ready)
    cast, where = ready.cast, f"/vials/discrepancies/{found.id}"
    ended = {"how": "adjusted", "words": "The label says 10 mL; the vial came with 9.9."}
    assert post(client_for(cast.nurse), where, **ended).status_code == 422
    early = post(client_for(cast.lead), where, **ended)
    assert "not adjusted or corrected" in early.content.decode()
    adjusted = post(
        client_for(cast.nurse), f"/vials/{vial.id}/adjust", direction="less", volume_ml="0.10", reason="Short fill",
        **sign(cast.lead),
    )  # fmt: skip
    assert adjusted.status_code == 302
    for _ in range(2):
        assert post(client_for(cast.lead), where, **ended).status_code == 302
    with door.opened(cast.lead.id):
        assert DiscrepancyResolved.objects.get().discrepancy_id == found.id
    assert rows_of(vial, cast)[-1].on_hand_ul == 9_900


def test_an_inventory_counts_every_vial_by_two(ready: Ready) -> None:
    cast = ready.cast
    one, two = received(cast)
    client = client_for(cast.nurse)
    half = {"business": "close", f"sealed {one.id}": "on"}
    assert post(client, "/vials/inventory", **half, **sign(cast.lead)).status_code == 422
    whole = half | {f"seen {two.id}": "9.80"}
    assert post(client, "/vials/inventory", **whole).status_code == 422
    answer = post(client, "/vials/inventory", **whole, **sign(cast.lead))
    assert answer.status_code == 302
    page = client.get(answer.headers["Location"]).content.decode()
    assert "close of business" in page
    with door.opened(cast.nurse.id):
        assert Inventory.objects.get().counts.count() == 2
        assert Discrepancy.objects.get().vial_id == two.id


# ── who sees whom ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_nurse_who_does_not_care_for_a_person_sees_the_drop_and_not_the_name(ready: Ready) -> None:
    vial, _ = drawn(ready)
    with loading():
        other = person(ready.cast.clinic, "Nils", "staff", "nurse")
    pages = [client_for(other).get(where).content.decode() for where in ("/vials", f"/vials/{vial.id}")]
    assert "For a person not in your care" in pages[1]
    assert not any("Amara" in page for page in pages)
    assert client_for(other).get(f"/vials/session/{ready.session.id}").status_code == 404
    assert "Amara" in client_for(ready.cast.nurse).get(f"/vials/{vial.id}").content.decode()


@pytest.mark.parametrize("who", ["a", "b", "coordinator", "couples_therapist", "safety", "therapist_a"])
def test_everybody_else_finds_nothing(ready: Ready, who: str) -> None:
    vial, _ = drawn(ready)
    client = client_for(getattr(ready.cast, who))
    for where in (
        "/vials",
        f"/vials/{vial.id}",
        "/vials/export",
        "/vials/inventory",
        f"/vials/session/{ready.session.id}",
    ):
        assert client.get(where).status_code == 404, where
    with door.opened(getattr(ready.cast, who).id):
        assert not Vial.objects.exists()
        assert not VialEvent.objects.exists()
        assert not VialUse.objects.exists()


def test_researchers_see_no_vial(ready: Ready) -> None:
    received(ready.cast)
    with loading():
        researcher = person(ready.cast.clinic, "Rhea", "staff", "researcher")
    assert client_for(researcher).get("/vials").status_code == 404
    with door.opened(researcher.id):
        assert not Vial.objects.exists()


# ── for an inspector ──────────────────────────────────────────────────────────────────────────────────────


def exported(who: Person) -> list[dict[str, str]]:
    answer = client_for(who).get(
        "/vials/export.csv", {"first": str(TODAY), "last": str(TODAY + timedelta(days=1))}
    )
    assert answer.status_code == 200
    assert "attachment" in answer.headers["Content-Disposition"]
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def test_the_export_has_what_the_duty_names_and_says_what_is_missing(ready: Ready) -> None:
    cast = ready.cast
    _, syringe = drawn(ready)
    post(
        client_for(cast.nurse), f"/vials/session/{ready.session.id}", do="settle", syringe=str(syringe),
        given_ml="0.68", administration=str(_dose(ready).id),
    )  # fmt: skip
    given = next(row for row in exported(cast.lead) if row["Entry"] == "given")
    assert given["Patient"] == "Amara Full"
    assert given["Patient's address"] == "not kept in Bothwell"
    assert (given["Volume mL"], given["Amount mg"], given["By"]) == ("0.68", "34.00", "Luis")
    page = client_for(cast.lead).get("/vials/export/print").content.decode()
    assert "The patient&#x27;s address: 1 line" in page
    assert "The supplier&#x27;s registration number: 2 vials" in page
    assert "Amara Full" in page


def test_the_export_stands_in_the_log_of_the_clinic_and_of_whoever_is_named(ready: Ready) -> None:
    drawn(ready)
    exported(ready.cast.lead)
    with door.opened(ready.cast.a.id):
        mine = AuditEntry.objects.filter(subject=ready.cast.a, actor=ready.cast.lead, item_kind="vials.use")
        assert mine.count() == 1
    with door.opened(ready.cast.lead.id):
        assert AuditEntry.objects.filter(action="exported the vials’ ledger").count() == 1


def test_only_the_lead_exports(ready: Ready) -> None:
    for who in (ready.cast.nurse, ready.cast.prescriber):
        for where in ("/vials/export", "/vials/export.csv", "/vials/export/print"):
            assert client_for(who).get(where).status_code == 404


def test_a_lead_who_lives_with_a_patient_exports_the_line_and_not_the_name(ready: Ready) -> None:
    drawn(ready)
    cast = ready.cast
    with loading():
        spouse = person(cast.clinic, "Lena", "staff", "lead")
        old = pair_parted(cast, spouse)
    found = [row for row in exported(spouse) if row["Entry"] == "drawn up"]
    assert old
    assert [row["Patient"] for row in found] == ["not shown to whoever exported"]
    named = [row["Patient"] for row in exported(cast.lead) if row["Entry"] == "drawn up"]
    assert named == ["Amara Full"]


def pair_parted(cast: Cast, spouse: Person) -> Any:
    """They were a couple once."""
    from bothwell.models import Couple, Membership

    then = timezone.now() - timedelta(days=9)
    couple = Couple.objects.create(clinic=cast.clinic, parted_at=then)
    for side, who in (("a", cast.a), ("b", spouse)):
        Membership.objects.create(clinic=cast.clinic, couple=couple, person=who, side=side, until=then)
    return couple


def test_dates_that_make_no_sense_are_said(ready: Ready) -> None:
    client = client_for(ready.cast.lead)
    for said in ({"first": "x", "last": "y"}, {"first": "2026-02-01", "last": "2026-01-01"}):
        for where in ("/vials/export", "/vials/export.csv", "/vials/export/print"):
            assert client.get(where, said).status_code == 422


# ── how much it asks of the database ──────────────────────────────────────────────────────────────────────


def test_the_number_of_statements_does_not_grow_with_the_cupboard(ready: Ready) -> None:
    cast = ready.cast
    client = client_for(cast.nurse)
    vial, _ = drawn(ready)
    pages = ("/vials", f"/vials/{vial.id}", "/vials/inventory", f"/vials/session/{ready.session.id}")
    client.get("/vials")
    few = [_statements(client, page) for page in pages]
    received(cast, count=9)
    for _ in range(4):
        post(client, f"/vials/session/{ready.session.id}", do="draw", vial=str(vial.id), volume_ml="0.10")
    assert [_statements(client, page) for page in pages] == few


def _statements(client: Client, page: str) -> int:
    with CaptureQueriesContext(connection) as asked:
        assert client.get(page).status_code == 200
    return len(asked)


def test_strangers_prescriber_writes_in_the_ledger_but_draws_for_no_stranger(ready: Ready) -> None:
    cast, vial = ready.cast, received(ready.cast)[0]
    client = client_for(cast.stranger_prescriber)
    assert post(client, f"/vials/{vial.id}/open").status_code == 302
    answer = post(client, f"/vials/session/{ready.session.id}", do="draw", vial=str(vial.id))
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("charted_ug", "is_alike"), [(42_400, True), (42_500, True), (42_000, False), (43_000, False)]
)
def test_a_dose_drawn_to_the_hundredth_of_a_millilitre_agrees_with_the_dose_ordered(
    charted_ug: int, is_alike: bool
) -> None:
    # 42.4 mg at 50 mg/mL is 0.848 mL: drawn as 0.85 mL, which holds 42.5 mg; one hundredth holds 0.5 mg
    sums = syringes.Sums(42_500, 42_500, 0, 0, 0, charted_ug, 500, charted_ug)
    assert sums.agrees is is_alike


# ── a dose that is charted and was never drawn by the ledger ──────────────────────────────────────────────


def late(ready: Ready, drawn_from: Vial, **other: Any) -> dict[str, Any]:
    """A draw written afterwards, as the form sends it: a minute before the charted dose, signed by the prescriber."""
    at = _dose(ready).at - timedelta(minutes=1)
    said = {"do": "late", "vial": str(drawn_from.id), "volume_ml": "", "at": ready.clock(at, "%Y-%m-%dT%H:%M"),
            "reason": "The cupboard was read out loud", **sign(ready.cast.prescriber)}  # fmt: skip
    return said | other


def charted_since_the_vials_came(ready: Ready) -> list[Vial]:
    """Two vials came three days before the session; its dose is charted as it began."""
    vials = received(ready.cast, received_on=str(TODAY - timedelta(days=3)))
    at = _dose(ready).at
    with loading():
        ready.session.__class__.objects.filter(id=ready.session.id).update(
            started_at=at, arrived_at=at - timedelta(minutes=30)
        )
    return vials


def page_of(who: Person, path: str) -> str:
    return client_for(who).get(path).content.decode()


def test_a_charted_dose_without_a_draw_is_said_to_those_who_care_and_counted_for_those_who_keep(
    ready: Ready,
) -> None:
    cast = ready.cast
    charted_since_the_vials_came(ready)
    for who in (cast.nurse, cast.prescriber):
        page = page_of(who, "/vials")
        assert "Luis charted 34 mg at" in page
        assert "no draw is recorded." in page
        assert "For Amara" in page
        assert "not in your care" not in page
    for who in (cast.lead, cast.stranger_prescriber):
        page = page_of(who, "/vials")
        assert "Amara" not in page
        assert "1 dose of people not in your care has no draw recorded" in page
        assert "every syringe is accounted for" not in page


def test_a_draw_is_written_afterwards_with_its_true_time_and_a_second_signature_and_the_ledger_is_content(
    ready: Ready,
) -> None:
    cast = ready.cast
    vial = charted_since_the_vials_came(ready)[0]
    path = f"/vials/session/{ready.session.id}"
    with loading():
        ready.session.__class__.objects.filter(id=ready.session.id).update(
            ended_at=timezone.now(), outcome="discharged"
        )
    assert "no draw is recorded" in page_of(cast.nurse, path)
    sent = {"request_id": str(uuid4()), **late(ready, vial)}
    client = client_for(cast.nurse)
    for _ in range(2):
        answer = client.post(path, sent)
        assert answer.status_code == 302, answer.content.decode()
    _, opened, row = rows_of(vial, cast)
    assert (row.kind, row.volume_ul, row.held_ul, row.witness_id) == ("draw", 680, 680, cast.prescriber.id)
    assert opened.at == row.at < _dose(ready).at < row.recorded_at
    assert row.reason == "The cupboard was read out loud"
    settled = post(
        client,
        path,
        do="settle",
        syringe=str(row.syringe),
        given_ml="0.68",
        administration=str(_dose(ready).id),
    )
    assert settled.status_code == 302, settled.content.decode()
    assert rows_of(vial, cast)[-1].at == _dose(ready).at, "given when it is charted"
    assert "every syringe is accounted for" in page_of(cast.nurse, "/vials")
    assert "Accounted for" in page_of(cast.nurse, path)
    assert re.search(
        r"Written \d+ \w+ \d{4} [\d:]+\. The cupboard was read out loud",
        page_of(cast.nurse, f"/vials/{vial.id}"),
    )
    again = post(client, path, **late(ready, vial))
    assert again.status_code == 422


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"reason": ""}, "required"),
        ({"witness_email": "", "witness_password": ""}, "type your own address and password"),
        ({"at": ""}, "Write the day and the time."),
        ({"at": "2999-01-01T10:00"}, "That time has not come yet."),
        ({"at": "2020-01-01T10:00"}, "nothing was drawn up for this session before"),
        ({"volume_ml": "10.50"}, "Only 10.00 mL are in this vial"),
        ({"volume_ml": "0.681"}, "0.01 mL"),
        ({"vial": "x"}, "Choose one of those that stand here"),
    ],
)
def test_what_cannot_have_been_drawn_then_is_refused_and_what_was_typed_stays(
    ready: Ready, other: dict[str, str], words: str
) -> None:
    vial = charted_since_the_vials_came(ready)[0]
    sent = late(ready, vial, **other)
    answer = post(client_for(ready.cast.nurse), f"/vials/session/{ready.session.id}", **sent)
    page = answer.content.decode()
    assert (answer.status_code, words in page) == (422, True), page
    assert not sent["reason"] or f'value="{sent["reason"]}"' in page
    assert len(rows_of(vial, ready.cast)) == 1, "not even opened"


def test_whoever_signs_a_late_draw_is_a_second_nurse_or_prescriber(ready: Ready) -> None:
    vial = charted_since_the_vials_came(ready)[0]
    path = f"/vials/session/{ready.session.id}"
    for who, words in (
        (ready.cast.lead, "signed by a nurse, a prescriber"),
        (ready.cast.nurse, "somebody else"),
    ):
        answer = post(client_for(ready.cast.nurse), path, **late(ready, vial, **sign(who)))
        assert (answer.status_code, words in answer.content.decode()) == (422, True)
    assert len(rows_of(vial, ready.cast)) == 1


def settle(ready: Ready, vial: Vial, given: str, wasted: str = "", **other: Any) -> HttpResponse:
    """The syringe drawn last from this vial, accounted for against the charted dose."""
    syringe = rows_of(vial, ready.cast)[-1].syringe
    lost = {"wasted_ml": wasted, "reason": "Left over", **sign(ready.cast.prescriber)} if wasted else {}
    dose = other.pop("administration", None) or str(_dose(ready).id)
    said = {"given_ml": given, "administration": dose, **lost} | other
    return post(
        client_for(ready.cast.nurse), f"/vials/session/{ready.session.id}", do="settle", syringe=str(syringe), **said
    )  # fmt: skip


def test_what_is_drawn_after_a_dose_is_charted_waits_for_the_draw_that_was_not_written(ready: Ready) -> None:
    vial = charted_since_the_vials_came(ready)[0]
    path, client = f"/vials/session/{ready.session.id}", client_for(ready.cast.nurse)
    assert "Draw from a vial" not in page_of(ready.cast.nurse, path)
    answer = post(client, path, do="draw", vial=str(vial.id))
    assert answer.status_code == 422
    assert "Write that draw down first" in answer.content.decode()
    assert len(rows_of(vial, ready.cast)) == 1, "not even opened"
    assert post(client, path, **late(ready, vial)).status_code == 302
    assert post(client, path, do="draw", vial=str(vial.id), volume_ml="0.10").status_code == 302


def test_another_medicine_charted_at_the_very_time_of_the_start_is_not_the_dose(ready: Ready) -> None:
    charted_since_the_vials_came(ready)
    dose = _dose(ready)
    beside(dose, ready, "Ondansetron", 4)
    with loading():
        Administration.objects.filter(substance="Ondansetron").update(
            at=dose.at, recorded_at=dose.recorded_at - timedelta(seconds=1)
        )
    page = page_of(ready.cast.nurse, f"/vials/session/{ready.session.id}")
    assert "Luis charted 34 mg at" in page


def test_no_more_is_given_than_is_charted_and_the_rest_takes_a_witness(ready: Ready) -> None:
    vial = charted_since_the_vials_came(ready)[0]
    path = f"/vials/session/{ready.session.id}"
    sent = late(ready, vial, volume_ml="10.00")
    assert post(client_for(ready.cast.nurse), path, **sent).status_code == 302
    answer = settle(ready, vial, "10.00")
    assert answer.status_code == 422
    said = "34.00 mg are charted in this session; with this, 500.00 mg would be given"
    assert said in answer.content.decode()
    assert "not accounted for" in page_of(ready.cast.lead, "/vials")
    assert settle(ready, vial, "0.70", "9.30").status_code == 422
    assert settle(ready, vial, "0.68", "9.32").status_code == 302
    assert "every syringe is accounted for" in page_of(ready.cast.nurse, "/vials")


def test_what_is_given_is_summed_over_every_syringe_of_the_session(ready: Ready) -> None:
    one, two = charted_since_the_vials_came(ready)
    path, client = f"/vials/session/{ready.session.id}", client_for(ready.cast.nurse)
    assert post(client, path, **late(ready, one, volume_ml="0.30")).status_code == 302
    assert post(client, path, **late(ready, two, volume_ml="10.00")).status_code == 302
    assert settle(ready, one, "0.30").status_code == 302
    answer = settle(ready, two, "0.68", "9.32")
    assert answer.status_code == 422
    assert "49.00 mg would be given" in answer.content.decode()
    assert settle(ready, two, "0.38", "9.62").status_code == 302


def beside(dose: Administration, ready: Ready, substance: str, dose_mg: int) -> Administration:
    """Something given a second after the dose."""
    with loading():
        return Administration.objects.create(
            clinic=ready.cast.clinic, subject=ready.cast.a, couple=ready.cast.couple, author=ready.cast.nurse,
            session=ready.session, event="given", substance=substance, dose_mg=dose_mg, route="iv",
            at=dose.at + timedelta(seconds=1),
        )  # fmt: skip


def test_only_what_is_charted_of_the_same_substance_is_given_from_a_vial(ready: Ready) -> None:
    vial = charted_since_the_vials_came(ready)[0]
    dose, sent = _dose(ready), late(ready, vial, volume_ml="0.88")
    other = beside(dose, ready, "Ondansetron", 4)
    path = f"/vials/session/{ready.session.id}"
    assert post(client_for(ready.cast.nurse), path, **sent).status_code == 302
    syringe = rows_of(vial, ready.cast)[-1].syringe
    assert syringe
    said = {"administration": str(dose.id), **sign(ready.cast.prescriber)}
    with door.opened(ready.cast.nurse.id), pytest.raises(Refused, match="not what was drawn up"):
        syringe_actions.settle(
            by=ready.cast.nurse, session_id=ready.session.id, syringe=syringe, request_id=uuid4(), given_ul=880,
            administration=Administration.objects.get(id=other.id),
        )  # fmt: skip
    nurse, where = client_for(ready.cast.nurse), {"do": "settle", "syringe": str(syringe)}
    assert post(nurse, path, **where, given_ml="0.88", **said).status_code == 422
    more = beside(dose, ready, "ketamine", 10)
    assert more.dose_mg == 10
    assert post(nurse, path, **where, given_ml="0.88", **said).status_code == 302
    assert "do not agree" not in page_of(ready.cast.nurse, path)
    assert "every syringe is accounted for" in page_of(ready.cast.nurse, "/vials")


def test_a_session_in_which_ledger_and_chart_differ_stands_in_the_cupboard(ready: Ready) -> None:
    cast, vial = ready.cast, charted_since_the_vials_came(ready)[0]
    an_hour_ago(ready)
    path = f"/vials/session/{ready.session.id}"
    assert post(client_for(cast.nurse), path, **late(ready, vial)).status_code == 302
    assert settle(ready, vial, "0.40", "0.28").status_code == 302
    told = "20.00 mg are recorded as given; 34.00 mg are charted."
    mine, others = page_of(cast.nurse, "/vials"), page_of(cast.stranger_prescriber, "/vials")
    assert told in mine
    assert "For Amara" in mine
    assert "not in your care" not in mine
    assert "Amara" not in others
    assert "It is so in 1 session of people not in your care" in others
    for page in (mine, others):
        assert "every syringe is accounted for" not in page
    stopped_after(ready, timedelta(minutes=24))
    for who in (cast.nurse, cast.stranger_prescriber):
        assert "every syringe is accounted for" in page_of(who, "/vials"), (
            "an infusion stopped early gave less"
        )
    with loading():
        Administration.objects.filter(session=ready.session, event="start").update(dose_mg=10)
    assert "20.00 mg are recorded as given; 10.00 mg are charted." in page_of(cast.nurse, "/vials")
    assert "It is so in 1 session" in page_of(cast.stranger_prescriber, "/vials")


@pytest.mark.parametrize(("given", "wasted", "agrees"), [("0.28", "0.40", True), ("0.68", "", False)])
def test_what_was_given_of_an_infusion_stopped_early_is_held_to_what_ran_in(
    ready: Ready, given: str, wasted: str, agrees: bool
) -> None:
    nurse, path = ready.cast.nurse, f"/vials/session/{ready.session.id}"
    vial, dose = charted_since_the_vials_came(ready)[0], _dose(ready)
    assert post(client_for(nurse), path, **late(ready, vial)).status_code == 302
    stopped_after(ready, timedelta(minutes=16))
    reckoned = "About 14 mg of 34 mg given, by the rates charted."
    page = client_for(nurse).get(path)
    assert reckoned in page.content.decode()
    assert page.context["open"][0].form["given_ml"].value() == "", "nobody charted it: nobody is offered it"
    answer = settle(ready, vial, given, wasted, administration=str(dose.id))
    assert answer.status_code == 302, answer.content.decode()
    page_after, cupboard = page_of(nurse, path), page_of(nurse, "/vials")
    assert reckoned in page_after
    assert ("take back the line" not in page_after) is agrees
    assert ("do not agree" not in page_after) is agrees
    assert ("every syringe is accounted for" in cupboard) is agrees
    assert (reckoned in cupboard) is not agrees


def test_where_what_ran_in_cannot_be_reckoned_nothing_is_called_wrong_and_a_note_is_asked_for(
    ready: Ready,
) -> None:
    nurse, path = ready.cast.nurse, f"/vials/session/{ready.session.id}"
    vial, dose = charted_since_the_vials_came(ready)[0], _dose(ready)
    assert post(client_for(nurse), path, **late(ready, vial)).status_code == 302
    stopped_after(ready, timedelta(minutes=50))
    with loading():
        Administration.objects.create(
            clinic=ready.cast.clinic, subject=ready.cast.a, couple=ready.cast.couple, author=nurse, route="iv",
            session=ready.session, event="rate", substance="Ketamine", rate_ml_per_h=5, at=dose.at + timedelta(minutes=9),
        )  # fmt: skip
    assert settle(ready, vial, "0.40", "0.28", administration=str(dose.id)).status_code == 302
    page = page_of(nurse, path)
    assert "What ran in cannot be reckoned" in page
    assert "Write in a note what was given." in page
    assert "do not agree" not in page
    for who in (nurse, ready.cast.stranger_prescriber):
        assert "every syringe is accounted for" in page_of(who, "/vials")


def test_an_infusion_stopped_when_its_minutes_were_over_gave_all_of_it(ready: Ready) -> None:
    vial = charted_since_the_vials_came(ready)[0]
    an_hour_ago(ready)
    path = f"/vials/session/{ready.session.id}"
    assert post(client_for(ready.cast.nurse), path, **late(ready, vial)).status_code == 302
    assert settle(ready, vial, "0.40", "0.28").status_code == 302
    stopped_after(ready, timedelta(minutes=40))
    assert "34.00 mg are charted." in page_of(ready.cast.nurse, "/vials")
    assert "It is so in 1 session" in page_of(ready.cast.lead, "/vials")


def test_a_slow_bag_stopped_late_is_at_odds_with_nothing_that_can_be_reckoned(ready: Ready) -> None:
    """Begun at half the rate of the ordered bag and stopped after its minutes: how much ran in, nobody can say."""
    vial = charted_since_the_vials_came(ready)[0]
    an_hour_ago(ready)
    path = f"/vials/session/{ready.session.id}"
    assert post(client_for(ready.cast.nurse), path, **late(ready, vial)).status_code == 302
    assert settle(ready, vial, "0.40", "0.28").status_code == 302
    with loading():
        Order.objects.filter(id=ready.order.id).update(bag_ml=100)
        Administration.objects.filter(session=ready.session).update(rate_ml_per_h=75)
    stopped_after(ready, timedelta(minutes=50))
    for who in (ready.cast.nurse, ready.cast.stranger_prescriber):
        assert "every syringe is accounted for" in page_of(who, "/vials")


def test_the_number_for_the_clinic_counts_what_is_shown_to_whoever_cares(ready: Ready) -> None:
    """Two truths, the sum in the database and the fold in Python, over infusions of every kind."""
    cast, chance = ready.cast, random.Random(5)
    vial = charted_since_the_vials_came(ready)[0]
    an_hour_ago(ready)
    assert (
        post(client_for(cast.nurse), f"/vials/session/{ready.session.id}", **late(ready, vial)).status_code
        == 302
    )
    assert settle(ready, vial, "0.40", "0.28").status_code == 302
    start, seen = _dose(ready), []
    for _ in range(150):
        told = _an_infusion(chance)
        with loading():
            Administration.objects.filter(session=ready.session).exclude(id=start.id).update(route="po")
            Administration.objects.filter(id=start.id).update(
                rate_ml_per_h=told["rate"], dose_mg=told["dose_mg"]
            )
            Order.objects.filter(id=ready.order.id).update(bag_ml=told["bag_ml"], minutes=told["minutes"])
            for at, event, rate in told["events"]:
                about: dict[str, Any] = {
                    "clinic": cast.clinic, "subject": cast.a, "couple": cast.couple, "author": cast.nurse,
                    "session": ready.session, "substance": "Ketamine", "route": "iv", "at": start.at + timedelta(minutes=at),
                }  # fmt: skip
                row = Administration.objects.create(**about, event=event, rate_ml_per_h=rate)
                for right in told["corrected"] if event == "rate" else ():
                    Administration.objects.create(
                        **about, event="correct", rate_ml_per_h=right, corrects=row, note="A slip."
                    )
        with door.opened(cast.nurse.id):
            charted = syringe_actions.charted_in(ready.session.id)
            assert charted
            assert syringe_actions.at_odds_in_clinic() == charted.differs, told
        seen.append(charted.differs)
    assert 20 < sum(seen) < 130, "both must come often enough to tell anything"


def _an_infusion(chance: random.Random) -> dict[str, Any]:
    """An infusion as it may be charted: with a bag or none, at any rate, paused, run at other rates, stopped or not."""
    bag_ml, minutes = chance.choice((None, 50, 100)), chance.choice((30, 40, 60))
    ordered = bag_ml * 60 / minutes if bag_ml else 60
    times = sorted(chance.sample(range(1, 80), 3))
    kinds = chance.choice(
        ([], ["stop"], ["stop"], ["rate", "stop"], ["pause", "resume", "stop"], ["pause", "rate", "stop"], ["pause", "stop"])
    )  # fmt: skip
    return {
        "bag_ml": bag_ml,
        "minutes": minutes,
        "dose_mg": chance.choice((20, 22, 34)),
        "rate": chance.choice((None, ordered, ordered, ordered, ordered / 2, ordered * 1.01)),
        "events": [
            (at, event, ordered * chance.choice((0.5, 1, 2)) if event == "rate" else None)
            for at, event in zip(times, kinds, strict=False)
        ],
        "corrected": [ordered * chance.choice((0.5, 1, 2)) for _ in range(chance.choice((0, 0, 1, 2)))],
    }


def an_hour_ago(ready: Ready) -> None:
    """The dose was charted an hour before: its forty minutes are over."""
    at = _dose(ready).at - timedelta(hours=1)
    with loading():
        Administration.objects.filter(session=ready.session).update(at=at)
        ready.session.__class__.objects.filter(id=ready.session.id).update(
            started_at=at, arrived_at=at - timedelta(minutes=30)
        )


def stopped_after(ready: Ready, ran: timedelta) -> None:
    """The stop of the infusion is charted so long after its start; its minutes are the order's forty."""
    start = _dose(ready)
    with loading():
        Administration.objects.create(
            clinic=ready.cast.clinic, subject=ready.cast.a, couple=ready.cast.couple, author=ready.cast.nurse,
            session=ready.session, event="stop", substance="Ketamine", route="iv", at=start.at + ran,
        )  # fmt: skip


@pytest.mark.parametrize("is_given_wrong", [False, True])
def test_no_number_tells_a_colleague_of_somebody_they_are_close_to(
    ready: Ready, is_given_wrong: bool
) -> None:
    cast, vial = ready.cast, charted_since_the_vials_came(ready)[0]
    with loading():
        close = person(cast.clinic, "Nina", "staff", "nurse")
        CloseTo.objects.create(
            clinic=cast.clinic,
            subject=cast.a,
            couple=cast.couple,
            author=cast.lead,
            staff=close,
            how="partner",
        )
    if is_given_wrong:
        path = f"/vials/session/{ready.session.id}"
        assert post(client_for(cast.nurse), path, **late(ready, vial)).status_code == 302
        assert settle(ready, vial, "0.40", "0.28").status_code == 302
    assert "of people not in your care" in page_of(cast.stranger_prescriber, "/vials")
    assert "of people not in your care" not in page_of(close, "/vials")


def test_who_signed_stands_by_the_name_they_had_then(ready: Ready) -> None:
    cast, vial = ready.cast, charted_since_the_vials_came(ready)[0]
    path = f"/vials/session/{ready.session.id}"
    with loading():
        Person.objects.filter(id=cast.prescriber.id).update(name_used="Helen Oak", title="MD")
    assert post(client_for(cast.nurse), path, **late(ready, vial)).status_code == 302
    destroyed = {"volume_ml": "1.00", "reason": "burnt", "counterparty": "Here", **sign(cast.prescriber)}
    both = {**destroyed, **sign(cast.lead, "second")}
    assert post(client_for(cast.nurse), f"/vials/{vial.id}/destroy", **both).status_code == 302
    counts = _counts(cast)
    taken = post(
        client_for(cast.nurse), "/vials/inventory", **counts, business="open", **sign(cast.prescriber)
    )
    with door.opened(cast.nurse.id):
        short = Discrepancy.objects.first()
    assert short
    ended = post(
        client_for(cast.prescriber), f"/vials/discrepancies/{short.id}", how="reported", words="It is gone."
    )
    assert ended.status_code == 302, ended.content.decode()
    with loading():
        for who in (cast.prescriber, cast.nurse, cast.lead):
            Person.objects.filter(id=who.id).update(name_used="Somebody Else", title="")
    pages = [
        f"/vials/{vial.id}", path, "/vials/inventory", taken.headers["Location"], f"/vials/discrepancies/{short.id}",
    ]  # fmt: skip
    for page in pages:
        shown = page_of(cast.nurse, page)
        assert "Luis" in shown or "Helen Oak, MD" in shown, page
    assert page_of(cast.nurse, f"/vials/{vial.id}").count("Helen Oak, MD") == 3
    paper = page_of(cast.lead, "/vials/export/print")
    assert "Luis and Helen Oak, MD" in paper
    assert "It is gone." in paper
    answer = client_for(cast.lead).get(
        "/vials/export.csv", {"first": str(TODAY - timedelta(days=9)), "last": str(TODAY + timedelta(days=1))}
    )
    assert "Somebody Else" not in answer.content.decode()
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    signed = {row["Entry"]: (row["By"], row["Witness"], row["Second witness"]) for row in rows}
    assert signed["drawn up"] == ("Luis", "Helen Oak, MD", "")
    assert signed["destroyed"] == ("Luis", "Helen Oak, MD", "Lea")


def test_lines_from_before_names_were_kept_show_the_present_one(ready: Ready) -> None:
    old = VialEvent(author=ready.cast.nurse, witness=ready.cast.prescriber)
    assert (old.signed_by, old.witnessed_by, old.second_witnessed_by) == ("Luis", "Helen", "")
    kept = VialEvent(author=ready.cast.nurse, author_signed="L. Marsh, RN")
    assert kept.signed_by == "L. Marsh, RN"


# ── whose law ─────────────────────────────────────────────────────────────────────────────────────────────

US_LAW = r"DEA\b|CFR|Form 41|Form 106|\bNDC\b|Schedule|United States|registrant|non-retrievable|24 months|two years"


@pytest.mark.parametrize(("country", "is_there"), [("GB", False), ("DE", False), ("US", True)])
def test_a_clinic_is_told_the_law_of_its_own_country_or_that_none_is_on_file(
    ready: Ready, country: str, is_there: bool
) -> None:
    cast = ready.cast
    with loading():
        cast.clinic.__class__.objects.filter(id=cast.clinic.id).update(country=country)
    vial, _ = drawn(ready)
    counted = post(
        client_for(cast.nurse), f"/vials/{vial.id}/count", observed_ml="1.00", **sign(cast.prescriber)
    )
    taken = post(
        client_for(cast.nurse), "/vials/inventory", **_counts(cast), business="open", **sign(cast.prescriber)
    )
    paths = [
        "/vials", "/vials/receive", f"/vials/{vial.id}", f"/vials/{vial.id}/destroy", f"/vials/{vial.id}/waste",
        f"/vials/{vial.id}/transfer", "/vials/inventory", "/vials/export", "/vials/export/print", "/vials/export.csv",
        f"/vials/session/{ready.session.id}", counted["Location"], taken["Location"],
    ]  # fmt: skip
    pages = {path: client_for(cast.lead if "export" in path else cast.nurse).get(path) for path in paths}
    assert {answer.status_code for answer in pages.values()} == {200}
    found = {
        path
        for path, answer in pages.items()
        if re.search(US_LAW, answer.content.decode().replace("Schedule,", ""))
    }
    assert bool(found) is is_there, found
    if not is_there:
        assert "Nothing about the law of your country is on file here" in pages["/vials"].content.decode()
    with loading():
        assert Vial.objects.get(id=vial.id).schedule == ("III" if is_there else "")


def _counts(cast: Cast) -> dict[str, str]:
    with door.opened(cast.nurse.id):
        return {f"seen {vial.id}": "1.00" for vial in Vial.objects.all()}
