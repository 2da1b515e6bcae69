"""Every form of every page, sent with what no form sends: never a breakdown, always a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest
from django.test import Client

from tests.cast import client_for
from tests.web.desks import full_story

pytestmark = pytest.mark.django_db
MOST_PAGES = 45
UUID_LENGTH = 36


@dataclass
class Form:
    action: str
    fields: dict[str, str] = field(default_factory=dict)


@dataclass
class Found(HTMLParser):
    """The links and the forms of one page."""

    page: str
    links: list[str] = field(default_factory=list)
    forms: list[Form] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a" and given.get("href", "").startswith("/"):
            self.links.append(given["href"].partition("#")[0])
        if tag == "form" and given.get("method", "").lower() == "post":
            self.forms.append(Form(given.get("action") or self.page))
        if given.get("hx-post"):
            self.forms.append(Form(given["hx-post"]))
        if tag in ("input", "textarea", "select", "button") and given.get("name") and self.forms:
            kept = self.forms[-1].fields
            kept[given["name"]] = kept.get(given["name"]) or given.get("value", "")


def read(path: str, client: Client) -> Found | None:
    answer = client.get(path)
    assert answer.status_code < 500, path
    if answer.status_code != 200 or "html" not in answer["Content-Type"]:
        return None
    found = Found(path)
    found.feed(answer.content.decode())
    return found


def pages(client: Client) -> Iterator[Found]:
    """Pages in the order of their links, each kind of address once or twice."""
    waiting, seen = ["/today"], {"/today"}
    while waiting and len(seen) < 400:
        if (found := read(waiting.pop(0), client)) is None:
            continue
        yield found
        for link in found.links:
            if link not in seen and not link.startswith(("/account/", "/static/")):
                seen.add(link)
                waiting.append(link)


def spoiled(form: Form) -> Iterator[dict[str, str]]:
    yield {name: f"{value}\0" for name, value in form.fields.items()}
    yield {
        name: "not-one" if len(value) == UUID_LENGTH else value or "x" for name, value in form.fields.items()
    }
    yield dict.fromkeys(form.fields, "99999999999999999999")
    yield dict.fromkeys(form.fields, "9e999")
    yield dict.fromkeys(form.fields, "é" * 30000)
    for name, value in form.fields.items():
        others = {other: kept or "1" for other, kept in form.fields.items()}
        yield others | {name: f"{value or 'words'}\0"}


@pytest.mark.parametrize("who", ["a", "prescriber", "nurse", "couples_therapist", "coordinator", "lead"])
def test_a_form_filled_by_no_browser_gets_a_sentence(who: str) -> None:
    client = client_for(getattr(full_story().cast, who))
    client.raise_request_exception = False
    forms: dict[tuple[str, ...], Form] = {}
    for number, found in enumerate(pages(client)):
        for form in found.forms:
            if not form.action.startswith("/account/"):
                forms.setdefault((form.action.rpartition("/")[2], *sorted(form.fields)), form)
        if number == MOST_PAGES:
            break
    assert forms
    broken = []
    for form in forms.values():
        for fields in spoiled(form):
            answer = client.post(form.action, fields)
            if answer.status_code >= 500:
                broken.append((form.action, {k: v[:20] for k, v in fields.items()}))
    assert broken == []


@pytest.mark.parametrize(
    "query", ["q=%00", "after=%00", "before=%00", "a=%00&b=x", "whose=%00", "kind=%00", "to=%00"]
)
def test_an_address_written_by_hand_gets_a_page(query: str) -> None:
    cast = full_story().cast
    for who, paths in {
        cast.lead: ("/people", "/clinic/log", "/access", "/today"),
        cast.couples_therapist: ("/couples", f"/couples/{cast.couple.id}"),
        cast.a: ("/access", "/insights", "/insights/new", "/us"),
    }.items():
        client = client_for(who)
        client.raise_request_exception = False
        for path in paths:
            assert client.get(f"{path}?{query}").status_code < 500, path
