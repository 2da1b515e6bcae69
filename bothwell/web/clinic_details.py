"""The clinic's name, its clock, its air, its video, and whom a partner can call in a crisis.

No line is offered to a partner that the clinic did not confirm, and none is called a number that is not one.
"""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.validators import RegexValidator
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.views.decorators.http import require_http_methods

from bothwell.couples import zones
from bothwell.couples.crisis import lines_by_country, lines_for
from bothwell.couples.models import Clinic, Role
from bothwell.enrolment import clinic_actions
from bothwell.messaging import video
from bothwell.refusal import Refused
from bothwell.web.asking import require
from bothwell.web.clinic import clinic_page

# Slips of the hand, not weather: from above the highest town to below the sea.
AIR_MMHG = (400, 820)


class ZoneSelect(forms.Select):
    """Each zone says in which country it lies, so that the page can fill in a country from the browser's own zone."""

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option: dict[str, Any] = super().create_option(name, value, *args, **kwargs)
        if country := zones.country_of(str(value)):
            option["attrs"]["data-country"] = country
        return option


class ClinicForm(forms.Form):
    """The clinic itself."""

    name = forms.CharField(label="Name of the clinic", max_length=200)
    country = forms.ChoiceField(
        label="Country",
        help_text="It chooses the crisis lines offered below, and the law about controlled substances.",
        error_messages={
            "required": "Choose your country.",
            "invalid_choice": "Choose the country from the list.",
        },
    )
    timezone_name = forms.ChoiceField(
        label="Time zone",
        widget=ZoneSelect,
        help_text="Every time on every page is told by this clock: the place nearest to you in your country.",
        error_messages={"required": "Choose the place whose clock you go by."},
    )
    ambient_pressure_mmhg = forms.IntegerField(
        label="Air pressure here, in mmHg",
        min_value=AIR_MMHG[0],
        max_value=AIR_MMHG[1],
        required=False,
        help_text="Only if a monitor tells carbon dioxide in per cent: those values become mmHg by it. About 760 at the "
        "sea, 630 at 1,600 m. Empty: such values are refused.",
    )
    video_link = forms.CharField(
        label="Address of your video provider",
        max_length=300,
        required=False,
        help_text="For meetings by video, at your own provider: https://video.example.org/{room}. Each meeting puts a "
        "name nobody can guess in the place of {room}. Empty: no video.",
    )

    def __init__(self, data: Any = None, *, initial: dict[str, Any]) -> None:
        super().__init__(data, initial=initial)
        known = initial.get("timezone_name") or ""
        kept = [known] if known and known not in zones.places() else []
        country = str((data or initial).get("country") or "")
        groups = [*_zones_of(country), *zones.grouped(zones.places())]
        self.fields["timezone_name"].choices = [("", "Choose"), *((z, z) for z in kept), *groups]  # type: ignore[attr-defined]
        self.fields["country"].choices = _countries(str(initial.get("country") or ""))  # type: ignore[attr-defined]
        for name in ("timezone_name", "country"):
            if not initial.get(name):
                self.fields[name].widget.attrs["data-guess"] = ""

    def clean_video_link(self) -> str:
        link = str(self.cleaned_data["video_link"]).strip()
        if not (answer := video.check(link)):
            raise forms.ValidationError(answer.reason)
        return link


