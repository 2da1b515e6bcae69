"""What a clinic remembers of fits across clinics, in a file of its own: which couples an analysis is of, what was asked.

Lines of JSON are only ever added, and are on the disk before an answer leaves; of two processes the one that wrote first
counts. It keeps no couple's number and no name of a person, but the secret with which cohorts are marked: the file is the
clinic's and is not to be shown, copied back from a backup, or deleted while an analysis may go on.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bothwell.outcomes.unfit import Unfit

SECRET_BYTES = 32


@dataclass(frozen=True)
class Memory:
    """A clinic's file; it comes to be with the first line, readable for its owner alone."""

    path: Path

    def secret(self) -> bytes:
        """The clinic's own, drawn when the file began."""
        if not (known := self._all("secret")):
            self._add({"secret": secrets.token_hex(SECRET_BYTES)})
            known = self._all("secret")
        return bytes.fromhex(str(known[0]["secret"]))

    def open(self, analysis: str, cohort: str) -> None:
        """Binds the analysis to its couples. Raises Unfit where it was bound to others."""
        if not self._of(analysis, "cohort"):
            self._add({"analysis": analysis, "cohort": cohort})
        self._refuse_other(analysis, cohort)

    def count(self, analysis: str, cohort: str, most: int) -> None:
        """Counts a question. Raises Unfit where `most` were counted, or the analysis is not of these couples."""
        self._refuse_other(analysis, cohort)
        if self.asked(analysis) < most:
            self._add({"analysis": analysis, "asked": 1})
            if self.asked(analysis) <= most:  # nobody else took the last one meanwhile
                return
        raise Unfit(f"{most} questions were answered: no more")

    def asked(self, analysis: str) -> int:
        """How many questions of an analysis were counted, by any process."""
        return len(self._of(analysis, "asked"))

    def _refuse_other(self, analysis: str, cohort: str) -> None:
        bound = self._of(analysis, "cohort")
        if not bound or bound[0]["cohort"] != cohort:
            raise Unfit(
                "this analysis was opened for other couples or other answers; another needs a name of its own"
            )

    def _of(self, analysis: str, key: str) -> list[dict[str, Any]]:
        return [line for line in self._all(key) if line.get("analysis") == analysis]

    def _all(self, key: str) -> list[dict[str, Any]]:
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []
        return [said for line in lines if key in (said := _read(line))]

    def _add(self, line: dict[str, Any]) -> None:
        """A line begins with a line's end: one that a crash cut short spoils none after it."""
        is_new = not self.path.exists()
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, f"\n{json.dumps(line)}\n".encode())
            os.fsync(file)
        finally:
            os.close(file)
        if is_new:
            _keep_name(self.path.parent)


def _read(line: str) -> dict[str, Any]:
    """A line; nothing of one that was cut short, whose answer never left."""
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _keep_name(folder: Path) -> None:
    """Has a new file's name on the disk too, where folders can be told to."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
