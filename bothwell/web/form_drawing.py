"""How the controls of a form are drawn: as the framework does it, but for `maxlength`.

A browser cuts a pasted text at `maxlength` in silence. Without it the form refuses what is too long, says so, and
shows all that was typed.
"""

from typing import Any

from django.forms.renderers import DjangoTemplates
from django.http import HttpRequest


class Drawing(DjangoTemplates):
    """Draws a control that cuts nothing off."""

    def render(self, template_name: str, context: dict[str, Any], request: HttpRequest | None = None) -> str:
        context.get("widget", {}).get("attrs", {}).pop("maxlength", None)
        return str(super().render(template_name, context, request))
