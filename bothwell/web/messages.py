"""Messages: who may read this, and what was said? A thread for each circle, for partners and for staff.

It shows one's own marks alone: nobody learns here what another has read, or that there is nothing to read.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages as said
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_GET, require_http_methods

from bothwell.couples.models import Membership, Person
from bothwell.messaging import message_actions as actions
from bothwell.messaging import threads as rules
from bothwell.messaging.models import Message
from bothwell.messaging.threads import Circle, Thread
from bothwell.privacy.circles import Relation
from bothwell.privacy.closeness_actions import intimates
from bothwell.privacy.models import DisclosureAgreement
from bothwell.refusal import Refused
from bothwell.web.around import Nearby, nearby
from bothwell.web.asking import by_script, told, viewer

ON_A_PAGE = 40
CIRCLES = {Circle.CARE: "care", Circle.THERAPIST: "therapist", Circle.ALONE: "alone", Circle.COUPLE: "couple"}
TITLES = {
    Circle.CARE: "Your care team",
    Circle.THERAPIST: "Your individual therapist",
    Circle.ALONE: "Your couples therapist alone",
    Circle.COUPLE: "Both of you and your couples therapist",
}
TO_STAFF = {
    Circle.CARE: "with the care team",
    Circle.THERAPIST: "with the individual therapist",
    Circle.ALONE: "alone with the couples therapist",
    Circle.COUPLE: "both, with the couples therapist",
}


@dataclass(frozen=True)
class Shown:
    """A thread as one reader is shown it. `sides`: the partners in it, with the letter each goes by."""

    thread: Thread
    title: str
    about: str
    badge: str
    badge_label: str
    who_reads: str
    sides: tuple[tuple[str, str], ...]
    href: str
    send_to: str


def address(thread: Thread) -> str:
    """Where a thread is read."""
    ids = [each for each in (thread.couple, thread.person) if each is not None]
    return reverse(f"messages-{CIRCLES[thread.circle]}", args=ids)


# --------------------------------------------------------------------------------------------- in words


def _for_partner(thread: Thread, around: Nearby) -> Shown:
    """A partner's own thread, by the names of who reads it now."""
    team = around.team
    couples = _names(team.get(Relation.COUPLES_THERAPIST, ()) if around.couple else ())
    individual = _names(team.get(Relation.INDIVIDUAL_THERAPIST, ()))
    care = [name for role in sorted(rules.CARE_ROLES) for name in team.get(Relation(role), ())]
    is_now = around.couple is not None and around.couple.id == thread.couple
    match thread.circle:
        case Circle.CARE:
            names, label, who = _names(tuple(dict.fromkeys(care))), "Your care team", "You and your care team"
        case Circle.THERAPIST:
            names, label = individual, f"You + {individual or 'your individual therapist'}"
            who = "You and your individual therapist, nobody else"
        case Circle.ALONE:
            names = couples if is_now else ""
            label = f"You + {names or 'your couples therapist'}"
            who = "You and your couples therapist; not your partner"
        case Circle.COUPLE:
            names = couples if is_now else ""
            label = around.ours_label if is_now else "Both of you, until you parted"
            who = "Both of you and your couples therapist"
    badge = "ours" if thread.circle == Circle.COUPLE else "care"
    about = names or "nobody just now" if thread.circle != Circle.COUPLE or is_now else "before you parted"
    return Shown(
        thread,
        TITLES[thread.circle],
        about,
        badge,
        label,
        f"{who}: those who hold that role now, and nobody else in the clinic.",
        (),
        address(thread),
        _to(thread, around, names),
    )


def _to(thread: Thread, around: Nearby, names: str) -> str:
    """Whom a partner sends it to, as the button says it."""
    if thread.circle == Circle.CARE:
        return "your care team"
    if thread.circle == Circle.COUPLE and around.partner:
        return _names((around.partner.name_used, *([names] if names else [])))
    return names


