"""Which code made a number: the release, and a mark of the very files. It says nothing of the data."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


@cache
def code_version() -> str:
    """The release, and the first twelve digits of the SHA-256 of this library's files, as "0.1.0+3f2a…"."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    try:
        release = version("bothwell")
    except PackageNotFoundError:
        release = "source"
    return f"{release}+{digest.hexdigest()[:12]}"
