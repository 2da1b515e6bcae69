"""A number of the protocol is changed by the lead: draft, reasons, differences, signature; two leads at one draft."""

from __future__ import annotations

import re
from decimal import Decimal
from html import unescape
from uuid import UUID, uuid4

import pytest
from django.http import HttpResponse
from django.test import Client

from bothwell.models import AuditEntry, Course, Person, ProtocolDraft, ProtocolVersion
from bothwell.pathway import protocol as protocols
from bothwell.pathway.protocol_actions import load_protocols, protocol_in_use, protocol_of, sign_protocol
from bothwell.pathway.protocol_changes import Edit, Typed, weigh
from bothwell.pathway.protocol_fields import Kind, by_place
from bothwell.pathway.protocol_text import Change, rewritten
from bothwell.privacy import door
from tests.cast import Cast, client_for, make_cast, person
from tests.conftest import loading
from tests.web.desks import desk

pytestmark = pytest.mark.django_db
HOLD = "hold_bp.systolic_above_mmhg"
LOWER = "hold_bp.diastolic_above_mmhg"


@pytest.fixture
def cast() -> Cast:
    made = make_cast()
    with door.opened(made.lead.id):
        version = load_protocols(by=made.lead)[0]
        sign_protocol(by=made.lead, protocol_id=version.id, signed_name="Dr Grey")
    return made


@pytest.fixture
def max_lead(cast: Cast) -> Person:
    with loading():
        return person(cast.clinic, "Max", "staff", "lead")


def words(answer: HttpResponse) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def begun(client: Client, cast: Cast) -> str:
    with door.opened(cast.lead.id):
        version = protocol_in_use()
    assert version is not None
    return client.post(f"/clinic/protocols/{version.id}/change")["Location"]


def sent(seen: int, **typed: tuple[str, str]) -> dict[str, str]:
    data = {"seen": str(seen)}
    for at, (value, reason) in typed.items():
        data |= {f"value:{at}": value, f"reason:{at}": reason}
    return data


def signature(seen: int, cast: Cast, name: str = "Dr Grey") -> dict[str, str]:
    """The signature of somebody who just read revision `seen` beside the version in force now."""
    with door.opened(cast.lead.id):
        version = protocol_in_use()
    assert version is not None
    return {"seen": str(seen), "against": str(version.id), "has_read": "on", "signed_name": name}


def signed_meanwhile(cast: Cast, by: Person) -> ProtocolVersion:
    """Another version, signed by somebody else: of the one in force, with a lower limit for a dose."""
    with door.opened(by.id):
        base = protocol_in_use()
        assert base is not None
        limit = by_place(protocol_of(base))[HOLD][1]
        text = rewritten(base.source, [Change(limit, Decimal(120), "After an incident")], "9")
        rules = protocols.read(text, "other").protocol
        assert rules is not None
        version = ProtocolVersion.objects.create(
            clinic_id=by.clinic_id, name=rules.name, version="9", sha256=rules.sha256, source=text
        )
        return sign_protocol(by=by, protocol_id=version.id, signed_name="Dr Max")


def one_draft(cast: Cast) -> ProtocolDraft:
    with loading():
        return ProtocolDraft.objects.get(clinic=cast.clinic)


def test_the_page_of_a_version_names_every_number_with_unit_source_and_whether_it_is_a_default(
    cast: Cast,
) -> None:
    with door.opened(cast.lead.id):
        version = protocol_in_use()
    assert version is not None
    page = words(client_for(cast.lead).get(f"/clinic/protocols/{version.id}"))
    assert "A dose is held when systolic pressure is above 140 mmHg Esketamine label" in page
    assert "Measured a second time after 5 minutes Clinic practice" in page
    assert "default, confirmed" in page and "default to confirm" not in page
    assert "This version is in force." in page
    assert "A course keeps the version it began with" in page
    assert "Recent myocardial infarction" in page, "what the signature confirms beside the file"


def test_the_page_before_a_signature_says_what_is_to_be_confirmed() -> None:
    made = make_cast()
    with door.opened(made.lead.id):
        version = load_protocols(by=made.lead)[0]
    page = words(client_for(made.lead).get(f"/clinic/protocols/{version.id}"))
    assert "numbers to confirm" in page and "default to confirm" in page
    assert "3 fields, 1 to confirm" in page
    whole = client_for(made.lead).get(f"/clinic/protocols/{version.id}").content.decode()
    assert not re.search(r"<details[^>]* open", whole), (
        "folded: what is to be confirmed is counted in each summary"
    )


def test_who_signed_and_who_entered_it_stand_wherever_a_signature_is_shown(cast: Cast) -> None:
    client = client_for(cast.lead)
    says = "igned by Dr Grey (name given), entered by Lea, on "
    assert says in words(client.get("/clinic/protocols"))
    with door.opened(cast.lead.id):
        version = protocol_in_use()
    assert version is not None
    page = words(client.get(f"/clinic/protocols/{version.id}"))
    assert says in page
    assert "confirmed by Dr Grey (name given), entered by Lea, on " in page


