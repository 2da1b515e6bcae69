"""The couple's cycle as a picture: drawn with them, kept in versions, shown to each their own side and then to both.

It draws both sides alike, and a partner finds only what was shown to them: their own side, or what was shown to both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.forms import BoundField
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bothwell.couples.models import Couple, Person
from bothwell.integration import cycle_actions as actions
from bothwell.integration.cycle import PARTS, Cycle, CycleType, Node, Part, changes, faults, read, read_node
from bothwell.integration.models import CycleMap, CycleNode, CycleShown
from bothwell.privacy import audit
from bothwell.privacy.sharing_actions import receive
from bothwell.refusal import Refused
from bothwell.web.couple_asking import attempt, frame, names_of, status_of, therapist_and_couple

RECORD, SHARED = "couple.progress", "couple.shared"
SIDES = ("a", "b")


# ── the picture ──


@dataclass(frozen=True)
class Place:
    """One place of the picture: what stands above it, what was written, and the field it is written in, if any."""

    part: Part
    words: str
    field: BoundField | None = None


@dataclass(frozen=True)
class SideShown:
    """One side of the picture as it is drawn."""

    side: str
    name: str
    other: str
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Picture:
    """What the template draws: one side, or both with the arrows between. `plain`: in the couple's own words."""

    kind: str
    title: str
    sides: tuple[SideShown, ...]
    plain: bool


def picture(cycle: Cycle, names: dict[str, str], *, plain: bool = False, only: str = "") -> Picture:
    """The picture of this cycle, or of one side of it alone."""
    sides = tuple(_side(side, names, cycle.side(side), plain=plain) for side in SIDES if only in ("", side))
    both = not only
    return Picture(cycle.kind.label if both and cycle.kind else "", cycle.title if both else "", sides, plain)


def _side(side: str, names: dict[str, str], node: Node, *, plain: bool) -> SideShown:
    other = "b" if side == "a" else "a"
    places = tuple(Place(part, node.part(part.code)) for part in PARTS)
    return SideShown(
        side, names.get(side, side.upper()), names.get(other, other.upper()) if not plain else "", places
    )


# ── what a partner finds ──


@dataclass(frozen=True)
class CycleSeen:
    """What a partner finds of the cycle: the whole, shown to both; else their own side, shown to them alone."""

    picture: Picture
    to_both: bool
    shown_at: datetime


def cycle_for(who: Person, couple: Couple, side: str, names: dict[str, str]) -> CycleSeen | None:
    """What this partner finds, or None; opening the whole is noted, as of everything that is both's.

    `templates/couple/_cycle_shown.html` draws it: include with seen=….
    """
    whole = CycleShown.objects.filter(couple=couple).order_by("-recorded_at").first()
    own = CycleNode.objects.filter(subject=who, couple=couple).order_by("-recorded_at").first()
    if whole and (own is None or own.recorded_at <= whole.recorded_at):
        receive(by=who, item_kind=SHARED, item=whole)
        return CycleSeen(picture(read(whole.shown), names, plain=True), True, whole.recorded_at)
    if own is None:
        return None
    node = Cycle(a=read_node(own.node)) if side == "a" else Cycle(b=read_node(own.node))
    return CycleSeen(picture(node, names, plain=True, only=side), False, own.recorded_at)


# ── drawing ──


class CycleForm(forms.Form):
    """The picture as a form: the same places, each a field. No `maxlength`: a paste would be cut in silence."""

    kind = forms.ChoiceField(
        label="What kind of cycle",
        required=False,
        choices=[("", "not said yet"), *((one.value, one.label) for one in CycleType)],
    )
    title = forms.CharField(
        label="What they call it", required=False, help_text="A name of their own, such as “the chase”."
    )
    after = forms.IntegerField(widget=forms.HiddenInput, required=False)
    request_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    def __init__(self, *given: Any, names: dict[str, str], cycle: Cycle | None = None, **kept: Any) -> None:
        super().__init__(*given, **kept)
        self.names = names
        for side in SIDES:
            for part in PARTS:
                field = f"{side}-{part.code}"
                self.fields[field] = forms.CharField(
                    label=f"{part.label}, {names.get(side, side.upper())}",
                    required=False,
                    widget=forms.Textarea(attrs={"rows": 2}),
                )
                if cycle:
                    self.initial[field] = cycle.side(side).part(part.code)
        if cycle:
            self.initial["kind"] = cycle.kind.value if cycle.kind else ""
            self.initial["title"] = cycle.title

    def cycle(self) -> Cycle:
        """What was written. A line is one line: the places are small."""
        return _gathered(lambda name: self.cleaned_data.get(name))

    def written(self) -> Cycle:
        """What stands in the form now, right or wrong."""
        return _gathered(lambda name: self[name].value())

    def clean(self) -> dict[str, Any]:
        """Each place that is too full says so where it stands."""
        cleaned = super().clean() or {}
        for key, fault in faults(self.cycle()).items():
            self.add_error(key.replace(".", "-"), fault)
        return cleaned

    @property
    def drawn(self) -> Picture:
        """The picture with a field in each place."""
        sides = tuple(
            SideShown(
                side,
                self.names.get(side, ""),
                self.names.get("b" if side == "a" else "a", ""),
                tuple(
                    Place(part, str(self[f"{side}-{part.code}"].value() or ""), self[f"{side}-{part.code}"])
                    for part in PARTS
                ),
            )
            for side in SIDES
        )
        return Picture("", "", sides, plain=False)


