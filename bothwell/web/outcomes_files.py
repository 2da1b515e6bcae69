"""What may be taken away of a result: a table, pictures, a sheet, a notebook. The same numbers as on the page, no more."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from bothwell.outcomes.asking import scores
from bothwell.outcomes.coarse import NO_P
from bothwell.outcomes.reliable import COUPLES

HEAD: Final = (
    "part",
    "what",
    "week",
    "couples_at_least",
    "estimate",
    "standard_error",
    "low_95",
    "high_95",
    "p",
)
NOT_SAID: Final = "fewer than 5, or not said"
STYLE: Final = "bothwell/outcomes-picture.css"


def as_csv(shown: Mapping[str, Any]) -> HttpResponse:
    """Every number of the page as one tidy table."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(HEAD)
    writer.writerows(_rows(shown["result"]))
    return _file("\ufeff" + out.getvalue(), "text/csv; charset=utf-8", "outcomes.csv")


def _rows(result: Mapping[str, Any]) -> Iterator[list[Any]]:
    for line in result.get("table", ()):
        yield ["effect", _named(line), "", result["n_couples"], *(line[key] for key in ("estimate", "se", "low", "high")),
               _p(line["p"])]  # fmt: skip
    for line in result.get("spread", ()):
        yield ["spread", _named(line), "", result["n_couples"], line["value"], "", "", "", ""]
    for step in result.get("steps", ()):
        yield ["step", f"weeks {', '.join(map(str, step['weeks']))}", "", step["couples"], *[""] * 5]
    for key, points in result.get("courses", {}).items():
        for each in points:
            yield [
                "course",
                scores()[key].title,
                each["week"],
                each["couples"],
                each["mean"],
                "",
                each["low"],
                each["high"],
                "",
            ]
    for one in result.get("counts", ()):
        for name in COUPLES:
            what, count = f"{scores()[one['key']].title}: {name}", one["couples"][name]
            yield ["couples", what, "", one["n_couples"], NOT_SAID if count is None else count, *[""] * 4]


def _p(p: float | None) -> float | str:
    if p is None:
        return ""
    return f"< {NO_P}" if p < NO_P else p


def _named(line: Mapping[str, Any]) -> str:
    return f"{line['part']}: {line['words']}" if "part" in line else str(line["words"])


def as_notebook(shown: Mapping[str, Any]) -> HttpResponse:
    """The question as a notebook, for a table of one's own: it holds no answer."""
    notebook = shown["result"]["notebook"]
    text = notebook if isinstance(notebook, str) else json.dumps(notebook, indent=1)
    return _file(text, "application/x-ipynb+json", "outcomes.ipynb")


def as_script(shown: Mapping[str, Any]) -> HttpResponse:
    """The same question for R."""
    return _file(shown["result"]["r"], "text/plain; charset=utf-8", "outcomes.R")


def as_picture(shown: Mapping[str, Any], name: str) -> HttpResponse:
    """One picture on its own, with the colours of paper. Raises OSError where this machine cannot make paper."""
    from bothwell.web import printed  # its library is heavy, and not everywhere

    context = dict(shown) | {"paper": printed.picture_style(STYLE)}
    if name != "paths":
        context["alone"] = True
        context["one"] = next(one for one in shown["courses"] if one.key == name)
    template = shown["picture"] if name == "paths" else "outcomes/_course.svg.html"
    return _file(
        render_to_string(template, context).strip(), "image/svg+xml", f"{name.replace('.', '-')}.svg"
    )


def as_sheet(request: HttpRequest, shown: Mapping[str, Any]) -> HttpResponse:
    """The whole page on paper (PDF). Raises OSError where this machine cannot make paper."""
    from bothwell.web import printed  # its library is heavy, and not everywhere

    html = render_to_string("outcomes/paper.html", dict(shown) | {"paper": printed.picture_style(STYLE)})
    answer = HttpResponse(printed.pdf(html), content_type="application/pdf")
    answer["Content-Disposition"] = 'attachment; filename="outcomes.pdf"'
    return answer


def _file(text: str, kind: str, name: str) -> HttpResponse:
    answer = HttpResponse(text, content_type=kind)
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


SIMPLE: Final[Mapping[str, Callable[[Mapping[str, Any]], HttpResponse]]] = {
    "csv": as_csv,
    "ipynb": as_notebook,
    "R": as_script,
}