def test_a_number_is_changed_read_again_signed_and_in_force(cast: Cast) -> None:
    client = client_for(cast.lead)
    address = begun(client, cast)
    assert "Nothing is changed yet." in words(client.get(address))
    form = client.get(f"{address}/fields/holds")
    assert 'name="value:hold_bp.systolic_above_mmhg"' in form.content.decode()
    kept = client.post(f"{address}/fields/holds", sent(0, **{HOLD: ("135", "Our cardiologist asks for it.")}))
    assert kept["Location"] == address
    assert "1 changed of 3" in words(client_for(cast.lead).get(address)), "a draft survives being left"
    signing = words(client.get(f"{address}/sign"))
    assert "What changes with version 1.1?" in signing
    assert "systolic pressure is above 140 mmHg 135 mmHg Our cardiologist asks for it. Lea," in signing
    answer = client.post(f"{address}/sign", signature(1, cast))
    with door.opened(cast.lead.id):
        version = protocol_in_use()
        assert version is not None and version.version == "1.1"
        rules = protocol_of(version)
    assert answer["Location"] == f"/clinic/protocols/{version.id}"
    assert rules.hold_bp.systolic_above_mmhg.value == 135
    assert rules.hold_bp.systolic_above_mmhg.source.startswith(
        "Our clinic: Our cardiologist asks for it (before"
    )
    answer = client.get(f"/clinic/protocols/{version.id}")
    page = words(answer)
    assert "What this version changed in version 1" in page
    assert [group.id for group, _, changed in answer.context["groups"] if changed] == ["holds"]
    assert re.search(r"3 fields,( \d defaults? confirmed,)? 1 changed", page), re.findall(
        r".{80}1 changed.{20}", page
    )
    assert page.count("changed in this version") == 1
    assert client.get(address).status_code == 404
    with loading():
        done = list(AuditEntry.objects.filter(actor=cast.lead, item_kind="protocol").values_list("action", flat=True))  # fmt: skip
    for action in ("began a draft of a protocol", "changed a draft of a protocol", "signed a protocol"):
        assert action in done


def test_a_course_keeps_the_version_it_began_with() -> None:
    made = desk()
    earlier = made.course(made.cast.a)
    client = client_for(made.cast.lead)
    address = begun(client, made.cast)
    client.post(f"{address}/fields/holds", sent(0, **{HOLD: ("135", "Ours")}))
    client.post(f"{address}/sign", signature(1, made.cast))
    later = made.course(made.cast.b)
    with loading():
        versions = [Course.objects.get(id=one.id).protocol.version for one in (earlier, later)]
    assert versions == ["1", "1.1"]


@pytest.mark.parametrize(
    ("value", "reason", "says"),
    [
        ("much", "Ours", "Write a number in digits"),
        ("-1", "Ours", "Write a number of zero or more."),
        ("135", "", "Say why you change it"),
        ("80", "Ours", "The systolic hold limit must lie above the diastolic one."),
    ],
)
def test_what_cannot_be_is_said_at_the_field_and_kept_on_the_page(
    cast: Cast, value: str, reason: str, says: str
) -> None:
    client = client_for(cast.lead)
    address = begun(client, cast)
    answer = client.post(f"{address}/fields/holds", sent(0, **{HOLD: (value, reason), LOWER: ("85", "Both")}))
    assert answer.status_code == 422
    page = answer.content.decode()
    assert says in page and 'aria-invalid="true"' in page
    assert f'value="{value}"' in page and 'value="85"' in page and 'value="Both"' in page
    assert one_draft(cast).edits == []


def test_the_second_of_two_is_told_and_neither_loses_a_word(cast: Cast, max_lead: Person) -> None:
    lea, max_ = client_for(cast.lead), client_for(max_lead)
    address = begun(lea, cast)
    assert begun(max_, cast) == address, "one draft for all"
    assert "Lea began this draft" in words(max_.get(address))
    lea.post(f"{address}/fields/holds", sent(0, **{HOLD: ("135", "Hers"), LOWER: ("85", "Hers too")}))
    late = sent(0, **{HOLD: ("138", "His"), LOWER: ("90", "")})
    answer = max_.post(f"{address}/fields/holds", late)
    assert answer.status_code == 409
    page = answer.content.decode()
    assert "While you wrote, Lea changed this to 135 mmHg, because: Hers." in unescape(page)
    assert 'value="138"' in page and 'value="His"' in page
    assert 'value="85"' in page, "a field he left alone shows hers"
    assert 'name="seen" value="1"' in page
    again = max_.post(f"{address}/fields/holds", sent(1, **{HOLD: ("138", "His"), LOWER: ("85", "Hers too")}))
    assert again.status_code == 302
    assert [(row["value"], row["by_name"]) for row in one_draft(cast).edits] == [
        ("135", "Lea"), ("85", "Lea"), ("138", "Max"),
    ]  # fmt: skip
    assert "systolic pressure is above: 135 mmHg, because: Hers" in words(max_.get(f"{address}/sign"))


