"""Paper: a page as an accessible PDF (tagged, PDF/UA-1, A4), with our own letters and the colours of paper.

It fetches nothing from anywhere but the static folder, and knows nothing of what the page says.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, Final

from django.contrib.staticfiles import finders
from weasyprint import CSS, HTML
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher, URLFetcherResponse

STATIC: Final = "https://static.invalid/"
"""Before the address of what a page may take along, a path within the static folder. There is no such host."""

LETTERS: Final = ("vendor/inter/font.css", "vendor/source-serif-4/font.css")
VARIANT: Final = "pdf/ua-1"


class OwnFilesOnly(URLFetcher):  # type: ignore[misc]
    """Reads the static folder; any other address raises ValueError, so nothing leaves this machine."""

    def __init__(self) -> None:
        super().__init__(allowed_protocols=())

    def fetch(self, url: str, headers: Any = None) -> URLFetcherResponse:
        if not url.startswith(STATIC):
            raise ValueError("only what lies in the static folder")
        # A stylesheet is read only where it is called one.
        kind = {"Content-Type": "text/css"} if url.endswith(".css") else {}
        return URLFetcherResponse(url, _file(url.removeprefix(STATIC)).read_bytes(), kind)


ONE_AT_A_TIME: Final = Lock()
"""The letters are read once and shared, and paper may take no more than one thread from the pages."""


def pdf(html: str) -> bytes:
    """The page as a PDF; its `<title>` and `lang` become the document's."""
    with ONE_AT_A_TIME:
        letters, sheets = _press()
        page = HTML(string=html, base_url=STATIC, url_fetcher=OwnFilesOnly())
        made: bytes = page.write_pdf(stylesheets=sheets, font_config=letters, pdf_variant=VARIANT)
    return made


@cache
def _press() -> tuple[FontConfiguration, list[CSS]]:
    letters, own = FontConfiguration(), OwnFilesOnly()
    return letters, [
        CSS(string=text, base_url=base, url_fetcher=own, font_config=letters) for text, base in _styles()
    ]


@cache
def chart_style() -> str:
    """The rules of the small chart with the colours of paper, as a picture in a PDF needs them: written out."""
    rules = _resolved(_text("bothwell/trajectory.css"))
    return f"text {{ font-family: {_tokens()['sans']}; }}\n{rules}"


@cache
def picture_style(path: str, and_then: str = "") -> str:
    """The rules of a stylesheet of ours with the colours of paper, for a picture in a PDF; `and_then` come last."""
    return f"text {{ font-family: {_tokens()['sans']}; }}\n{_resolved(_text(path))}\n{and_then}"


@cache
def _styles() -> tuple[tuple[str, str], ...]:
    # A range of weights is what the file says of itself; written out, this reader takes it for a mistake.
    letters = [
        (re.sub(r"font-weight: [\d ]+;", "", _text(path)), STATIC + path)
        for path in LETTERS
        if finders.find(path)
    ]
    return (*letters, (_resolved(_text("bothwell/paper.css")), STATIC))


def _resolved(css: str) -> str:
    tokens = _tokens()
    return re.sub(r"var\(--([\w-]+)\)", lambda found: tokens[found[1]], css)


@cache
def _tokens() -> dict[str, str]:
    """Every token as it is by default, which is light; then as paper has it."""
    css = re.sub(r"/\*.*?\*/", "", _text("bothwell/tokens.css"), flags=re.DOTALL)
    paper = css.partition("@media print")[2]
    blocks = (css[css.index(":root") : css.index("}")], paper)
    return {
        name: value.strip()
        for block in blocks
        for name, value in re.findall(r"--([\w-]+):\s*([^;]+);", block)
    }


def _text(path: str) -> str:
    return _file(path).read_text("utf-8")


def _file(path: str) -> Path:
    """A file of the static folder. Raises ValueError for anything else."""
    found = None if ".." in path or path.startswith("/") else finders.find(path)
    if not isinstance(found, str):
        raise ValueError("no such file in the static folder")
    return Path(found)
