"""A record leaves as a file, for a person or for a computer, and the line that it was given is written with it.

A file's name says nothing to whoever sees a list of downloads. No file is handed out that is not written down.
"""

from collections.abc import Callable
from typing import Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from bothwell.records import document
from bothwell.web import press, record_shown
from bothwell.web.asking import viewer

FORMS: Final = {"pdf": ("notes.pdf", "application/pdf"), "json": ("notes.json", "application/json")}
"""Names that say nothing to whoever sees a list of downloads."""
NO_PDF: Final = "No PDF can be made here yet. The file for computers can be fetched."


def hand_out(
    request: HttpRequest,
    copy: document.Record,
    form: str,
    write_down: Callable[[bytes], None],
    back: str,
    *on: UUID,
) -> HttpResponse:
    """The file, and the line that it was given; for long paper, first a page that asks for patience."""
    made: bytes | None
    try:
        made = _paper(request, copy) if form == "pdf" else document.to_json(copy)
    except OSError:  # a library of the system is missing: docs/running.md
        messages.error(request, NO_PDF)
        return redirect(back, *on)
    if made is None:
        return render(request, "records/printing.html", {"back": reverse(back, args=on)}, status=202)
    write_down(made)
    name, kind = FORMS[form]
    answer = HttpResponse(made, content_type=kind)
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _paper(request: HttpRequest, copy: document.Record) -> bytes | None:
    who = viewer(request)
    return press.paper(who.id, record_shown.page(copy, who.clinic))
