"""The table of texts to sign is whole: all that routes, releases, agreements and research ask for, and nothing else."""

import re

import pytest
from django.db import connection

from bothwell.pathway.schema import Route
from bothwell.privacy import to_sign
from bothwell.privacy.models import ConsentText, DisclosureAgreement, ReleaseClass

CODES = {kind: {text.code for text in to_sign.all_texts() if text.kind == kind} for kind in ConsentText.Kind}


def test_each_code_a_gate_or_a_policy_asks_for_has_its_text_and_no_other() -> None:
    assert CODES[ConsentText.Kind.TREATMENT] == {str(route) for route in Route}
    assert CODES[ConsentText.Kind.RELEASE] == set(ReleaseClass.values)
    assert CODES[ConsentText.Kind.DISCLOSURE] == set(DisclosureAgreement.Mode.values)
    assert len({text.key for text in to_sign.all_texts()}) == len(to_sign.all_texts())
    assert {text.kind for text in to_sign.all_texts()} == set(ConsentText.Kind.values)


@pytest.mark.django_db
def test_the_texts_of_research_are_those_the_policies_count() -> None:
    with connection.cursor() as cursor:
        cursor.execute("select pg_get_functiondef('door.covers'::regproc)")
        (written,) = cursor.fetchone()
    assert CODES[ConsentText.Kind.RESEARCH] == set(re.findall(r"code = '(\w+)'", written))


@pytest.mark.parametrize("text", to_sign.all_texts(), ids=lambda text: ":".join(text.key))
def test_each_says_what_it_opens_and_has_an_example_somebody_could_read(text: to_sign.ToSign) -> None:
    assert all((text.name, text.opens, text.asked, text.title, text.example))
    assert len(text.title) <= 200 and len(text.code) <= 60
    assert text.example == text.example.strip()
    assert "[" not in text.example, "nothing is left to fill in unseen"


def test_what_is_lacking_goes_by_the_routes_and_by_one_way_of_agreement() -> None:
    there = {("treatment", "iv"), ("release", "im")}
    assert [text.code for text in to_sign.routes_without(there, ["iv", "im", "no_such"])] == ["im"]
    assert not to_sign.is_agreement_there(there)
    assert to_sign.is_agreement_there({("disclosure", "confidential")})