def _gathered(value_of: Callable[[str], Any]) -> Cycle:
    def text(name: str) -> str:
        return " ".join(str(value_of(name) or "").split())

    sides = {side: {part.code: text(f"{side}-{part.code}") for part in PARTS} for side in SIDES}
    return read({"kind": text("kind"), "title": text("title"), **sides})


@require_http_methods(["GET", "POST"])
def cycle(request: HttpRequest, couple_id: UUID) -> HttpResponse:
    """Draw it, with the newest version to begin from; the earlier ones below."""
    who, pair = therapist_and_couple(request, couple_id)
    names, versions = names_of(pair), _versions(pair)
    newest = versions[0] if versions else None
    form = CycleForm(
        request.POST or None,
        names=names,
        cycle=read(newest.map) if newest else None,
        initial={"after": newest.number if newest else 0},
    )
    if request.method == "POST" and form.is_valid() and attempt(form, lambda: _draw(who, pair, form)):
        messages.success(
            request, "Kept as a version of its own. Nobody but you and your colleagues here sees it yet."
        )
        return redirect("couple_cycle", couple_id=pair.id)
    audit.viewed(who, couple=pair, what=RECORD)
    context = {
        **frame(pair, who),
        "form": form,
        "reading": picture(form.written(), names, plain=True),
        "versions": versions,
        "newest": newest,
    }
    return render(request, "couple/cycle.html", context, status=status_of(form))


def _draw(who: Person, pair: Couple, form: CycleForm) -> CycleMap:
    cleaned = form.cleaned_data
    return actions.draw_cycle(
        by=who,
        couple=pair,
        cycle=form.cycle(),
        after=cleaned["after"] or 0,
        request_id=cleaned["request_id"],
    )


@require_GET
def version(request: HttpRequest, couple_id: UUID, map_id: UUID) -> HttpResponse:
    """One version as it was drawn, what differs from another one, and what was shown of it."""
    who, pair = therapist_and_couple(request, couple_id)
    drawn = get_object_or_404(CycleMap.objects.select_related("author"), id=map_id, couple=pair)
    versions, names = _versions(pair), names_of(pair)
    other = _other(versions, drawn, request.GET.get("with", ""))
    audit.viewed(who, couple=pair, what=RECORD)
    context = {
        **frame(pair, who),
        "drawn": drawn,
        "picture": picture(read(drawn.map), names),
        "versions": versions,
        "other": other,
        "changes": _changed(other, drawn, names) if other else (),
        **_showing(pair, drawn, names),
    }
    return render(request, "couple/cycle_version.html", context)


def _other(versions: list[CycleMap], drawn: CycleMap, wanted: str) -> CycleMap | None:
    """The version to compare with: the one asked for, else the one before."""
    others = [one for one in versions if one.id != drawn.id]
    asked = next((one for one in others if str(one.number) == wanted), None)
    return asked or next((one for one in others if one.number < drawn.number), None)


def _changed(other: CycleMap, drawn: CycleMap, names: dict[str, str]) -> list[tuple[str, Any]]:
    first, last = sorted((other, drawn), key=lambda one: one.number)
    return [(names.get(one.side, ""), one) for one in changes(read(first.map), read(last.map))]


def _showing(pair: Couple, drawn: CycleMap, names: dict[str, str]) -> dict[str, Any]:
    """For each side: what would be shown, and since when it is; and whether the whole may be."""
    whole, shown = read(drawn.map), actions.sides_shown(pair)
    rows = []
    for side in SIDES:
        seen = shown.get(side)
        is_shown = seen is not None and seen[1] == whole.side(side)
        rows.append(
            {
                "side": side,
                "name": names.get(side, ""),
                "other": names.get("b" if side == "a" else "a", ""),
                "picture": picture(whole, names, plain=True, only=side),
                "is_empty": whole.side(side).is_empty,
                "shown_at": seen[0].recorded_at if seen and is_shown else None,
            }
        )
    return {
        "sides": rows,
        "whole": picture(whole, names, plain=True),
        "may_show_both": all(row["shown_at"] for row in rows),
        "shown": CycleShown.objects.filter(map=drawn).first(),
    }


@require_POST
def show(request: HttpRequest, couple_id: UUID, map_id: UUID) -> HttpResponse:
    """Show one side to its partner, or the whole to both."""
    who, pair = therapist_and_couple(request, couple_id)
    names, to = names_of(pair), request.POST.get("to", "")
    try:
        if to == "both":
            actions.show_both(by=who, couple=pair, map_id=map_id)
            messages.success(request, "Both find the whole picture on their page now.")
        else:
            actions.show_side(by=who, couple=pair, map_id=map_id, side=to)
            messages.success(request, f"{names.get(to, '')} finds this side now, and nobody else does.")
    except Refused as refused:
        messages.error(request, refused.reason)
    return redirect("couple_cycle_version", couple_id=pair.id, map_id=map_id)


def _versions(pair: Couple) -> list[CycleMap]:
    return list(CycleMap.objects.select_related("author").filter(couple=pair).order_by("-number"))


urlpatterns: list[URLPattern] = [
    path("couples/<uuid:couple_id>/cycle", cycle, name="couple_cycle"),
    path("couples/<uuid:couple_id>/cycle/<uuid:map_id>", version, name="couple_cycle_version"),
    path("couples/<uuid:couple_id>/cycle/<uuid:map_id>/show", show, name="couple_cycle_show"),
]
