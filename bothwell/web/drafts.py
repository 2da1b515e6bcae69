"""What an open page is told of the draft it keeps, whatever is being written: the answer `drafts.js` reads.

It names nobody, and goes to the draft's author alone.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

from django import forms
from django.http import JsonResponse
from django.utils import timezone
from django.utils.formats import date_format

from bothwell.couples.models import new_id
from bothwell.integration.keeping_actions import Kept
from bothwell.integration.models import Draft

D = TypeVar("D", bound=Draft)


class DraftForm(forms.Form):
    """Where a window's words are kept: the draft, its revision as last known, and where to go beside it."""

    draft_id = forms.UUIDField(required=False)
    beside_id = forms.UUIDField(required=False)
    revision = forms.IntegerField(required=False, min_value=0, max_value=2_000_000_000)

    @classmethod
    def of(cls, draft: Draft | None) -> dict[str, Any]:
        """What a page that begins from this draft carries, or from none."""
        return {
            "draft_id": draft.id if draft else new_id(),
            "revision": draft.revision if draft else 0,
            "beside_id": new_id(),
        }


def answer(
    kept: Kept[D],
    *,
    fields: Callable[[D], Mapping[str, Sequence[str]]],
    shown: Callable[[D], str],
    address: str = "",
) -> JsonResponse:
    """Where the words are; with those of the other window, when there is one: 409, and both are kept."""
    said: dict[str, Any] = {}
    if kept.draft is not None:
        at = date_format(timezone.localtime(kept.draft.saved_at), "H:i")
        said |= {"draft": str(kept.draft.id), "revision": kept.draft.revision, "at": at, "address": address}
    if kept.other is not None:
        said["other"] = {
            "draft": str(kept.other.id),
            "revision": kept.other.revision,
            "shown": shown(kept.other),
            "fields": fields(kept.other),
        }
    return JsonResponse(said, status=409 if kept.other else 200)


def carry(form: forms.Form, **hidden: Any) -> None:
    """Show a form again as it was sent, but with these values in its hidden fields."""
    data: Any = form.data.copy()  # type: ignore[attr-defined]
    for name, value in hidden.items():
        data[name] = str(value)
    form.data = data


def uuid_of(text: str) -> UUID | None:
    """The identifier, or None for anything else."""
    try:
        return UUID(text)
    except ValueError:
        return None