def test_two_at_different_fields_are_both_kept_and_the_second_hears_of_it(
    cast: Cast, max_lead: Person
) -> None:
    lea, max_ = client_for(cast.lead), client_for(max_lead)
    address = begun(lea, cast)
    lea.post(f"{address}/fields/holds", sent(0, **{HOLD: ("135", "Hers")}))
    late = sent(0, **{HOLD: ("140", ""), LOWER: ("85", "His")})
    page = words(max_.post(f"{address}/fields/holds", late, follow=True))
    assert "While you wrote, Lea changed 1 field of this draft. Theirs and yours are both kept." in page
    assert {row["at"]: row["value"] for row in one_draft(cast).edits} == {HOLD: "135", LOWER: "85"}


def test_nobody_signs_what_they_did_not_read(cast: Cast, max_lead: Person) -> None:
    lea, max_ = client_for(cast.lead), client_for(max_lead)
    address = begun(lea, cast)
    lea.post(f"{address}/fields/holds", sent(0, **{HOLD: ("135", "Hers")}))
    max_.post(f"{address}/fields/holds", sent(1, **{LOWER: ("85", "His")}))
    answer = lea.post(f"{address}/sign", signature(1, cast))
    assert answer.status_code == 409
    assert "The draft was changed while you read it." in words(answer)
    assert 'name="seen" value="2"' in answer.content.decode()
    assert lea.post(f"{address}/sign", {**signature(2, cast), "has_read": ""}).status_code == 422, "not read"
    with loading():
        assert ProtocolVersion.objects.filter(clinic=cast.clinic).count() == 1


def test_nobody_undoes_unseen_what_came_in_force_while_they_read(cast: Cast, max_lead: Person) -> None:
    lea = client_for(cast.lead)
    address = begun(lea, cast)
    lea.post(f"{address}/fields/holds", sent(0, **{LOWER: ("95", "Ours")}))
    read = signature(1, cast)
    assert f'name="against" value="{read["against"]}"' in lea.get(f"{address}/sign").content.decode()
    other = signed_meanwhile(cast, max_lead)
    answer = lea.post(f"{address}/sign", read)
    assert answer.status_code == 409
    page = words(answer)
    assert "Another version was signed while you read." in page
    assert "2 changes against version 9" in page and "120 mmHg 140 mmHg" in page
    assert " checked" not in answer.content.decode(), "what was read is not what stands here now"
    assert lea.post(f"{address}/sign", {**read, "against": "x"}).status_code == 409
    with door.opened(cast.lead.id):
        assert protocol_in_use() == other
    assert lea.post(f"{address}/sign", signature(1, cast)).status_code == 302
    with door.opened(cast.lead.id):
        now = protocol_in_use()
        assert now is not None and protocol_of(now).hold_bp.systolic_above_mmhg.value == 140


def test_a_second_press_is_answered_with_what_the_first_signed(cast: Cast, max_lead: Person) -> None:
    lea = client_for(cast.lead)
    address = begun(lea, cast)
    lea.post(f"{address}/fields/holds", sent(0, **{HOLD: ("135", "Ours")}))
    form = signature(1, cast)
    first, second = (lea.post(f"{address}/sign", form) for _ in range(2))
    assert first.status_code == second.status_code == 302
    assert first["Location"] == second["Location"]
    with loading():
        assert ProtocolVersion.objects.filter(clinic=cast.clinic).count() == 2
        assert AuditEntry.objects.filter(actor=cast.lead, action="signed a protocol").count() == 2
    for client, late in ((client_for(max_lead), form), (lea, {**form, "signed_name": "Dr Other"})):
        page = client.post(f"{address}/sign", late, follow=True)
        assert page.redirect_chain == [(first["Location"], 302)]
        assert "This draft was signed or laid aside already." in words(page)
        assert "Dr Other" not in words(page)


def test_a_draft_that_a_newer_rule_forbids_says_so_and_can_be_mended(cast: Cast) -> None:
    client = client_for(cast.lead)
    address = begun(client, cast)
    client.post(f"{address}/fields/holds", sent(0, **{HOLD: ("135", "Ours")}))
    draft = one_draft(cast)
    with loading():  # as one kept before the rule was there
        edits = [{**draft.edits[0], "value": "80"}]
        ProtocolDraft.objects.filter(id=draft.id).update(edits=edits)
    for answer in (client.get(f"{address}/sign"), client.post(f"{address}/sign", signature(1, cast))):
        page = words(answer)
        assert "As it stands, this draft cannot become a version." in page
        assert "The systolic hold limit must lie above the diastolic one." in page
        assert "Sign version" not in page
    client.post(f"{address}/fields/holds", sent(1, **{HOLD: ("130", "Ours")}))
    assert "130 mmHg" in words(client.get(f"{address}/sign"))


