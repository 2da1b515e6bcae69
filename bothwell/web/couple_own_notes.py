"""A couples therapist's own notes (psychotherapy notes): a page apart from every record, for their author alone.

Nothing of the record stands on it, nothing on it stands anywhere else, and no export, request or colleague reaches it.
"""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.views.decorators.http import require_http_methods

from bothwell.integration.process_note_actions import has_right_key, own_notes, write_process_note
from bothwell.web.couple_asking import attempt, session_of, status_of, therapist_and_couple
from bothwell.web.couple_chart import members_of
from bothwell.web.couple_session import TextForm


@require_http_methods(["GET", "POST"])
def own(request: HttpRequest, couple_id: UUID, session_id: UUID) -> HttpResponse:
    """What one wrote for oneself about this session, and a place to write."""
    who, pair = therapist_and_couple(request, couple_id)
    one = session_of(pair, session_id)
    form = TextForm(request.POST or None, prefix="process")
    if (
        request.method == "POST"
        and form.is_valid()
        and attempt(
            form, lambda: write_process_note(by=who, couple=pair, session_id=one.id, **form.cleaned_data)
        )
    ):
        messages.success(request, "Kept, for you alone.")
        return redirect("couple_process", couple_id=pair.id, session_id=one.id)
    context = {
        "couple": pair,
        "members": members_of([pair]).get(pair.id, {}),
        "session": one,
        "notes": own_notes(who, couple=pair, session=one),
        "form": form,
        "has_right_key": has_right_key(),
    }
    return render(request, "couple/own_notes.html", context, status=status_of(form))


urlpatterns: list[URLPattern] = [
    path("couples/<uuid:couple_id>/sessions/<uuid:session_id>/process", own, name="couple_process"),
]
