"""Newer words in the place of older ones: a partner who may not have them finds what they found before, until they may."""

import pytest
from django.db import ProgrammingError, transaction

from bothwell.integration import actions
from bothwell.integration.insights import Words
from bothwell.integration.models import Insight
from bothwell.models import Grant, Person
from bothwell.privacy import door
from bothwell.privacy.circles import Relation
from bothwell.privacy.models import Audience
from bothwell.web.given import renewed
from tests.cast import Cast, client_for
from tests.conftest import loading
from tests.privacy.oracle import look
from tests.web.partners import gave, wrote
from tests.web.test_shelter import PAGES, cast, end, keep, seen  # noqa: F401

OLD, NEW, NEWEST = "zqolder words", "zqnewer words", "zqnewest words"
SHARED = ("/today", "/us", "/score")


def newer(who: Person, insight: Insight, text: str, *to: Relation) -> None:
    """`who` writes these words and gives them in the place of those these have; the partner, if nobody is named."""
    with door.opened(who.id):
        before = actions.current_version(insight)
        actions.rewrite(by=who, insight_id=insight.id, words=Words(text), after=before.number)
        version = actions.current_version(insight)
        for audience in to or (Relation.PARTNER,):
            actions.give_newer(by=who, insight_id=insight.id, version_id=version.id, audience=audience)


def told(who: Person) -> bytes:
    """Everything the pages with given words say to a partner."""
    client = client_for(who)
    return b"".join(client.get(page).content for page in SHARED)


def agree(cast: Cast) -> None:  # noqa: F811
    """The rule and the policies open the same gifts and words to both of the two."""
    oracle = look([cast.clinic.id])
    for who in (cast.a, cast.b, cast.couples_therapist):
        with door.opened(who.id):
            found = {str(row) for row in actions.InsightVersion.objects.values_list("id", flat=True)}
        by_rule = {
            str(row.row["id"])
            for rows in oracle.rows.values()
            for row in rows
            if row.model == "InsightVersion" and row.by(oracle.world, who.id)
        }
        assert found == by_rule, who.name_used


@pytest.mark.parametrize("audiences", [{Relation.PARTNER}, {Relation.PARTNER, Relation.COUPLES_THERAPIST}])
def test_newer_words_under_shelter_change_no_byte_of_the_partners_pages(
    cast: Cast,  # noqa: F811
    audiences: set[Relation],
) -> None:
    insight, client = wrote(cast.a, OLD), client_for(cast.b)
    gave(cast.a, insight, audiences)
    seen(client)
    before = seen(client)
    assert OLD.encode() in before["/us"][1]
    keep(cast.a)
    for text in (NEW, NEWEST):  # a second time too
        newer(cast.a, insight, text)
        found = seen(client)
        for page in PAGES:
            assert found[page] == before[page], (text, page)
        agree(cast)
    assert NEWEST.encode() in client_for(cast.a).get("/us").content
    end(cast, cast.a)
    assert seen(client) == before
    agree(cast)


def test_newer_words_under_shelter_do_not_make_those_put_anew_before_it_look_taken_back(cast: Cast) -> None:  # noqa: F811
    insight, client = wrote(cast.a, OLD), client_for(cast.b)
    gave(cast.a, insight)
    client.get("/us")  # read, and put anew while nothing was kept back
    newer(cast.a, insight, NEW)
    before = seen(client)
    assert NEW.encode() in before["/us"][1]
    assert b"has been taken back" not in before["/us"][1]
    keep(cast.a)
    newer(cast.a, insight, NEWEST)
    assert seen(client) == before
    end(cast, cast.a)
    assert seen(client) == before


def test_words_the_other_goes_back_to_under_shelter_bear_the_day_they_were_first_given(cast: Cast) -> None:  # noqa: F811
    insight, client = wrote(cast.a, OLD), client_for(cast.b)
    gave(cast.a, insight)
    seen(client)
    before = seen(client)
    keep(cast.a)
    newer(cast.a, insight, NEW)
    newer(
        cast.a, insight, OLD
    )  # the therapist has these words still, so the very same version is given again
    assert seen(client) == before
    agree(cast)


def test_newer_words_after_a_shelter_show_and_the_older_ones_go(cast: Cast) -> None:  # noqa: F811
    insight = wrote(cast.a, OLD)
    gave(cast.a, insight)
    assert OLD.encode() in told(cast.b)
    keep(cast.a)
    newer(cast.a, insight, NEW)
    end(cast, cast.a)
    newer(cast.a, insight, NEWEST)
    page = told(cast.b)
    assert (OLD.encode() in page, NEW.encode() in page, NEWEST.encode() in page) == (False, False, True)
    agree(cast)


