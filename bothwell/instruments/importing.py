"""From any author's FHIR questionnaire to one this clinic can ask: what fits is taken over, what does not is named.

It never guesses: what cannot be asked as its author meant it is a problem with its line and a remedy. Nothing is
stored here, no word is changed, and no safety flag is made from what somebody uploads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from bothwell.instruments.imported_items import Gathered, gather, plain_number
from bothwell.instruments.instrument import Better, Instrument, Kind
from bothwell.instruments.json_lines import Node
from bothwell.instruments.problems import Note, Problem, Sheet, opened
from bothwell.instruments.reading import read

LONGEST_TITLE: Final = 200
LONGEST_SLUG: Final = 36
SECONDS_AN_ITEM: Final = 10
LARGEST_TOTAL: Final = 99_999
KINDS: Final = (Kind.INDIVIDUAL, Kind.PREDOSE, Kind.RELATIONSHIP)
"""What an imported questionnaire may be. Screens are not among them: what must follow from an answer of theirs
(a flag, a sealed circle) belongs to the catalogue."""
KEPT_OF_THE_FORM: Final = ("publisher", "description", "purpose", "copyright")
FROM_R5: Final = ("versionAlgorithmString", "versionAlgorithmCoding", "copyrightLabel")
WHOLE: Final = "the questionnaire"


@dataclass(frozen=True, slots=True)
class Imported:
    """A questionnaire that can be asked: its form in FHIR, what counts towards the score, what to know of it.

    `weights`: linkId -> the fewest and the most points of each item that may count.
    `has_own_score` says that its author wrote a formula into it, which is kept but not used.
    """

    form: Mapping[str, Any]
    title: str
    slug: str
    items: tuple[str, ...]
    weights: Mapping[str, tuple[Decimal, Decimal]]
    has_own_score: bool
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Described:
    """What the clinic says of a questionnaire it loads, which the file does not.

    `reverse` are the items whose weights are turned round, `left_out` those with weights that do not count.
    """

    slug: str
    short: str
    plain_title: str
    recall: str
    kind: Kind
    better: Better
    reverse: frozenset[str]
    left_out: frozenset[str]
    areas: tuple[str, ...]
    licence_holder: str
    licence_terms: str

    @property
    def id(self) -> str:
        """Its id: never one of the catalogue's."""
        return f"own-{self.slug}"


def slug_of(title: str) -> str:
    """A short name for addresses and tables, from a title; `questionnaire` when nothing of it can be used."""
    words = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    return words[:LONGEST_SLUG].strip("-") or "questionnaire"


def is_slug(text: str) -> bool:
    """Whether a text can stand after `own-` in an id."""
    return len(text) <= LONGEST_SLUG and re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", text) is not None


def read_questionnaire(content: bytes) -> Imported | tuple[Problem, ...]:
    """The questionnaire in an uploaded file, or every problem that was found, in the order of the file."""
    node = opened(content)
    if isinstance(node, Problem):
        return (node,)
    sheet = Sheet()
    if not _is_questionnaire(node, sheet):
        return tuple(sheet.problems)
    title = _title(node, sheet)
    found = gather(node, sheet)
    _look_at_the_range(node, found, sheet)
    _note_what_is_left_out(node, sheet)
    if sheet.problems:
        return tuple(sorted(sheet.problems, key=lambda problem: problem.line))
    return Imported(
        form=_form(node, found, title),
        title=title,
        slug=slug_of(title),
        items=found.asked,
        weights=found.weights,
        has_own_score=found.has_own_score,
        notes=tuple(sorted(sheet.notes, key=lambda note: note.line)),
    )


def _is_questionnaire(node: Node, sheet: Sheet) -> bool:
    named = node.get("resourceType")
    kind = "" if named is None else named.text()
    if kind == "Questionnaire":
        return True
    what = f"It is a {kind[:40]}, not a Questionnaire." if kind else "resourceType is missing."
    sheet.problem(named or node, "the file", what, "Choose a file whose resourceType is Questionnaire.")
    return False


def _title(node: Node, sheet: Sheet) -> str:
    for name in ("title", "name"):
        each = node.get(name)
        if each is not None and each.text():
            if len(each.text()) > LONGEST_TITLE:
                sheet.problem(each, WHOLE, f"Its {name} is longer than 200 signs.", "Shorten it.")
            return each.text()
    sheet.problem(node, WHOLE, "It has no title.", "Give it a title.")
    return ""


def _look_at_the_range(node: Node, found: Gathered, sheet: Sheet) -> None:
    if sum(max(abs(low), abs(high)) for low, high in found.weights.values()) > LARGEST_TOTAL:
        sheet.problem(node, WHOLE, "Its weights add up to more than 99,999 points.", "Use smaller weights.")


def _note_what_is_left_out(node: Node, sheet: Sheet) -> None:
    modifier = node.get("modifierExtension")
    if modifier is not None:
        sheet.problem(
            modifier,
            WHOLE,
            "A modifierExtension changes its meaning in a way Bothwell does not know.",
            "Ask its author for a version without it.",
        )
    for name in FROM_R5:
        each = node.get(name)
        if each is not None:
            sheet.note(each, WHOLE, f"{name} belongs to FHIR R5 and is left out.")


