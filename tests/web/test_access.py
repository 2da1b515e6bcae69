"""Who has seen my record, taking back what one opened; the safety circle's screen leaves no trace."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bothwell.models import AuditEntry, Consent, ConsentText, Contact, Grant, Insight, InsightVersion
from bothwell.privacy import audit, door
from tests.cast import Cast, client_for, make_cast
from tests.conftest import loading

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def text(answer: object) -> str:
    return answer.content.decode()  # type: ignore[attr-defined]


def looked(cast: Cast, times: int = 1, **about: object) -> None:
    for _ in range(times):
        with door.opened(cast.prescriber.id):
            audit.viewed(cast.prescriber, **about)  # type: ignore[arg-type]


def granted(cast: Cast) -> Grant:
    with loading():
        own = {"clinic": cast.clinic, "subject": cast.a, "author": cast.a}
        insight = Insight.objects.create(**own)
        version = InsightVersion.objects.create(**own, insight=insight, number=1, text="I was less afraid.")
        return Grant.objects.create(
            **own, couple=cast.couple, item_kind="insight", item_id=version.id, audience="partner"
        )


def test_the_log_says_who_what_and_when_and_nobody_elses(cast: Cast) -> None:
    looked(cast, subject=cast.a, what="medical")
    page = text(client_for(cast.a).get("/access"))
    assert "Helen" in page
    assert "medical history and findings" in page
    assert "Helen" not in text(client_for(cast.b).get("/access"))


def test_the_safety_circles_looks_leave_no_trace(cast: Cast) -> None:
    client = client_for(cast.a)
    before = client.get("/access")
    assert client_for(cast.safety).get("/safety").status_code == 200
    assert client_for(cast.safety).get(f"/safety/{cast.a.id}").status_code == 200
    after = client.get("/access")
    assert before.context["lines"] == after.context["lines"]
    with loading():
        assert AuditEntry.objects.filter(subject=cast.a, sealed=True).count() == 1


def test_the_log_goes_on_page_by_page_with_the_same_number_of_queries(cast: Cast) -> None:
    client = client_for(cast.a)
    looked(cast, 3, subject=cast.a, what="overview")
    client.get("/access")
    with CaptureQueriesContext(connection) as few:
        client.get("/access")
    looked(cast, 60, subject=cast.a, what="overview")
    with CaptureQueriesContext(connection) as many:
        answer = client.get("/access")
    assert len(few) == len(many)
    seen = [line.at for line in answer.context["lines"]]
    while older := answer.context["older"]:
        answer = client.get("/access", {"before": older})
        seen += [line.at for line in answer.context["lines"]]
    assert seen == sorted(seen, reverse=True)
    with loading():
        assert len(seen) == AuditEntry.objects.filter(subject=cast.a).count()


@pytest.mark.parametrize("before", ["x", "2026-01-01~x", f"2026-01-01T00:00:00~{UUID(int=7)}", "~", "%00"])
def test_a_broken_page_key_begins_at_the_newest(cast: Cast, before: str) -> None:
    assert client_for(cast.a).get("/access", {"before": before}).status_code == 200


def test_a_grant_is_shown_in_own_words_and_taken_back(cast: Cast) -> None:
    grant, client = granted(cast), client_for(cast.a)
    assert "I was less afraid." in text(client.get("/access"))
    assert client.post(f"/access/grants/{grant.id}/take-back")["Location"] == "/access"
    assert client.post(f"/access/grants/{grant.id}/take-back").status_code == 302
    assert "I was less afraid." not in text(client.get("/access"))
    with loading():
        assert Grant.objects.get(id=grant.id).revoked_at is not None


def test_nobody_takes_back_what_another_gave(cast: Cast) -> None:
    grant = granted(cast)
    for who in (cast.b, cast.therapist_a, cast.other_partner):
        assert client_for(who).post(f"/access/grants/{grant.id}/take-back").status_code == 404
    assert client_for(cast.a).post(f"/access/grants/{uuid4()}/take-back").status_code == 404
    with loading():
        assert Grant.objects.get(id=grant.id).revoked_at is None


def test_a_signature_is_withdrawn_by_its_signer_alone(cast: Cast) -> None:
    with loading():
        words = ConsentText.objects.create(
            clinic=cast.clinic,
            kind="release",
            code="dosing_summary",
            title="How it went",
            body="…",
            sha256="0" * 64,
        )
        consent = Consent.objects.create(
            clinic=cast.clinic, subject=cast.a, author=cast.a, text=words, sha256=words.sha256,
            signed_name="Amara", release_class="dosing_summary", release_to="couples_therapist",
        )  # fmt: skip
    path = f"/access/consents/{consent.id}/withdraw"
    assert "How it went" in text(client_for(cast.a).get("/access"))
    assert client_for(cast.b).post(path).status_code == 404
    assert client_for(cast.a).post(path).status_code == 302
    with loading():
        assert Consent.objects.get(id=consent.id).withdrawn_at is not None


def test_staff_see_their_own_log_and_no_grants(cast: Cast) -> None:
    page = text(client_for(cast.nurse).get("/access"))
    assert "Who did or saw what" in page
    assert "What I have opened" not in page


def test_everyone_says_how_they_may_be_reached(cast: Cast) -> None:
    client = client_for(cast.a)
    seen_at = client.get("/access/contact").context["form"]["seen_at"].value()
    given = {"name_used": "Amara", "safe_phone": "555 0123", "seen_at": seen_at}
    assert client.post("/access/contact", given).status_code == 302
    assert client.post("/access/contact", given).status_code == 422
    with loading():
        assert Contact.objects.get(subject=cast.a).safe_phone == "555 0123"


# ---------------------------------------------------------------------------------------------- safety circle


def test_the_safety_screen_is_there_for_its_members_alone(cast: Cast) -> None:
    assert "Amara" in text(client_for(cast.safety).get("/safety"))
    assert 'href="/safety"' in text(client_for(cast.safety).get("/safety"))
    for name, who in cast.everyone().items():
        if name != "safety":
            client = client_for(who)
            assert client.get("/safety").status_code == 404
            assert client.get(f"/safety/{cast.a.id}").status_code == 404
            assert "afety" not in text(client.get("/access")), name


def test_a_member_sees_only_those_in_their_own_circle(cast: Cast) -> None:
    client = client_for(cast.safety)
    assert client.get(f"/safety/{cast.stranger_a.id}").status_code == 404
    assert client.get(f"/safety/{uuid4()}").status_code == 404


def test_the_circle_ends_with_the_assignment(cast: Cast) -> None:
    with loading():
        cast.safety.assignments.update(until=timezone.now() - timedelta(days=1))
    assert client_for(cast.safety).get("/safety").status_code == 404
