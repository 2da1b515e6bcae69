"""The lead publishes what people sign: every text asked for, version by version, and nobody's signature changes."""

import re
from typing import Any

import pytest
from django.utils import timezone

from bothwell.models import AuditEntry, Clinic, Consent, ConsentText, Course, ProtocolVersion
from bothwell.pathway import protocol as protocols
from bothwell.privacy import door, models, signing_actions, to_sign
from bothwell.refusal import Refused
from tests.cast import Cast, client_for, make_cast
from tests.conftest import loading

pytestmark = pytest.mark.django_db
IV = "/clinic/texts/treatment/iv"
FIRST = {"after": "0", "title": "Ketamine infusion", "body": "What it is.\r\n\r\nWhat may happen."}
PUBLISH = {**FIRST, "do": "publish", "confirmed": "on"}


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def text(answer: Any) -> str:
    return str(answer.content.decode())


def versions(cast: Cast, kind: str = "treatment", code: str = "iv") -> list[tuple[int, str]]:
    with loading():
        rows = ConsentText.objects.filter(clinic=cast.clinic, kind=kind, code=code).order_by("version")
        return list(rows.values_list("version", "body"))


def published(cast: Cast, kind: str, code: str, version: int = 1, body: str = "") -> ConsentText:
    with door.opened(cast.lead.id):
        return signing_actions.publish_text(
            by=cast.lead, kind=ConsentText.Kind(kind), code=code, version=version,
            title=f"{kind} {code}", body=body or f"Words {version}",
        )  # fmt: skip


def with_protocol(cast: Cast, *routes: str) -> ProtocolVersion:
    """The protocol that ships, signed, with these of its routes; all when none is named."""
    parts = re.split(r"^(?=\[)", protocols.shipped()[0].read_text("utf-8"), flags=re.MULTILINE)
    of = [re.match(r"\[+routes\.(\w+)", part) for part in parts]
    kept = [
        part
        for part, found in zip(parts, of, strict=True)
        if not (routes and found and found[1] not in routes)
    ]
    source = "".join(kept)
    with loading():
        return ProtocolVersion.objects.create(
            clinic=cast.clinic, name="p", version="1", sha256=str(len(source)), source=source,
            signed_by=cast.lead, signed_at=timezone.now(), signed_name="L",
        )  # fmt: skip


def test_the_list_names_every_text_and_what_keeps_people_from_a_dose(cast: Cast) -> None:
    page = text(client_for(cast.lead).get("/clinic/texts"))
    for each in to_sign.all_texts():
        assert f"/clinic/texts/{each.kind}/{each.code}" in page
    assert page.count("Needed for a route in use") == 4
    assert "in one way at least" in page


def test_a_text_is_read_as_people_will_before_it_is_published_and_then_can_be_signed(cast: Cast) -> None:
    client = client_for(cast.lead)
    assert "No text yet" in text(client.get(IV))
    seen = client.post(IV, {**FIRST, "do": "look"})
    assert seen.status_code == 200
    assert "<p>What it is.</p>" in text(seen) and "off label" in text(seen)
    assert versions(cast) == []
    unread = client.post(IV, {**PUBLISH, "confirmed": ""})
    assert unread.status_code == 422
    assert "Tick this when you have read it" in text(unread) and "<p>What it is.</p>" in text(unread)
    assert versions(cast) == []
    assert client.post(IV, PUBLISH)["Location"] == "/clinic/texts"
    assert versions(cast) == [(1, "What it is.\n\nWhat may happen.")]
    page = text(client.get(IV))
    assert "by Lea" in page and "Nobody has signed it yet" in page
    with loading():
        row = ConsentText.objects.get(clinic=cast.clinic)
        entry = AuditEntry.objects.get(clinic=cast.clinic, action="published a text")
    assert entry.item_id == row.id
    assert "What it is." in text(client_for(cast.a).get(f"/consents/texts/{row.id}"))


def test_two_presses_and_two_tabs_are_one_version(cast: Cast) -> None:
    client = client_for(cast.lead)
    for _ in range(3):
        assert client.post(IV, PUBLISH)["Location"] == "/clinic/texts"
    assert len(versions(cast)) == 1
    with loading():
        assert AuditEntry.objects.filter(clinic=cast.clinic, action="published a text").count() == 1