def _zones_of(country: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """The zones of the country chosen, as a group of their own before the parts of the world."""
    own = [choice for _, group in zones.grouped(zones.by_country().get(country, ())) for choice in group]
    return [(zones.country_names().get(country, country), own)] if own else []


def _countries(known: str) -> list[tuple[str, str]]:
    """Every country by its name (ISO 3166); where no table of names is found, those with lines on file and the one known."""
    names = zones.country_names() or {code: code for code in lines_by_country()}
    kept = {known: known} if known and known not in names else {}
    return [("", "Choose"), *sorted({**kept, **names}.items(), key=lambda one: one[1])]


class CrisisLineForm(forms.Form):
    """Somebody to call. The link is made from the number alone, and every line shown is one the clinic confirmed."""

    label = forms.CharField(label="Who answers", max_length=80, required=False)
    number = forms.CharField(
        label="Number",
        max_length=40,
        required=False,
        validators=[RegexValidator(r"^[0-9+*#][0-9 ()+*#./-]*$", "A telephone number, for instance 988.")],
    )

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        for empty, other in (("label", "number"), ("number", "label")):
            if empty in given and not given[empty] and (given.get(other) or other in self.errors):
                self.add_error(empty, "Say who answers and under which number, or leave both empty.")
        return given

    def line(self) -> dict[str, str] | None:
        """`{label, number, href}`, or None when left empty."""
        given = self.cleaned_data
        if not given.get("number"):
            return None
        dialled = "".join(sign for sign in given["number"] if sign in "0123456789+*#")
        return {"label": given["label"], "number": given["number"], "href": f"tel:{dialled}"}


MOST_LINES = 8
CrisisLines = forms.formset_factory(CrisisLineForm, extra=0, max_num=MOST_LINES, validate_max=True)


@require_http_methods(["GET", "POST"])
def details(request: HttpRequest) -> HttpResponse:
    """Name, time zone, and whom a partner can call in a crisis."""
    by = require(request, Role.LEAD)
    known = by.clinic
    if request.method == "POST" and "offer" in request.POST:
        return _offered(request)
    data = request.POST if request.method == "POST" else None
    is_new = _is_new(known)
    country = "" if is_new else known.country
    initial = {
        "name": known.name,
        "timezone_name": "" if is_new else known.timezone,
        "country": country,
        "ambient_pressure_mmhg": known.ambient_pressure_mmhg,
        "video_link": known.video_link,
    }
    form = ClinicForm(data, initial=initial)
    offered = [] if known.crisis_lines else [line.shown() for line in lines_for(country)]
    # What is sent stands by itself: held against what stood there, an unchanged line would count as left empty.
    shown = None if data is not None else [*(offered or known.crisis_lines)[:6], {}, {}]
    lines = CrisisLines(data, initial=shown, prefix="line")
    if data is not None and form.is_valid() and lines.is_valid():
        given = form.cleaned_data
        kept = [line for f in lines if (line := f.line())]
        try:
            _must_be_confirmed(kept, known, data)
            clinic_actions.set_up_clinic(by=by, crisis_lines=kept, **given)
        except Refused as no:
            form.add_error(None, no.reason)
        else:
            messages.success(request, "Saved.")
            return redirect("clinic" if known.set_up_at else "clinic_staff")
    if data is not None:
        country = _chosen(data.get("country", ""))
    are_offered = bool(offered) if data is None else _are_offered(data, known, country)
    shown_now = _context(form, lines, country, are_offered=are_offered)
    return clinic_page(request, "details", shown_now | {"is_confirmed": bool(data and data.get("confirmed"))})


def _are_offered(data: QueryDict, known: Clinic, country: str) -> bool:
    """Whether a line that was sent is one on file for this country, and none the clinic confirmed before."""
    kept = {_digits(line["number"]) for line in known.crisis_lines}
    sent = {_digits(data.get(f"line-{n}-number", "")) for n in range(MOST_LINES)}
    return any(_digits(line.number) in sent - kept for line in lines_for(country))


def _context(form: ClinicForm, lines: Any, country: str, *, are_offered: bool) -> dict[str, Any]:
    names = zones.country_names()
    return {
        "form": form,
        "lines": lines,
        "are_offered": are_offered,
        "on_file": lines_for(country),
        "countries": sorted(
            ((code, names.get(code, code)) for code in lines_by_country()), key=lambda one: one[1]
        ),
        "country": country,
        "country_name": names.get(country, country) or "no country yet",
    }


def _chosen(country: str) -> str:
    """The country as sent, where there is one of these two letters; never a part of something longer."""
    return country if country in dict(_countries("")) else ""


def _is_new(known: Clinic) -> bool:
    """Whether nobody has said yet where this clinic is: what stands there is what every new one begins with."""
    fresh = Clinic()
    begins = (fresh.timezone, fresh.country)
    return not (known.set_up_at or known.crisis_lines) and (known.timezone, known.country) == begins


def _offered(request: HttpRequest) -> HttpResponse:
    """The same page with the lines of another country, and everything else as it was typed. Nothing is saved."""
    typed = request.POST
    country = _chosen(typed["offer"] or typed.get("country", ""))
    initial = {name: typed.get(name, "") for name in ClinicForm.base_fields} | {"country": country}
    initial["timezone_name"] = initial["timezone_name"] or zones.only_zone_of(country)
    offered = [line.shown() for line in lines_for(country)]
    kept = [*offered, *_own_lines(typed)][: MOST_LINES - 1]
    lines = CrisisLines(initial=[*kept, {}, {}][:MOST_LINES], prefix="line")
    context = _context(ClinicForm(initial=initial), lines, country, are_offered=bool(offered))
    return clinic_page(request, "details", context, status=200)


def _digits(number: str) -> str:
    return "".join(sign for sign in number if sign.isdecimal())


def _own_lines(typed: QueryDict) -> list[dict[str, str]]:
    """The lines as typed that are no country's on file: those somebody added."""
    on_file = {_digits(line.number) for lines in lines_by_country().values() for line in lines}
    found = [
        {"label": typed.get(f"line-{n}-label", "")[:80], "number": typed.get(f"line-{n}-number", "")[:40]}
        for n in range(MOST_LINES)
    ]
    return [line for line in found if any(line.values()) and _digits(line["number"]) not in on_file]


def _must_be_confirmed(lines: list[dict[str, str]], known: Clinic, data: QueryDict) -> None:
    """Raises Refused for a line that is new here and that nobody says they have confirmed."""
    kept = {(line["label"], line["number"]) for line in known.crisis_lines}
    if {(line["label"], line["number"]) for line in lines} - kept and data.get("confirmed") != "on":
        raise Refused("Call or look up each new line first, then say so below: numbers and hours change.")


urlpatterns: list[URLPattern] = [
    path("clinic/details", details, name="clinic_details"),
]
