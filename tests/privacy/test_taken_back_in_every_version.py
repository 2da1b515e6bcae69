"""A consent taken back holds in none of its versions any more; every other one stays."""

import pytest

from bothwell.models import Consent, ConsentText, Person, Response
from bothwell.privacy import door, signing_actions
from tests.cast import Cast, client_for, make_cast
from tests.conftest import loading
from tests.outcomes.many_couples import CHANGE, asked, many, uses
from tests.web.partners import answered
from tests.web.partners import asked as asked_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def published(by: Person, kind: str, code: str, version: int = 1) -> ConsentText:
    with door.opened(by.id):
        return signing_actions.publish_text(
            by=by,
            kind=ConsentText.Kind(kind),
            code=code,
            version=version,
            title=f"{kind} {code} {version}",
            body=f"Words of version {version}",
        )


def signed(who: Person, text: ConsentText, to: str = "") -> Consent:
    with door.opened(who.id):
        return signing_actions.sign_consent(by=who, text_id=text.id, signed_name="A", release_to=to)


def withdraw(who: Person, consent: Consent) -> None:
    with door.opened(who.id):
        signing_actions.withdraw_consent(by=who, consent_id=consent.id)


def standing(who: Person) -> set[Consent]:
    with door.opened(who.id):
        return set(Consent.objects.filter(subject=who, withdrawn_at__isnull=True))


@pytest.mark.parametrize("which", [0, 1])
def test_withdrawing_one_version_withdraws_all_and_nothing_else(cast: Cast, which: int) -> None:
    versions = [published(cast.lead, "treatment", "iv", number) for number in (1, 2)]
    mine = [signed(cast.a, each) for each in versions]
    others = {
        signed(cast.a, published(cast.lead, "treatment", "im")),
        signed(cast.a, published(cast.lead, "research", "iv")),
    }
    partners = signed(cast.b, versions[0])
    withdraw(cast.a, mine[which])
    assert standing(cast.a) == others
    assert standing(cast.b) == {partners}


def test_a_release_taken_back_is_closed_for_that_role_and_stands_for_the_other(cast: Cast) -> None:
    versions = [published(cast.lead, "release", "relationship_scores", number) for number in (1, 2)]
    to_couples = [signed(cast.a, each, "couples_therapist") for each in versions]
    to_own = signed(cast.a, versions[0], "individual_therapist")
    answered(asked_of(cast, cast.a, "csi-16"), cast.a, 1)

    def sees(staff: Person) -> bool:
        with door.opened(staff.id):
            return Response.objects.filter(subject=cast.a).exists()

    assert sees(cast.couples_therapist) and sees(cast.therapist_a)
    withdraw(cast.a, to_couples[1])
    assert not sees(cast.couples_therapist) and sees(cast.therapist_a)
    assert standing(cast.a) == {to_own}


def test_an_old_page_withdraws_nothing_that_was_signed_anew(cast: Cast) -> None:
    text = published(cast.lead, "treatment", "iv")
    first = signed(cast.a, text)
    withdraw(cast.a, first)
    second = signed(cast.a, text)
    withdraw(cast.a, first)
    assert standing(cast.a) == {second}


def test_ones_page_lists_a_consent_once_and_withdraws_it_whole(cast: Cast) -> None:
    texts = [published(cast.lead, "treatment", "iv", number) for number in (1, 2)]
    _, newer = (signed(cast.a, each) for each in texts)
    client = client_for(cast.a)
    page = client.get("/access").content.decode()
    assert texts[1].title in page and texts[0].title not in page
    client.post(f"/access/consents/{newer.id}/withdraw")
    assert standing(cast.a) == set()


def test_research_taken_back_in_a_newer_version_no_longer_counts() -> None:
    made = many(6)
    couple, who, _ = made.couples[0]
    newer = published(made.lead, "research", "deidentified", 2)
    withdraw(who, signed(who, newer))
    run = asked(made, CHANGE)
    assert str(couple.id) not in {each for used in uses(run).values() for each in used}
    with loading():
        assert not made.consents(who).filter(withdrawn_at__isnull=True).exists()
