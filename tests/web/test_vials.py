"""The clinic's vials on the screen: drawing up, signing together, counting, and what an inspector is given."""

import csv
import io
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

from bothwell.models import (
    Administration,
    AuditEntry,
    Discrepancy,
    DiscrepancyResolved,
    Inventory,
    Person,
    User,
    Vial,
    VialEvent,
    VialUse,
)
from bothwell.privacy import door
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
    sums = syringes.Sums(42_500, 42_500, 0, 0, 0, charted_ug, 500)
    assert sums.agrees is is_alike