def _form(node: Node, found: Gathered, title: str) -> dict[str, Any]:
    """The questionnaire as it will be kept; its address, version and items are set, all else is its author's."""
    kept = {name: each.text() for name in KEPT_OF_THE_FORM if (each := node.get(name)) and each.text()}
    url, version = (each.text() if (each := node.get(name)) else "" for name in ("url", "version"))
    derived = {"derivedFrom": [f"{url}|{version}" if version else url]} if _is_canonical(url) else {}
    extension = [each.plain() for each in _objects(node.get("extension"))]
    contained = [
        each.plain() for each in _objects(node.get("contained")) if f"#{_id(each)}" not in found.value_sets
    ]
    return {
        "resourceType": "Questionnaire",
        **({"contained": contained} if contained else {}),
        **({"extension": extension} if extension else {}),
        **derived,
        "title": title,
        "status": "active",
        "subjectType": ["Patient"],
        **kept,
        "item": found.items,
    }


def _is_canonical(url: str) -> bool:
    return re.fullmatch(r"(https?://|urn:)\S{1,400}", url) is not None


def _objects(node: Node | None) -> list[Node]:
    return [each for each in node.entries() if isinstance(each.value, dict)] if node else []


def _id(node: Node) -> str:
    found = node.get("id")
    return found.text() if found else ""


# --------------------------------------------------------------------------------------------------- the document


def document(imported: Imported, described: Described) -> bytes:
    """The file kept for this clinic: the questionnaire and its side table, one scale of the scored items.

    Raises ValueError for a name that cannot be an id, a kind that cannot be imported, or an unknown reversed item.
    """
    if not is_slug(described.slug) or described.kind not in KINDS:
        raise ValueError(
            "a short name of small letters, digits and hyphens, and a kind of measure, were expected"
        )
    if not described.reverse | described.left_out <= set(imported.weights):
        raise ValueError("only items with weights can be turned round or left out")
    own_score = f"{described.id.replace('-', '')}-score-"
    form = {
        "url": f"urn:bothwell:questionnaire:{described.id}",
        "name": "".join(word.capitalize() for word in described.id.split("-")),
        "code": [{"system": "urn:bothwell:questionnaire", "code": described.id}],
        **imported.form,
        # What Bothwell itself once exported comes back with its own score items: they are made anew.
        "item": [each for each in imported.form["item"] if not each["linkId"].startswith(own_score)],
    }
    whole = {"questionnaire": form, "side": _side(imported, described)}
    return json.dumps(whole, ensure_ascii=False, indent=1, default=plain_number).encode()


def instrument(imported: Imported, described: Described) -> Instrument:
    """What the clinic would ask. Raises ValueError as `document` does, CatalogueError when it cannot be asked."""
    return read(f"{described.id}.json", document(imported, described))


def _side(imported: Imported, described: Described) -> dict[str, Any]:
    scored = {
        link_id: each for link_id, each in imported.weights.items() if link_id not in described.left_out
    }
    items = [
        {
            "link_id": link_id,
            "scored": link_id in scored,
            "reverse": link_id in described.reverse and link_id in scored,
            "poles": None,
        }
        for link_id in imported.items
    ]
    return {
        "id": described.id,
        "short": described.short,
        "title": imported.title,
        "plain_title": described.plain_title,
        "stem": None,
        "recall": described.recall,
        "kind": described.kind.value,
        "areas": list(described.areas),
        "screen": None,
        "minutes": -(-len(imported.items) * SECONDS_AN_ITEM // 60),
        "ships": "text",
        "licence_class": "clinic",
        "conditions": None,
        "items": items,
        "scores": [_scale(list(scored.values()), described)] if scored else [],
        "main": "total" if scored else None,
        "rules": [],
        "flags": [],
        "licence": described.licence_terms,
        "owner": described.licence_holder,
        "citation": imported.form.get("publisher") or described.licence_holder,
        "source": "A questionnaire this clinic loaded; its weights are its author's.",
        "wording_verified": False,
        "wording_checked_against": [],
        "wording_note": "The words stand as in the file the clinic loaded.",
    }


def _scale(weights: list[tuple[Decimal, Decimal]], described: Described) -> dict[str, Any]:
    return {
        "id": "total",
        "title": "Total",
        "items": None,
        "how": "sum",
        "groups": None,
        "times": 1,
        "least": sum(low for low, _ in weights),
        "most": sum(high for _, high in weights),
        "direction": described.better.value,
        "gain": None,
        "missing": {
            "rule": "complete",
            "source": "No total unless every scored item is answered: the file says nothing of missing answers.",
            "confirm": True,
        },
        "bands": [],
        "cutoffs": [],
        "reliability": None,
        "published_change": None,
        "note": "The sum of the items that count, by their author's weights.",
    }
