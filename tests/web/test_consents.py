"""Consents: read, signed by name, withdrawn as easily, with effect at the next request."""

import pytest
from django.utils import timezone

from bothwell.models import Consent, ConsentText, Course, DisclosureAgreement, DisclosureSignature, Response
from bothwell.privacy import door
from bothwell.privacy.circles import Relation
from bothwell.web.consents import roles_a_release_reaches
from tests.cast import Cast, client_for, make_cast
from tests.conftest import loading
from tests.web.partners import answered, asked, course_of

pytestmark = pytest.mark.django_db
SIGNED = {"signed_name": "Amara Full", "read": "on"}


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def text(cast: Cast, kind: str, code: str, version: int = 1) -> ConsentText:
    with loading():
        return ConsentText.objects.create(
            clinic=cast.clinic,
            kind=kind,
            code=code,
            version=version,
            title=f"{kind} {code}",
            body=f"Body of {code}, version {version}.",
            sha256="x",
        )


def test_a_release_reaches_the_roles_the_table_says() -> None:
    assert roles_a_release_reaches("relationship_scores") == (
        Relation.PRESCRIBER,
        Relation.INDIVIDUAL_THERAPIST,
        Relation.COUPLES_THERAPIST,
    )
    assert roles_a_release_reaches("individual_scores") == (Relation.COUPLES_THERAPIST,)
    assert roles_a_release_reaches("couple_work") == (Relation.INDIVIDUAL_THERAPIST,)
    assert roles_a_release_reaches("nothing_such") == ()


def test_off_label_is_said_plainly_and_only_where_it_is(cast: Cast) -> None:
    client = client_for(cast.a)
    assert "off label" in client.get(f"/consents/texts/{text(cast, 'treatment', 'iv').id}").content.decode()
    for other in (text(cast, "treatment", "in"), text(cast, "research", "outcomes")):
        assert "off label" not in client.get(f"/consents/texts/{other.id}").content.decode()


def test_signing_needs_a_name_and_that_it_was_read(cast: Cast) -> None:
    row, client = text(cast, "treatment", "iv"), client_for(cast.a)
    address = f"/consents/texts/{row.id}"
    refused = client.post(address, {"signed_name": "Amara Full"})
    assert refused.status_code == 422
    assert 'value="Amara Full"' in refused.content.decode()
    assert client.post(address, {"read": "on", "signed_name": "  "}).status_code == 422
    for _ in range(2):
        assert client.post(address, SIGNED)["Location"] == "/consents"
    with door.opened(cast.a.id):
        assert Consent.objects.get().signed_name == "Amara Full"
    assert "Amara Full" in client.get(address).content.decode()


def test_a_release_opens_scores_and_withdrawing_closes_them_at_the_next_request(cast: Cast) -> None:
    answered(asked(cast, cast.a, "phq-9"), cast.a, 1)
    row, client = text(cast, "release", "individual_scores"), client_for(cast.a)

    def dana_sees() -> bool:
        with door.opened(cast.couples_therapist.id):
            return Response.objects.filter(subject=cast.a).exists()

    assert not dana_sees()
    client.post(f"/consents/texts/{row.id}", {**SIGNED, "to": "couples_therapist"})
    assert dana_sees()
    page = client.get("/consents").content.decode()
    assert "Opens it to Dana, your couples therapist. Signed on" in page
    with door.opened(cast.a.id):
        consent = Consent.objects.get()
    client_for(cast.b).post(f"/consents/{consent.id}/withdraw")
    assert dana_sees()
    client.post(f"/consents/{consent.id}/withdraw")
    assert not dana_sees()
    assert "Not signed." in client.get("/consents").content.decode()


def test_a_release_is_signed_for_a_role_it_reaches_only(cast: Cast) -> None:
    row, client = text(cast, "release", "individual_scores"), client_for(cast.a)
    for to in ("", "prescriber", "lead", "safety"):
        assert client.get(f"/consents/texts/{row.id}?to={to}").status_code == 404
        assert client.post(f"/consents/texts/{row.id}", {**SIGNED, "to": to}).status_code == 404
    with door.opened(cast.a.id):
        assert not Consent.objects.exists()


def test_a_newer_text_is_told_beside_what_was_signed(cast: Cast) -> None:
    row, client = text(cast, "treatment", "iv"), client_for(cast.a)
    client.post(f"/consents/texts/{row.id}", SIGNED)
    text(cast, "treatment", "iv", 2)
    page = client.get("/consents").content.decode()
    assert "There is a newer text." in page
    assert page.count("treatment iv") >= 1
    assert (
        "There is a newer text than the one you signed"
        in client.get(f"/consents/texts/{row.id}").content.decode()
    )