def _names(names: tuple[str, ...]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _shown(who: Person, threads: list[Thread]) -> dict[Thread, Shown]:
    """Each thread in the words of who looks."""
    if not who.is_staff_member:
        around = nearby(who)
        return {thread: _for_partner(thread, around) for thread in threads}
    couples = {thread.couple for thread in threads if thread.couple}
    people = {thread.person for thread in threads if thread.person}
    named = {row.id: row.name_used for row in Person.objects.filter(id__in=people)}
    sides: dict[UUID, str] = {}
    pairs: dict[UUID, list[tuple[str, str]]] = {}
    rows = Membership.objects.select_related("person").order_by("side")
    for row in rows.filter(couple_id__in=couples) | rows.filter(person_id__in=people, until__isnull=True):
        sides[row.person_id] = row.side
        pairs.setdefault(row.couple_id, []).append((row.side, row.person.name_used))
    found = {}
    for thread in threads:
        if thread.person:
            who_is_it: tuple[tuple[str, str], ...] = (
                (sides.get(thread.person, ""), named.get(thread.person, "")),
            )
        else:
            who_is_it = tuple(pairs.get(thread.couple, [])) if thread.couple else ()
        names = _names(tuple(name for _, name in who_is_it))
        found[thread] = Shown(
            thread,
            names,
            TO_STAFF[thread.circle],
            "ours" if thread.circle == Circle.COUPLE else "care",
            _read_by(thread, names),
            "Whoever has this role towards them now, and nobody else in the clinic.",
            who_is_it,
            address(thread),
            names,
        )
    return found


def _read_by(thread: Thread, names: str) -> str:
    roles = {
        Circle.CARE: "care team",
        Circle.THERAPIST: "individual therapist",
        Circle.ALONE: "couples therapist",
        Circle.COUPLE: "couples therapist",
    }
    return f"{names} + {roles[thread.circle]}"


# --------------------------------------------------------------------------------------------- the list


@require_GET
def threads(request: HttpRequest) -> HttpResponse:
    """Every thread of one's own, what is new first."""
    who = viewer(request)
    states = actions.states(who)
    shown = _shown(who, [state.thread for state in states])
    rows = [{"state": state, "shown": shown[state.thread]} for state in states]
    if who.is_staff_member:
        begun = [row for row in rows if row["state"].last]  # type: ignore[attr-defined]
        rest = sorted(
            (row for row in rows if not row["state"].last),  # type: ignore[attr-defined]
            key=lambda row: (row["shown"].title, row["shown"].about),  # type: ignore[attr-defined]
        )
    else:
        begun, rest = rows, []
    context = {"rows": begun, "rest": rest}
    if by_script(request):
        return render(request, "messages/page.html#living", context)
    return render(request, "messages/page.html", context)


# -------------------------------------------------------------------------------------------- one thread


class MessageForm(forms.Form):
    """The words; which agreement stood above them; and a number so that they are sent once."""

    text = forms.CharField(
        label="Your message",
        strip=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={"required": "Write a few words first."},
    )
    read_under = forms.UUIDField(widget=forms.HiddenInput, required=False)
    request_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)