@pytest.mark.parametrize("do", ["look", "publish"])
def test_what_somebody_else_published_meanwhile_is_told_and_the_words_typed_stay(cast: Cast, do: str) -> None:
    published(cast, "treatment", "iv", 1, "Somebody's words.")
    client = client_for(cast.lead)
    answer = client.post(IV, {**PUBLISH, "do": do})
    page = text(answer)
    assert answer.status_code == 422
    assert "Somebody has published a version since you began" in page
    assert "What may happen." in page and "Somebody&#x27;s words." in page
    assert versions(cast) == [(1, "Somebody's words.")]
    after = re.search(r'name="after" value="(\d+)"', page)
    assert after
    assert client.post(IV, {**PUBLISH, "after": after[1]}).status_code == 302
    assert [number for number, _ in versions(cast)] == [1, 2]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"title": " "}, "Give it a title"),
        ({"body": "\n \n"}, "Write what people read"),
        ({"body": "x" * 40_001}, "Shorten it"),
        ({"after": ""}, "open the page again"),
        ({"after": "-1"}, "open the page again"),
        ({"after": "7"}, "not there"),
        ({"title": "x" * 201}, "200"),
        ({"body": "a\0b"}, "A sign stands here that cannot be kept"),
    ],
)
def test_what_cannot_be_published_is_told_and_kept_on_the_page(
    cast: Cast, changes: dict[str, str], said: str
) -> None:
    answer = client_for(cast.lead).post(IV, {**PUBLISH, **changes})
    assert answer.status_code == 422
    assert said in text(answer)
    assert versions(cast) == []


def test_the_same_words_are_no_new_version(cast: Cast) -> None:
    client = client_for(cast.lead)
    client.post(IV, PUBLISH)
    for do in ("look", "publish"):
        again = client.post(IV, {**PUBLISH, "after": "1", "do": do})
        assert (again.status_code, "nothing to publish" in text(again)) == (422, True)
    assert len(versions(cast)) == 1


def test_going_on_writing_keeps_the_words(cast: Cast) -> None:
    page = text(client_for(cast.lead).post(IV, {**FIRST, "do": "write"}))
    assert re.search(r"<textarea[^>]*>\s*What it is\.", page)
    assert versions(cast) == []


def test_an_example_is_put_into_the_form_and_nowhere_else(cast: Cast) -> None:
    client = client_for(cast.lead)
    for each in to_sign.all_texts():
        page = text(client.get(f"/clinic/texts/{each.kind}/{each.code}?begin=example"))
        assert each.example.split("\n")[0][:30] in page and "no legal advice" in page
    with loading():
        assert not ConsentText.objects.filter(clinic=cast.clinic).exists()


def test_signatures_are_counted_and_stand_through_a_new_version(cast: Cast) -> None:
    first = published(cast, "treatment", "iv")
    for who in (cast.a, cast.b):
        with door.opened(who.id):
            signing_actions.sign_consent(by=who, text_id=first.id, signed_name="Secret Hand")
    second = published(cast, "treatment", "iv", 2)
    with door.opened(cast.b.id):
        signing_actions.sign_consent(by=cast.b, text_id=second.id, signed_name="Secret Hand")
    client = client_for(cast.lead)
    for page in (text(client.get("/clinic/texts")), text(client.get(IV))):
        assert "Signed by 2 people, 1 of them in an earlier version." in page
        assert "Secret Hand" not in page and "Amara" not in page
    with loading():
        assert {row.sha256 for row in Consent.objects.filter(text=first)} == {first.sha256}


def test_a_release_says_to_whom_it_can_open(cast: Cast) -> None:
    page = text(client_for(cast.lead).get("/clinic/texts/release/dosing_summary"))
    assert "individual therapist, couples therapist" in page
    assert "named with it" not in text(client_for(cast.lead).get("/clinic/texts/research/individual_scores"))