def test_a_text_that_was_replaced_is_signed_by_nobody(cast: Cast) -> None:
    row, client = text(cast, "release", "individual_scores"), client_for(cast.a)
    newer = text(cast, "release", "individual_scores", 2)
    there = client.get(f"/consents/texts/{row.id}?to=couples_therapist")
    assert there["Location"] == f"/consents/texts/{newer.id}?to=couples_therapist"
    late = client.post(f"/consents/texts/{row.id}", {**SIGNED, "to": "couples_therapist"})
    page = late.content.decode()
    assert late.status_code == 422
    assert "version 2." in page and "Nothing is signed" in page
    assert f'action="/consents/texts/{newer.id}"' in page and 'value="Amara Full"' in page
    with door.opened(cast.a.id):
        assert not Consent.objects.exists()


def offered(cast: Cast) -> str:
    return client_for(cast.a).get("/consents").content.decode().split("<main")[1]


def test_only_the_text_of_ones_own_course_is_offered(cast: Cast) -> None:
    for code in ("iv", "im", "in", "sl"):
        text(cast, "treatment", code)
    assert "<b>treatment" not in offered(cast), "no route is decided"
    going = course_of(cast, cast.a)
    page = offered(cast)
    assert "treatment iv" in page
    assert not [code for code in ("im", "in", "sl") if f"<b>treatment {code}" in page]
    assert "<b>treatment" not in client_for(cast.b).get("/consents").content.decode()
    with loading():
        Course.objects.filter(id=going.id).update(state="ended")
    assert "treatment iv" not in offered(cast)


def test_what_was_signed_stays_in_the_list_though_the_course_goes_another_way(cast: Cast) -> None:
    client_for(cast.a).post(f"/consents/texts/{text(cast, 'treatment', 'im').id}", SIGNED)
    text(cast, "treatment", "iv")
    course_of(cast, cast.a)
    page = offered(cast)
    assert "treatment iv" in page and "treatment im" in page


def test_a_route_without_a_text_is_said(cast: Cast) -> None:
    course_of(cast, cast.a)
    assert "has not published the text for your sessions yet (Ketamine into a vein)" in offered(cast)


def test_ones_access_page_leads_to_what_can_be_signed(cast: Cast) -> None:
    page = client_for(cast.a).get("/access").content.decode()
    assert page.split("<main")[1].count('href="/consents"') == 3
    assert 'href="/consents"' in page.split("<main")[0], "and from everywhere, in one's menu"
    assert 'href="/consents"' not in client_for(cast.nurse).get("/access").content.decode()


def test_nobody_reads_the_others_signatures(cast: Cast) -> None:
    row = text(cast, "treatment", "iv")
    client_for(cast.a).post(f"/consents/texts/{row.id}", SIGNED)
    assert (
        "Amara" not in client_for(cast.b).get(f"/consents/texts/{row.id}").content.decode().split("<main")[1]
    )
    assert client_for(cast.nurse).get("/consents").status_code == 404


def agreement(cast: Cast) -> DisclosureAgreement:
    row = text(cast, "disclosure", "no_secrets")
    with loading():
        return DisclosureAgreement.objects.create(
            clinic=cast.clinic, couple=cast.couple, author=cast.couples_therapist, mode="no_secrets",
            version=1, text=row, sha256="x",
        )  # fmt: skip


def test_the_agreement_holds_once_both_have_signed(cast: Cast) -> None:
    row = agreement(cast)
    address = f"/agreement/{row.id}"
    a, b = client_for(cast.a), client_for(cast.b)
    assert "may be brought into the room" in a.get(address).content.decode()
    assert a.post(address, {"signed_name": "Amara"}).status_code == 422
    for _ in range(2):
        a.post(address, SIGNED)
    assert "it holds" not in a.get(address).content.decode()
    b.post(address, {"signed_name": "Ben", "read": "on"})
    assert "it holds" in a.get(address).content.decode()
    with door.opened(cast.b.id):
        assert DisclosureSignature.objects.count() == 2
    assert client_for(cast.stranger_a).get(address).status_code == 404


def test_after_parting_nobody_signs_any_more(cast: Cast) -> None:
    row = agreement(cast)
    with loading():
        cast.couple.parted_at = timezone.now()
        cast.couple.save(update_fields=["parted_at"])
    client = client_for(cast.a)
    page = client.get(f"/agreement/{row.id}")
    assert page.status_code == 200
    assert 'name="signed_name"' not in page.content.decode()
    assert client.post(f"/agreement/{row.id}", SIGNED).status_code == 422