@pytest.mark.parametrize("is_over", [False, True])
def test_taking_back_the_newest_takes_back_what_stood_in_its_place(cast: Cast, is_over: bool) -> None:  # noqa: F811
    insight = wrote(cast.a, OLD)
    gave(cast.a, insight)
    assert OLD.encode() in told(cast.b)
    keep(cast.a)
    newer(cast.a, insight, NEW)
    if is_over:
        end(cast, cast.a)
    gave(cast.a, insight, audiences=())
    page = told(cast.b)
    assert OLD.encode() not in page
    assert NEW.encode() not in page
    assert b"taken back" in page
    agree(cast)


def test_without_a_shelter_the_older_words_go_at_once(cast: Cast) -> None:  # noqa: F811
    insight = wrote(cast.a, OLD)
    gave(cast.a, insight)
    assert OLD.encode() in told(cast.b)
    newer(cast.a, insight, NEW)
    page = told(cast.b)
    assert (OLD.encode() in page, NEW.encode() in page) == (False, True)
    agree(cast)


def test_words_put_anew_were_not_taken_back_until_they_are(cast: Cast) -> None:  # noqa: F811
    insight, everybody = wrote(cast.a, OLD), {Relation.PARTNER, Relation.INDIVIDUAL_THERAPIST}
    gave(cast.a, insight, everybody)

    def said() -> tuple[bytes, bytes]:
        to_the_therapist = client_for(cast.therapist_a).get(f"/people/{cast.a.id}/words").content
        return client_for(cast.b).get("/us").content, to_the_therapist

    assert all(OLD.encode() in page for page in said())
    for text in (NEW, NEWEST):
        newer(cast.a, insight, text, *everybody)
        assert all(text.encode() in page and b"has been taken back" not in page for page in said())
    gave(cast.a, insight, audiences=())
    assert all(NEWEST.encode() not in page and b"has been taken back" in page for page in said())
    with door.opened(cast.b.id):
        assert not renewed()


def test_whoever_never_read_the_older_words_does_not_learn_that_there_were_any(cast: Cast) -> None:  # noqa: F811
    insight = wrote(cast.a, OLD)
    gave(cast.a, insight)
    newer(cast.a, insight, NEW)
    assert NEW.encode() in told(cast.b)
    for who in (cast.b, cast.a, cast.couples_therapist, cast.stranger_b):
        with door.opened(who.id):
            assert not renewed(), who.name_used


def test_the_givers_rows_and_pages_are_alike_with_a_shelter_and_without(cast: Cast) -> None:  # noqa: F811
    found = []
    for is_sheltered in (False, True):
        insight = wrote(cast.a, OLD)
        gave(cast.a, insight)
        told(cast.b)
        if is_sheltered:
            keep(cast.a)
        newer(cast.a, insight, NEW)
        with door.opened(cast.a.id):
            of_it = Grant.objects.filter(item_id__in=insight.versions.values("id")).order_by("id")
            rows = [(row.audience, row.revoked_at is None, row.replaces_id is None) for row in of_it]
        found.append(rows)
    assert found[0] == found[1]
    assert ("partner", True, False) in found[0]


def test_a_gift_takes_the_place_of_nothing_but_a_standing_one_of_ones_own(cast: Cast) -> None:  # noqa: F811
    insight, other = wrote(cast.a, OLD), wrote(cast.b, OLD)
    gave(cast.a, insight)
    gave(cast.b, other)
    with loading():
        theirs = Grant.objects.get(subject=cast.b, audience=Audience.PARTNER)
        mine = Grant.objects.get(subject=cast.a, audience=Audience.PARTNER)
        to_dana = Grant.objects.get(subject=cast.a, audience=Audience.COUPLES_THERAPIST)
    over, row = another_like(cast.a, mine), another_like(cast.a, mine)
    with loading():
        over.revoked_at = over.opens_at
        over.save(force_insert=True)
    for before, is_taken in ((theirs, False), (to_dana, False), (over, False), (mine, True)):
        row.replaces = before
        with door.opened(cast.a.id):
            assert saved(row) is is_taken


def saved(row: Grant) -> bool:
    """Whether the database takes it."""
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except ProgrammingError:
        return False
    return True


def another_like(who: Person, like: Grant) -> Grant:
    """Another gift of the same person to the same audience, of words nobody was given yet."""
    first = wrote(who, NEW)
    with loading():
        version = first.versions.get()
    return Grant(
        clinic_id=like.clinic_id, subject=who, author=who, couple_id=like.couple_id,
        item_kind=like.item_kind, item_id=version.id, audience=like.audience, opens_at=like.opens_at,
    )  # fmt: skip
