"""Browsers that open every address with every id, send every form, and look at each byte that comes back.

It knows no page by name: addresses come from the list of addresses, forms and links from the pages themselves.
What may stand in an answer the oracle says; what may not be there must look like what never was.
"""

import io
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from random import Random
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID, uuid4

from django.db import close_old_connections
from django.test import Client
from django.urls import NoReverseMatch, Resolver404, URLPattern, URLResolver, get_resolver, resolve, reverse
from pypdf import PdfReader

from bothwell.models import Person
from bothwell.web import live
from bothwell.web.stream import News
from tests.cast import client_for
from tests.privacy import oracle
from tests.privacy.oracle import WORD, Oracle

STAYS_LOGGED_IN_S = 24 * 3600
UUID_IN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
NOT_TRIED = ("/account/", "/static/", "/handed", "/invitation/", "/health", "/sw.js")
"""Pages of the login, and those that end one: they are somebody else's test."""
ALSO_CALLED = {
    "session": ("DosingSession", "CoupleSession"),
    "note": ("ProgressNote", "IndividualContact", "ProcessNote"),
    "given": ("Administration", "ExerciseGiven"),
    "fact": ("MedicalFact",),
    "flag": ("SafetyFlag",),
    "event": ("AdverseEvent", "VialEvent"),
    "text": ("ConsentText",),
    "protocol": ("ProtocolVersion",),
    "agreement": ("DisclosureAgreement", "CoupleAgreement"),
    "decision": ("JointDecision",),
    "version": ("InsightVersion", "CycleMap"),
    "map": ("CycleMap",),
}