def test_an_agreement_is_counted_once_both_have_signed(cast: Cast) -> None:
    published(cast, "disclosure", "confidential")
    with door.opened(cast.couples_therapist.id):
        row = signing_actions.propose_agreement(
            by=cast.couples_therapist, couple=cast.couple, mode=models.DisclosureAgreement.Mode.CONFIDENTIAL
        )
    client, path = client_for(cast.lead), "/clinic/texts/disclosure/confidential"
    for who, said in ((cast.a, "Nobody has signed"), (cast.b, "Signed by 1 couple.")):
        with door.opened(who.id):
            signing_actions.sign_agreement(by=who, agreement_id=row.id, signed_name="N")
        assert said in text(client.get(path))


def test_the_step_is_done_with_one_route_and_the_agreement_and_names_the_others(cast: Cast) -> None:
    with loading():
        Clinic.objects.filter(id=cast.clinic.id).update(set_up_at=None)
    client = client_for(cast.lead)

    def step() -> Any:
        (found,) = [one for one in client.get("/clinic").context["steps"] if one.href == "/clinic/texts"]
        return found

    with_protocol(cast)
    published(cast, "disclosure", "no_secrets")
    assert not step().is_done
    published(cast, "treatment", "iv")
    assert step().is_done
    left = "Ketamine into a muscle, Ketamine dissolved in the mouth, Esketamine as a nasal spray"
    assert step().not_yet == left
    assert f"not yet: {left}" in text(client.get("/clinic"))
    for code in ("im", "in", "sl"):
        published(cast, "treatment", code)
    assert step().is_done and "not yet:" not in text(client.get("/clinic"))


def test_once_set_up_the_clinic_page_still_says_what_is_lacking(cast: Cast) -> None:
    page = text(client_for(cast.lead).get("/clinic"))
    assert "5 not published yet" in page and "Ketamine into a muscle" in page


def test_nobody_but_the_lead_publishes(cast: Cast) -> None:
    for who in (cast.coordinator, cast.prescriber, cast.a):
        client = client_for(who)
        assert client.get("/clinic/texts").status_code == 404
        assert client.post(IV, PUBLISH).status_code == 404
        with door.opened(who.id), pytest.raises(Refused):
            signing_actions.publish_text(
                by=who, kind=ConsentText.Kind.TREATMENT, code="iv", version=1, title="T", body="B"
            )
    for path in ("/clinic/texts/treatment/po", "/clinic/texts/iv/treatment", "/clinic/texts/x/y"):
        assert client_for(cast.lead).get(path).status_code == 404
    assert versions(cast) == []


def test_another_clinics_texts_are_its_own(cast: Cast) -> None:
    published(cast, "treatment", "iv")
    assert "No text yet" in text(client_for(cast.other_lead).get(IV))


def test_the_new_lead_is_led_to_the_set_up_once_and_nobody_else(cast: Cast) -> None:
    with loading():
        Clinic.objects.filter(id=cast.clinic.id).update(set_up_at=None)
    client = client_for(cast.lead)
    assert client.get("/today")["Location"] == "/clinic"
    assert client.get("/today").status_code == 200
    assert client_for(cast.nurse).get("/today").status_code == 200
    with loading():
        Clinic.objects.filter(id=cast.clinic.id).update(set_up_at=cast.clinic.set_up_at)
    assert client_for(cast.lead).get("/today").status_code == 200


def test_a_text_is_called_by_its_name_in_the_log(cast: Cast) -> None:
    published(cast, "treatment", "im")
    assert "Ketamine into a muscle" in text(client_for(cast.lead).get("/clinic/log"))


def test_only_the_routes_of_the_signed_protocol_and_of_open_courses_are_lacking(cast: Cast) -> None:
    client, older = client_for(cast.lead), with_protocol(cast)
    assert client.get("/clinic/texts").context["lacking"][:4] == [
        "Ketamine into a vein", "Ketamine into a muscle", "Ketamine dissolved in the mouth",
        "Esketamine as a nasal spray",
    ]  # fmt: skip
    with_protocol(cast, "iv")
    assert client.get("/clinic/texts").context["lacking"][0:1] == ["Ketamine into a vein"]
    assert len(client.get("/clinic/texts").context["lacking"]) == 2
    with loading():
        Course.objects.create(
            clinic=cast.clinic, subject=cast.a, author=cast.prescriber, protocol=older, route="im",
            phase="consent", state="active",
        )  # fmt: skip
    assert "Ketamine into a muscle" in client.get("/clinic/texts").context["lacking"]
