"""What docs/running.md tells a clinic to type and to write into files is so, word for word."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bothwell.running import cli, secrets

PROJECT = Path(__file__).parents[2]
PAPER = (PROJECT / "docs" / "running.md").read_text(encoding="utf-8")
UNITS = {
    found[1]: found[2]
    for found in re.finditer(r"```ini\n# /etc/systemd/system/(\S+)\n(.*?)```", PAPER, re.DOTALL)
}
SETTINGS = set(re.findall(r"^\| `([A-Z_]+)`", PAPER, re.MULTILINE)) | set(
    re.findall(r"`(BOTHWELL_[A-Z_]+)`", PAPER)
)


def words_of(line: str) -> list[str] | None:
    """What follows `.venv/bin/bothwell` in a line to be typed, as far as it is written out."""
    said = line.partition(".venv/bin/bothwell ")[2].partition("#")[0].partition("`")[0]
    words = said.split()
    return None if not words or "…" in said or "|" in words else words


def typed() -> list[list[str]]:
    papers = [PAPER, (PROJECT / "README.md").read_text(), (PROJECT / "docs" / "room.md").read_text()]
    lines = [line for paper in papers for line in re.findall(r"\.venv/bin/bothwell [^`\n(]*", paper)]
    return [words for line in lines if (words := words_of(line))]


def test_every_command_in_the_papers_is_understood() -> None:
    assert len(typed()) > 10
    for words in typed():
        if words[1:] and words[1] == "--host":  # the list of the words themselves
            continue
        cli._parser().parse_args(words)


def test_no_command_is_written_as_if_it_were_on_the_path() -> None:
    for name in ("README.md", "docs/running.md", "docs/room.md"):
        paper = (PROJECT / name).read_text(encoding="utf-8")
        for word in sorted(cli.OURS - {"serve"}):  # `bothwell serve` is also the name of what runs
            assert not re.search(rf"(?<!/)\bbothwell {re.escape(word)}\b", paper), (name, word)


def test_the_units_name_settings_that_exist_and_the_same_folders() -> None:
    assert set(UNITS) == {"bothwell.service", "bothwell-backup.service", "bothwell-backup.timer"}
    for name, text in UNITS.items():
        unit = configparser.RawConfigParser(strict=False)
        unit.optionxform = str  # type: ignore[assignment,method-assign]
        unit.read_string(text)
        assert set(re.findall(r"(?:^Environment=| )([A-Z_]+)=", text, re.MULTILINE)) <= SETTINGS, name
        if name.endswith(".service"):
            assert unit["Service"]["WorkingDirectory"] == "/opt/bothwell"
            assert "BOTHWELL_HOME=/var/lib/bothwell" in text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="this machine has no systemd to ask")
@pytest.mark.parametrize("name", ["bothwell.service", "bothwell-backup.service", "bothwell-backup.timer"])
def test_systemd_itself_finds_nothing_wrong_with_the_units(tmp_path: Path, name: str) -> None:
    program = tmp_path / "opt" / ".venv" / "bin" / "bothwell"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for each, text in UNITS.items():
        (tmp_path / each).write_text(text.replace("/opt/bothwell", str(tmp_path / "opt")))
    done = subprocess.run(
        ("systemd-analyze", "verify", "--man=no", str(tmp_path / name)),
        capture_output=True,
        text=True,
        check=False,
    )
    about_ours = [line for line in done.stderr.splitlines() if "bothwell" in line]
    assert (done.returncode, about_ours) == (0, [])


def test_the_list_of_what_a_clinic_keeps_is_whole() -> None:
    (row,) = [line for line in PAPER.splitlines() if line.startswith("| `BOTHWELL_HOME`")]
    kept = {secrets.FILE_NAME, secrets.NOTES_KEY, secrets.NOTES_MARK, "postgres/", "static/"}
    for name in kept | {f"{folder}/" for folder in secrets.FOLDERS}:
        assert f"`{name}`" in row