@dataclass
class Form:
    """A form of a page: where it goes, and what it holds."""

    action: str
    method: str
    fields: list[tuple[str, str, list[str]]] = field(default_factory=list)
    """Name, kind of field, and the values it offers."""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: set[str] = set()
        self.form: Form | None = None
        self.select: tuple[str, str, list[str]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a" and given.get("href", "").startswith("/"):
            self.links.add(given["href"].split("#")[0])
        if tag == "form":
            self.form = Form(given.get("action", ""), given.get("method", "get").upper())
            self.forms.append(self.form)
        elif self.form is None:
            return
        elif tag in ("input", "button") and given.get("name"):
            kind = given.get("type", "submit" if tag == "button" else "text")
            self.form.fields.append((given["name"], kind, [given.get("value", "")]))
        elif tag == "textarea" and given.get("name"):
            self.form.fields.append((given["name"], "text", [""]))
        elif tag == "select" and given.get("name"):
            self.select = (given["name"], "select", [])
            self.form.fields.append(self.select)
        elif tag == "option" and self.select:
            self.select[2].append(given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.form = None
        elif tag == "select":
            self.select = None


@dataclass(frozen=True)
class Answer:
    """One answer as a browser has it, and how long it took."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...]
    cookies: frozenset[str]
    seconds: float

    @property
    def text(self) -> str:
        """All of it as text, a printed page included."""
        kind = dict(self.headers).get("Content-Type", "")
        if kind.startswith("application/pdf"):
            body = "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(self.body)).pages)
        else:
            body = self.body.decode(errors="replace").replace("<mark>", "").replace("</mark>", "")
        return body + "\n".join(value for _, value in self.headers)

    def looks(self, named: UUID) -> tuple[Any, ...]:
        """All that can be told from outside, but for the id one asked with oneself."""
        own = str(named)
        return (
            self.status,
            self.body.replace(own.encode(), b"ID"),
            tuple((name, value.replace(own, "ID")) for name, value in self.headers),
            self.cookies,
        )


@dataclass
class Found:
    """What a run found."""

    requests: int = 0
    answers: dict[int, int] = field(default_factory=dict)
    looked: int = 0
    words_judged: int = 0
    leaks: list[str] = field(default_factory=list)
    unlike_nothing: list[str] = field(default_factory=list)
    longer_or_shorter: int = 0
    broken: set[str] = field(default_factory=set)
    pairs: list[tuple[str, float, float]] = field(default_factory=list)
    """Of each refusal: the endpoint, the seconds for the hidden thing, and for one that never was."""
    sent: int = 0
    streams: int = 0
    addresses: set[str] = field(default_factory=set)


class Monkey:
    """All browsers of one world, and what they have seen of it."""

    def __init__(self, viewers: dict[str, Person], rng: Random) -> None:
        self.viewers, self.rng = viewers, rng
        self.found = Found()
        self.clients: dict[str, Client] = {}
        self.links: list[str] = []
        self.known: dict[str, dict[str, list[Any]]] = {}
        self.forms: dict[str, list[tuple[str, Form]]] = {}
        self.searches: list[tuple[str, str]] = []
        self.planted: dict[str, str] = {}
        self.number = 0
        self.run = uuid4().hex[:6]
        self.patterns = [each for each in _patterns(get_resolver().url_patterns) if each.name]
        self.look()
        self.often = [name for name in sorted(viewers) for _ in range(4 if name in CLOSE else 1)]

    def look(self) -> None:
        """Ask anew who may see what."""
        self.know(oracle.look({who.clinic_id for who in self.viewers.values()}))

    def know(self, now: Oracle) -> None:
        """What is so from now on."""
        self.oracle, self.ids = now, _by_model(now)

    # ── one request ──

    def client(self, viewer: str) -> Client:
        if viewer not in self.clients:
            client = client_for(self.viewers[viewer])
            client.raise_request_exception = False
            session = client.session
            session["seen_at"] = (
                session["seen_at"] + STAYS_LOGGED_IN_S
            )  # else a renewal would look like a difference
            session["_csrftoken"] = "c" * 32
            session.save()
            self.clients[viewer] = client
        return self.clients[viewer]

    def ask(self, viewer: str, method: str, path: str, data: Any = None) -> Answer:
        client = self.client(viewer)
        form = {} if method == "GET" else _encoded(data or {})
        begun = time.perf_counter()
        said = client.generic(method, path, **form)
        body = said.getvalue() if hasattr(said, "getvalue") else said.content
        seconds = time.perf_counter() - begun
        headers = tuple(sorted((k, v) for k, v in said.items() if k != "Content-Length"))
        answer = Answer(said.status_code, body, headers, frozenset(said.cookies), seconds)
        self.found.requests += 1
        self.found.answers[answer.status] = self.found.answers.get(answer.status, 0) + 1
        name = _name(path)
        self.found.addresses.add(f"{method} {name}")
        if answer.status >= 500:
            self.found.broken.add(f"{viewer} {method} {name}: {answer.status}")
        where = dict(headers).get("Location", "")
        if where.startswith("/account/") or "_auth_user_id" not in client.session:
            del self.clients[viewer]
        return answer

    def judge(self, viewer: str, where: str, answer: Answer, just_sent: frozenset[str] = frozenset()) -> None:
        """Every planted word of an answer must be one this viewer may read now."""
        self.found.looked += 1
        for word in set(WORD.findall(answer.text)) - just_sent:
            self.found.words_judged += 1
            may = self.oracle.may_read(self.viewers[viewer].id, word)
            if may is False or (may is None and self.planted.get(word, viewer) != viewer):
                rows = ", ".join(sorted({seen.model for seen in self.oracle.words.get(word, ())})) or "no row"
                self.found.leaks.append(f"{viewer} {where} ({answer.status}) shows {word} of {rows}")

    # ── addresses ──

    def address(self) -> str:
        """An address of ours with ids of somebody's, or a link that somebody was shown."""
        if self.links and self.rng.random() < 0.5:
            return self.rng.choice(self.links)
        for _ in range(50):
            pattern = self.rng.choice(self.patterns)
            try:
                path = reverse(str(pattern.name), kwargs=self._arguments(pattern))
            except NoReverseMatch:
                continue
            if not path.startswith(NOT_TRIED):
                return path
        return "/today"

    def _arguments(self, pattern: URLPattern) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, converter in pattern.pattern.converters.items():
            match type(converter).__name__:
                case "UUIDConverter":
                    found[name] = self.some_id(name.removesuffix("_id"))
                case "IntConverter":
                    found[name] = 1
                case _:
                    known = self.known.get(str(pattern.name), {}).get(name, ["x"])
                    found[name] = self.rng.choice(known)
        return found

    def some_id(self, what: str) -> UUID:
        called = ALSO_CALLED.get(what, (what.replace("_", ""),))
        fitting = [
            key
            for model, keys in self.ids.items()
            if model.lower() in {c.lower() for c in called}
            for key in keys
        ]
        if fitting and self.rng.random() < 0.9:
            return self.rng.choice(fitting)
        return self.rng.choice(self.ids[self.rng.choice(sorted(self.ids))])

    # ── what a browser does ──

    def open(self, viewer: str, path: str) -> Answer:
        """Open a page; where nothing is, or nothing this viewer may see, it looks like what never was."""
        named = [UUID(found) for found in UUID_IN.findall(path)]
        if not named:
            answer = self.ask(viewer, "GET", path)
        else:
            answer = self._beside_nothing(viewer, "GET", path, named, None)
        self.judge(viewer, f"GET {path}", answer)
        if answer.status == 200:
            self._harvest(viewer, path, answer)
        return answer

    def send(self, viewer: str, path: str, form: Form, *, hostile: bool = False) -> Answer:
        """Fill the form in and send it; `hostile`: with ids of somebody else's in it."""
        data = dict(self._filled(form))
        action = form.action or path
        if hostile:
            data = {name: self._other_id(value) for name, value in data.items()}
            action = self._other_id(action)
        words = frozenset(word for value in data.values() for word in WORD.findall(str(value)))
        self.planted |= dict.fromkeys(words, viewer)
        named = [UUID(found) for found in UUID_IN.findall(action)]
        answer = self._beside_nothing(viewer, "POST", action, named, data)
        self.found.sent += 1
        self.judge(viewer, f"POST {action}", answer, words)
        if answer.status >= 400:
            return answer
        self.look()
        onward = dict(answer.headers).get("Location", "")
        if answer.status == 302 and onward.startswith("/") and not onward.startswith(NOT_TRIED):
            self.judge(viewer, f"GET {onward}", self.ask(viewer, "GET", onward))
        return answer

    def search(self, viewer: str, path: str, name: str) -> Answer:
        """Look for the beginning of a word that stands somewhere; found, its end would follow."""
        words = sorted(self.oracle.words)
        begun = self.rng.choice(words)[:-4] if words else "zq"
        answer = self.ask(viewer, "GET", f"{path.split('?')[0]}?{urlencode({name: begun})}")
        self.judge(viewer, f"GET {path}?{name}=…", answer, frozenset({begun}))
        return answer

    def listen(self, viewer: str) -> None:
        """Open a stream, and be told that something changed."""
        topic = self.rng.choice(["room", "board", "couple", "person"])
        what = {"room": "session", "couple": "couple", "person": "person", "board": "clinic"}[topic]
        about, key = self.some_id(what), self.client(viewer).session.session_key
        cookie = [(b"cookie", f"session={key}".encode())]
        opened = live.application._opened({"path": f"/live/{topic}/{about}", "headers": cookie})
        self.found.requests += 1
        self.found.streams += 1
        if isinstance(opened, int):
            return
        said = opened.look({News.CHANGED, News.READINGS, News.ACCESS}) or []
        close_old_connections()
        answer = Answer(200, b"".join(said), (), frozenset(), 0.0)
        self.judge(viewer, f"stream {topic}", answer)

    def _beside_nothing(self, viewer: str, method: str, path: str, named: list[UUID], data: Any) -> Answer:
        """Ask for a thing; if it is hidden from this viewer, or not found, ask for one that never was as well."""
        who = self.viewers[viewer].id
        named = [key for key in named if key != who]  # every page may know who reads it
        couples = [
            pair
            for key in named
            if (pair := self.oracle.world.pair(key)) and not self.oracle.is_hidden(who, key)
        ]
        # One of the two under a couple's own address: the couple's chart is open, though the person's may be closed.
        ours = {one for pair in couples for one in pair.partners}
        hidden = [key for key in named if key not in ours and self.oracle.is_hidden(who, key)]
        never = {key: uuid4() for key in hidden or named}
        twin = path
        for key, other in never.items():
            twin = twin.replace(str(key), str(other))
        if not hidden:
            answer = self.ask(viewer, method, path, data)
            if method == "GET" and answer.status == 404 and never:
                nothing = self.ask(viewer, method, twin)
                again = self.ask(viewer, method, path) if self.rng.random() < 0.5 else answer
                self._compare(viewer, method, path, again, nothing, never)  # the first of two is slower
            return answer
        if self.rng.random() < 0.5:
            answer, nothing = self.ask(viewer, method, path, data), self.ask(viewer, method, twin, data)
        else:
            nothing, answer = self.ask(viewer, method, twin, data), self.ask(viewer, method, path, data)
        self._compare(viewer, method, path, answer, nothing, never)
        return answer

    def _compare(
        self, viewer: str, method: str, path: str, answer: Answer, nothing: Answer, never: dict[UUID, UUID]
    ) -> None:
        (real, other), *rest = never.items()
        one, two = answer.looks(real), nothing.looks(other)
        for a, b in rest:
            one = (one[0], one[1].replace(str(a).encode(), b"ID"), *one[2:])
            two = (two[0], two[1].replace(str(b).encode(), b"ID"), *two[2:])
        if one != two:
            self.found.longer_or_shorter += len(one[1]) != len(two[1])
            parts = zip(("status", "body", "headers", "cookies"), one, two, strict=True)
            what = [name for name, a, b in parts if a != b]
            self.found.unlike_nothing.append(
                f"{viewer} {method} {path}: {', '.join(what)} ({answer.status}, {nothing.status})"
            )
        self.found.pairs.append((f"{method} {_name(path)}", answer.seconds, nothing.seconds))

    def _harvest(self, viewer: str, path: str, answer: Answer) -> None:
        if not dict(answer.headers).get("Content-Type", "").startswith("text/html"):
            return
        page = _Reader()
        page.feed(answer.body.decode(errors="replace"))
        for link in sorted(page.links):
            if not link.startswith(NOT_TRIED) and link not in self.links and _name(link):
                self.links.append(link)
                found = resolve(urlsplit(link).path)
                for name, value in found.kwargs.items():
                    self.known.setdefault(str(found.url_name), {}).setdefault(name, []).append(value)
        kept = self.forms.setdefault(viewer, [])
        for form in page.forms:
            if (form.action or path).startswith(NOT_TRIED):
                continue
            if form.method == "POST":
                kept.append((path, form))
            else:
                typed = [(form.action or path, name) for name, kind, _ in form.fields if kind in TYPED]
                self.searches += [each for each in typed if each not in self.searches]
        del kept[:-40]

    def _filled(self, form: Form) -> Iterator[tuple[str, str]]:
        submits = [(name, values[0]) for name, kind, values in form.fields if kind == "submit"]
        offered: dict[str, list[str]] = {}
        for name, kind, values in form.fields:
            match kind:
                case "hidden":
                    yield name, values[0]
                case "radio" | "select":
                    offered.setdefault(name, []).extend(values)
                case "checkbox":
                    if self.rng.random() < 0.8:
                        yield name, values[0] or "on"
                case "submit" | "file" | "reset" | "button" | "image":
                    pass
                case "date":
                    yield name, values[0] or "2026-01-05"
                case "datetime-local":
                    yield name, values[0] or "2027-01-05T10:00"
                case "time":
                    yield name, values[0] or "10:00"
                case "number":
                    yield name, values[0] or "3"
                case "email":
                    yield name, values[0]
                case _:
                    yield name, self._word()
        for name, values in offered.items():
            yield name, self.rng.choice(values)
        if submits:
            yield self.rng.choice(submits)

    def _word(self) -> str:
        self.number += 1
        return f"zq{self.run}n{self.number:06d}"

    def _other_id(self, value: str) -> str:
        return UUID_IN.sub(lambda _: str(self.some_id("person")), str(value))

    # ── the next thing ──

    def step(self) -> None:
        """One thing somebody does."""
        viewer = self.rng.choice(self.often)
        dice = self.rng.random()
        if dice < 0.12 and self.forms.get(viewer):
            path, form = self.rng.choice(self.forms[viewer])
            self.send(viewer, path, form, hostile=self.rng.random() < 0.25)
        elif dice < 0.20 and any(self.forms.values()):
            path, form = self.rng.choice([each for kept in self.forms.values() for each in kept])
            self.send(viewer, path, form)
        elif dice < 0.24 and self.searches:
            self.search(viewer, *self.rng.choice(self.searches))
        elif dice < 0.28:
            self.listen(viewer)
        else:
            path = self.address()
            if "pdf" not in path or self.rng.random() < 0.2:  # printing takes long
                self.open(viewer, path)


TYPED = ("text", "search")
CLOSE = {"self", "partner", "ex_partner", "couples_therapist"}
"""Who has most to learn of each other."""


def _by_model(now: Oracle) -> dict[str, list[UUID]]:
    found = {model: list(keys) for model, keys in now.links.items() if keys}
    for key, rows in now.rows.items():
        for seen in rows:
            found.setdefault(seen.model, []).append(key)
    return found


def _patterns(patterns: Any) -> Iterator[URLPattern]:
    for each in patterns:
        if isinstance(each, URLResolver):
            if str(each.pattern) != "account/":
                yield from _patterns(each.url_patterns)
        else:
            yield each


def _name(path: str) -> str:
    try:
        return str(resolve(urlsplit(path).path).url_name or "")
    except Resolver404:
        return ""


def _encoded(data: dict[str, str]) -> dict[str, Any]:
    return {"data": urlencode(data), "content_type": "application/x-www-form-urlencoded"}
