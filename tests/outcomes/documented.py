"""Runs the examples of docs/outcomes.md and puts what they print where the page says it. As a program: rewrites the page.

A fence `python` is run; the fence `text` after it holds what it printed. A fence `console` holds commands after `$`
and what they print. A fence `toml` whose first line is `# name` is a file. What needs Acitelli's data says so:
`python acitelli`.
"""

import contextlib
import io
import os
import re
import shlex
from pathlib import Path
from typing import Any

from bothwell.outcomes.command import main

PAGE = Path(__file__).parents[2] / "docs" / "outcomes.md"
FENCE = re.compile(r"^```(?P<kind>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


def refreshed(page: str, folder: Path, *, with_acitelli: bool) -> str:
    """The page with everything its examples print written anew; they run in `folder`, one after the other."""
    room: dict[str, Any] = {}
    printed: str | None = None

    def fence(match: re.Match[str]) -> str:
        nonlocal printed
        kind, body = match["kind"], match["body"]
        if kind == "text":
            said, printed = printed, None
            return match[0] if said is None else f"```text\n{said}```"
        if kind == "toml":
            (folder / body.splitlines()[0].removeprefix("# ")).write_text(body)
        if kind == "console":
            return f"```console\n{''.join(_commanded(line) for line in body.splitlines() if line.startswith('$'))}```"
        if kind == "python" or (kind == "python acitelli" and with_acitelli):
            printed = _printed(body, room)
        elif kind == "python acitelli":
            printed = None
        return match[0]

    with contextlib.chdir(folder):
        return FENCE.sub(fence, page)


def _printed(code: str, room: dict[str, Any]) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(code, "docs/outcomes.md", "exec"), room)
    return out.getvalue()


def _commanded(line: str) -> str:
    words = shlex.split(line.removeprefix("$ "))
    assert words[:2] == ["bothwell", "outcomes"]
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
        main(words[2:])
    return f"{line}\n{out.getvalue()}"


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        page = refreshed(PAGE.read_text(), Path(name), with_acitelli="BOTHWELL_REFERENCE_DATA" in os.environ)
    PAGE.write_text(page)
