"""Small words for templates: ages, circles, numbers with units."""

from datetime import datetime

from django import template
from django.utils import timezone

register = template.Library()


@register.filter
def ago(at: datetime | None) -> str:
    """`12 min ago`, in the words of a clock on the wall."""
    if at is None:
        return ""
    seconds = int((timezone.now() - at).total_seconds())
    if seconds < 0:
        return "in " + _span(-seconds)
    return "just now" if seconds < 45 else _span(seconds) + " ago"


def _span(seconds: int) -> str:
    minutes = max(1, round(seconds / 60))
    if minutes < 60:
        return f"{minutes} min"
    hours = round(minutes / 60)
    if hours < 48:
        return f"{hours} h"
    return f"{round(hours / 24)} days"


@register.filter
def get(mapping: dict[object, object], key: object) -> object:
    """`mapping[key]`, or nothing."""
    return mapping.get(key) if mapping else None


@register.filter
def on_day_of(at: datetime | None, first: datetime | None) -> str:
    """`14:05`; with its date where that is another day than the first one's: `24 Nov, 00:10`."""
    if at is None:
        return ""
    local = timezone.localtime(at)
    is_same = first is None or timezone.localtime(first).date() == local.date()
    return f"{local:%H:%M}" if is_same else f"{local.day} {local:%b, %H:%M}"
