"""What docs/outcomes.md shows is what happens."""

import os
import re
from pathlib import Path

import pytest

from tests.outcomes.acitelli import MISSING
from tests.outcomes.documented import FENCE, PAGE, refreshed


def test_every_example_on_invented_couples_prints_what_the_page_says(tmp_path: Path) -> None:
    page = PAGE.read_text()
    assert refreshed(page, tmp_path, with_acitelli=False) == page


def test_every_example_on_acitellis_couples_prints_what_the_page_says(tmp_path: Path) -> None:
    if "BOTHWELL_REFERENCE_DATA" not in os.environ:
        pytest.skip(MISSING)
    page = PAGE.read_text()
    assert refreshed(page, tmp_path, with_acitelli=True) == page


def test_a_page_that_shows_another_number_is_found_out(tmp_path: Path) -> None:
    page = "```python\nprint(1 + 1)\n```\n\n```text\n3\n```\n"
    assert refreshed(page, tmp_path, with_acitelli=False) == page.replace("3", "2")


def test_the_page_runs_something_of_every_kind() -> None:
    kinds = [match["kind"] for match in FENCE.finditer(PAGE.read_text())]
    assert {"python", "python acitelli", "console", "toml", "text"} <= set(kinds)
    assert set(kinds) <= {"python", "python acitelli", "console", "toml", "text", "r", "sh"}


@pytest.mark.parametrize(
    "word", ["causes", "leads to", "makes them", "improves", "because of", "due to", "effect of treatment"]
)
def test_the_page_never_speaks_of_causes(word: str) -> None:
    prose = FENCE.sub("", PAGE.read_text())
    said = prose.split("## What is never said")[0]
    assert not re.search(rf"\b{word}\b", said)