def care(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """A person and their care team."""
    return _thread(request, Thread(Circle.CARE, person_id))


def therapist(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """A person and their individual therapist."""
    return _thread(request, Thread(Circle.THERAPIST, person_id))


def alone(request: HttpRequest, couple_id: UUID, person_id: UUID) -> HttpResponse:
    """One partner and the couples therapist, under what both agreed."""
    return _thread(request, Thread(Circle.ALONE, person_id, couple_id))


def couple(request: HttpRequest, couple_id: UUID) -> HttpResponse:
    """Both and their couples therapist."""
    return _thread(request, Thread(Circle.COUPLE, None, couple_id))


@require_http_methods(["GET", "POST"])
def _thread(request: HttpRequest, thread: Thread) -> HttpResponse:
    who = viewer(request)
    may_write = thread in actions.open_threads(who)
    if not may_write and not _has_something(who, thread):
        raise Http404
    form = MessageForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid() and _sent(who, thread, form):
        said.success(request, "Sent.")
        return redirect(f"{address(thread)}#newest")
    context = _context(request, who, thread)
    if by_script(request):
        return render(request, "messages/thread.html#living", context)
    # Only a page that was opened counts as read: one that renews itself may lie on a table.
    actions.mark_read(by=who, thread=thread, shown=[row for row, _ in context["rows"]])
    holds = actions.agreement_for(thread)
    context |= {
        "form": _reading(form, holds),
        "may_write": may_write,
        "holds": holds,
        "says": rules.meaning(holds.mode if holds else "", for_staff=who.is_staff_member)
        if thread.circle == Circle.ALONE
        else None,
        "longest": rules.LONGEST,
    }
    return render(request, "messages/thread.html", context, status=422 if form.is_bound else 200)


def _has_something(who: Person, thread: Thread) -> bool:
    """Whether the reader finds messages there, as what they are here; staff never those of their own life."""
    if who.is_staff_member and _is_ones_own(who, thread):
        return False
    return actions.messages_in(thread).exists()


def _is_ones_own(who: Person, thread: Thread) -> bool:
    mine = Membership.objects.filter(person=who, couple_id__in=[thread.couple] if thread.couple else [])
    return thread.person in intimates() or mine.exists()


def _sent(who: Person, thread: Thread, form: MessageForm) -> bool:
    """Whether it was sent; a refusal becomes the form's own sentence, and what was typed stays."""
    given = form.cleaned_data
    try:
        actions.send(
            by=who,
            thread=thread,
            text=given["text"].replace("\r\n", "\n"),
            request_id=given["request_id"],
            read_under=given["read_under"],
        )
    except Refused as refused:
        told(form, refused)
        return False
    return True


def _reading(form: MessageForm, holds: DisclosureAgreement | None) -> MessageForm:
    """The form as it is shown again: it carries the agreement whose meaning now stands above it."""
    shown = str(holds.id) if holds else ""
    if form.is_bound:
        typed: Any = form.data
        form.data = typed.copy()
        form.data["read_under"] = shown  # type: ignore[index]
    else:
        form.initial["read_under"] = shown
    return form


def _context(request: HttpRequest, who: Person, thread: Thread) -> dict[str, Any]:
    rows = list(_page(thread, request.GET.get("before", "")))
    older = rows[ON_A_PAGE - 1].id if len(rows) > ON_A_PAGE else None
    shown = list(reversed(rows[:ON_A_PAGE]))
    new = set(actions.unread(who).filter(id__in=[row.id for row in shown]).values_list("id", flat=True))
    sides = _sides(thread)
    return {
        "shown": _shown(who, [thread])[thread],
        "rows": [(row, {"is_new": row.id in new, "side": sides.get(row.author_id, "")}) for row in shown],
        "older": older,
        "is_newest": not request.GET.get("before"),
        "is_couple": thread.circle == Circle.COUPLE,
    }


def _page(thread: Thread, before: str) -> list[Message]:
    """The newest messages, newest first, with one more than fits; older than the one named, if it is there."""
    found = actions.messages_in(thread).select_related("author", "agreement").order_by("-recorded_at", "-id")
    try:
        last = actions.messages_in(thread).filter(id=UUID(before)).first() if before else None
    except ValueError:
        last = None
    if last:
        found = found.filter(recorded_at__lt=last.recorded_at)
    return list(found[: ON_A_PAGE + 1])


def _sides(thread: Thread) -> dict[UUID | None, str]:
    """The letters of the two, where the thread is theirs."""
    if thread.couple is None:
        return {}
    rows = Membership.objects.filter(couple_id=thread.couple)
    return dict(rows.values_list("person_id", "side"))


urlpatterns: list[URLPattern] = [
    path("messages", threads, name="messages"),
    path("messages/care/<uuid:person_id>", care, name="messages-care"),
    path("messages/therapist/<uuid:person_id>", therapist, name="messages-therapist"),
    path("messages/alone/<uuid:couple_id>/<uuid:person_id>", alone, name="messages-alone"),
    path("messages/couple/<uuid:couple_id>", couple, name="messages-couple"),
]