def test_a_version_that_cannot_be_read_any_more_is_said(cast: Cast) -> None:
    client = client_for(cast.lead)
    address = begun(client, cast)
    client.post(f"{address}/fields/holds", sent(0, **{HOLD: ("135", "Ours")}))
    form = signature(1, cast)
    with loading():
        ProtocolVersion.objects.filter(clinic=cast.clinic).update(source="schema = 0")
    for answer in (client.get(f"{address}/sign"), client.post(f"{address}/sign", form)):
        assert "so that it cannot be compared" in words(answer)


def test_what_a_form_comes_to_stands_in_the_order_of_the_fields_however_it_was_sent(cast: Cast) -> None:
    with door.opened(cast.lead.id):
        version = protocol_in_use()
        assert version is not None
        rules, text = protocol_of(version), version.source
    fields = [at for at, (_, one) in by_place(rules).items() if one.kind is Kind.NUMBER]
    typed = {at: Typed("much") for at in reversed(fields)}
    mark = Edit(1, "", "", "", "", "Lea", version.loaded_at)
    weighed = weigh(rules, [], typed, seen=0, text=text, by=mark)
    assert list(weighed.faults) == fields


def test_an_empty_draft_is_not_signed_and_one_laid_aside_takes_nothing_more(cast: Cast) -> None:
    client = client_for(cast.lead)
    address = begun(client, cast)
    answer = client.post(f"{address}/sign", signature(0, cast))
    assert answer.status_code == 422 and "there is nothing to sign" in words(answer)
    client.post(f"{address}/aside")
    late = client.post(f"{address}/fields/holds", sent(0, **{HOLD: ("135", "Mine")}))
    assert late.status_code == 409
    assert 'value="135"' in late.content.decode() and "laid aside meanwhile" in words(late)
    assert begun(client, cast) != address


def test_only_the_version_in_force_or_an_unsigned_one_is_changed(cast: Cast) -> None:
    client = client_for(cast.lead)
    with door.opened(cast.lead.id):
        first = protocol_in_use()
    assert first is not None
    address = begun(client, cast)
    client.post(f"{address}/fields/holds", sent(0, **{HOLD: ("135", "Ours")}))
    client.post(f"{address}/sign", signature(1, cast))
    refused = client.post(f"/clinic/protocols/{first.id}/change", follow=True)
    assert "Another version is in force." in words(refused)
    assert client.post(f"/clinic/protocols/{uuid4()}/change").status_code == 404
    assert client.get(f"{address}/fields/holds").status_code == 404


def test_every_form_of_the_draft_opens_and_sent_as_it_is_changes_nothing(cast: Cast) -> None:
    client = client_for(cast.lead)
    address = begun(client, cast)
    pages = re.findall(rf'href="({address}/fields/[\w-]+)"', client.get(address).content.decode())
    assert len(pages) > 20
    for page in pages:
        body = client.get(page).content.decode()
        typed = dict(re.findall(r'<input type="text" name="(value:[^"]+)" value="([^"]*)"', body))
        assert client.post(page, {"seen": "0", **typed})["Location"] == address
    assert one_draft(cast).edits == []
    assert client.get(f"{address}/fields/nothing").status_code == 404


def test_the_order_check_says_who_confirmed_a_default_and_when() -> None:
    made = desk()
    made.course(made.cast.b, phase="preparation", route="im")
    made.facts(made.cast.b)
    order = {"dose_mg": "70", "weight_kg": "70", "product": "Ketamine", "concentration_mg_per_ml": "50",
             "do": "order", "act": "check", "request_id": str(uuid4())}  # fmt: skip
    page = words(client_for(made.cast.prescriber).post(f"/people/{made.cast.b.id}/workup", order))
    assert "Dose by weight 1 mg/kg is inside 0.5 to 1.5 mg/kg" in page
    assert "Default, confirmed by Lea (name given), entered by Lea, on" in page
    assert "default to confirm" not in page


def test_a_draft_is_the_leads_own(cast: Cast) -> None:
    client = client_for(cast.lead)
    key = UUID(begun(client, cast).rsplit("/", 1)[1])
    for who in (cast.prescriber, cast.coordinator, cast.a, cast.other_lead):
        with door.opened(who.id):
            assert not ProtocolDraft.objects.filter(id=key).exists()
    with door.opened(cast.lead.id):
        assert ProtocolDraft.objects.filter(id=key).update(revision=0) == 1
