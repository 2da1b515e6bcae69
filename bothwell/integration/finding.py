"""Finding words again: a person's own tags, and a search that minds neither case nor accents.

Pure. It never ranks, counts or interprets words, and keeps nothing of what was looked for.
"""

import unicodedata
from collections.abc import Iterable
from typing import Final

MOST_TAGS: Final = 12
LONGEST_TAG: Final = 40
"""Characters of one tag: a word or two to find something by, not a second text."""


def tags_of(typed: str) -> tuple[str, ...]:
    """The tags in a line as people type them: `Mother, #sleep, mother` gives `Mother` and `sleep`."""
    found: dict[str, str] = {}
    for part in typed.replace("\n", ",").replace(";", ",").split(","):
        tag = " ".join(part.strip().lstrip("#").split())
        if tag:
            found.setdefault(folded(tag), tag)
    return tuple(found.values())


def tags_refused(tags: Iterable[str]) -> str:
    """Why these tags cannot be kept, in a sentence, or nothing."""
    kept = list(tags)
    if len(kept) > MOST_TAGS:
        return f"There is room for {MOST_TAGS} tags."
    if any(len(tag) > LONGEST_TAG for tag in kept):
        return f"A tag has room for {LONGEST_TAG} characters."
    return ""


def folded(text: str) -> str:
    """The text without case and accents, for comparing only."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFKC", "".join(sign for sign in apart if not unicodedata.combining(sign)))


def is_found(asked: str, texts: Iterable[str]) -> bool:
    """Whether every word that was asked for stands somewhere in the texts; nothing asked finds everything."""
    whole = folded("\n".join(texts))
    return all(word in whole for word in folded(asked.replace("#", " ")).split())


def has_tag(wanted: str, tags: Iterable[str]) -> bool:
    """Whether one of the tags is the wanted one, as written by the same hand."""
    return folded(wanted) in {folded(tag) for tag in tags}


def all_tags(tagged: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """Every tag once, in the order of the alphabet."""
    found: dict[str, str] = {}
    for tags in tagged:
        for tag in tags:
            found.setdefault(folded(tag), tag)
    return tuple(tag for _, tag in sorted(found.items()))
